//! Handshakes of TLS 1.2 and 1.3, in one piece, cut anywhere and out of order.

use tracer_common::record::tls;
use tracer_flow::driver::Report;

use crate::script::{
    ALERT, DATA, HANDSHAKE, Message, Play, Side, Story, change_cipher_spec, client, client_hello,
    full_12, full_13, play, record, resumed_12, resumed_13, server, server_hello, with_turns,
};

/// Every handshake, with its flow, the time of its end, and the resumption that its records show.
fn handshakes() -> Vec<(Vec<Message>, u8, u64, u8)> {
    vec![
        (full_12(), tls::FLOW_12, 4000, 0),
        (resumed_12(), tls::FLOW_12, 3000, 1),
        (full_13(), tls::FLOW_13, 3000, 0),
        (resumed_13(), tls::FLOW_13, 3000, 0),
    ]
}

#[track_caller]
fn check(story: &Story, flow: u8, end_ns: u64, resumed: u8) {
    let [handshake] = story.handshakes[..] else {
        panic!("{story:?}");
    };
    assert_eq!(handshake.outcome, tls::DONE, "{story:?}");
    assert_eq!(handshake.flow, flow, "{story:?}");
    assert_eq!(handshake.start_ns, 1000, "{story:?}");
    assert_eq!(handshake.end_ns, end_ns, "{story:?}");
    assert_eq!(handshake.resumed, resumed, "{story:?}");
    assert_eq!(story.counted, 0, "{story:?}");
}

/// Checks the outcome of a script whose handshake fails.
#[track_caller]
fn check_failed(script: &[Message], outcome: u8, ended_by: u8) {
    let story = play(script);
    let [handshake] = story.handshakes[..] else {
        panic!("{story:?}");
    };
    assert_eq!((handshake.outcome, handshake.ended_by), (outcome, ended_by));
    assert!(story.turns.is_empty(), "{story:?}");
}

#[test]
fn in_one_piece() {
    for (script, flow, end_ns, resumed) in handshakes() {
        let story = play(&script);
        check(&story, flow, end_ns, resumed);
        assert!(story.turns.is_empty(), "{story:?}");
        assert_eq!(story.sent, client_hello());
    }
}

#[test]
fn with_requests() {
    for (script, flow, end_ns, resumed) in handshakes() {
        let story = play(&with_turns(script));
        check(&story, flow, end_ns, resumed);
        let times: Vec<_> = story
            .turns
            .iter()
            .map(|turn| (turn.number, turn.start_ns, turn.first_ns, turn.last_ns))
            .collect();
        assert_eq!(times, [(1, 5000, 6000, 6000), (2, 7000, 8000, 8000)]);
    }
}

#[test]
fn split_at_every_byte() {
    for (script, ..) in handshakes() {
        let script = with_turns(script);
        let expected = play(&script);
        for (number, message) in script.iter().enumerate() {
            for end in message.cuts() {
                let mut play = Play::new();
                for (at, message) in script.iter().enumerate() {
                    let ends = [end].repeat(usize::from(at == number));
                    play.cut(message, &ends);
                }
                assert_eq!(play.end(), expected, "message {number} split at {end}");
            }
        }
    }
}

/// Ends of handshakes are found wherever the client's Finished is cut.
#[test]
fn finished_split_at_every_byte() {
    for (script, flow, end_ns, resumed) in handshakes() {
        let (last, before) = script.split_last().unwrap();
        for end in 1..last.bytes.len() {
            let mut play = Play::new();
            before.iter().for_each(|message| play.whole(message));
            play.cut(last, &[end]);
            check(&play.end(), flow, end_ns, resumed);
        }
    }
}

#[test]
fn a_first_record_without_a_client_hello_is_no_tls() {
    let story = play(&[client(1000, &[record(HANDSHAKE, 200)])]);
    assert_eq!(story.handshakes[0].outcome, tls::NOT_TLS);
}

#[test]
fn in_segments_of_few_bytes() {
    for (script, ..) in handshakes() {
        let script = with_turns(script);
        let expected = play(&script);
        for length in 1..8 {
            let mut play = Play::new();
            for message in &script {
                let ends: Vec<usize> = message.cuts().step_by(length).collect();
                play.cut(message, &ends);
            }
            assert_eq!(play.end(), expected, "segments of {length}");
        }
    }
}

#[test]
fn server_flight_out_of_order() {
    const ORDERS: [[usize; 3]; 5] = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (script, flow, end_ns, resumed) in handshakes() {
        let length = script[1].bytes.len();
        for order in ORDERS {
            for (first, second) in [(3, 9), (130, 140), (length / 3, length / 2)] {
                let mut play = Play::new();
                for (at, message) in with_turns(script.clone()).iter().enumerate() {
                    if at == 1 {
                        play.shuffled(message, &[first, second], &order);
                    } else {
                        play.whole(message);
                    }
                }
                check(&play.end(), flow, end_ns, resumed);
            }
        }
    }
}

/// The first segment of each group comes last, as if it were lost and sent again.
#[test]
fn many_losses_in_a_server_flight() {
    const GROUP: usize = 1 + tracer_flow::outside::QUEUED_SEGMENTS as usize;
    for (script, flow, end_ns, resumed) in handshakes() {
        let mut play = Play::new();
        for (at, message) in with_turns(script.clone()).iter().enumerate() {
            let ends: Vec<usize> = message.cuts().collect();
            let order: Vec<usize> = (0..=ends.len()).collect();
            let order: Vec<usize> = order
                .chunks(GROUP)
                .flat_map(|group| group[1..].iter().chain(&group[..1]).copied())
                .collect();
            if at == 1 {
                play.shuffled(message, &ends, &order);
            } else {
                play.whole(message);
            }
        }
        check(&play.end(), flow, end_ns, resumed);
    }
}

#[test]
fn segments_sent_again_change_nothing() {
    for (script, ..) in handshakes() {
        let script = with_turns(script);
        let mut play = Play::new();
        for message in &script {
            play.shuffled(message, &[100], &[0, 0, 1, 0, 1]);
        }
        assert_eq!(play.end(), self::play(&script));
    }
}

#[test]
fn a_gap_that_is_not_filled_is_counted() {
    let mut play = Play::new();
    let script = full_13();
    play.whole(&script[0]);
    play.shuffled(&script[1], &[500], &[1]);
    // The client's segments are not put in order: the first one behind a gap ends it.
    play.shuffled(&script[2], &[6], &[1]);
    let story = play.end();
    assert_eq!(story.handshakes[0].outcome, tls::UNKNOWN);
    assert_eq!(story.counted, 1);
}

#[test]
fn certificate_of_the_client() {
    let mut script = full_13();
    script[2] = client(
        3000,
        &[
            change_cipher_spec(),
            record(DATA, 1200),
            record(DATA, 281),
            record(DATA, 53),
        ],
    );
    check(&play(&with_turns(script)), tls::FLOW_13, 3000, 0);
}

#[test]
fn early_data_is_the_first_request() {
    let mut script = resumed_13();
    script[0] = client(
        1000,
        &[client_hello(), change_cipher_spec(), record(DATA, 300)],
    );
    script.push(server(5000, &[record(DATA, 1400)]));
    let story = play(&script);
    assert_eq!(story.handshakes[0].early_data, 1);
    let [turn] = &story.turns[..] else {
        panic!("{story:?}");
    };
    assert_eq!((turn.start_ns, turn.first_ns), (1000, 5000));
}

#[test]
fn failures() {
    let alert = |level, description| {
        let mut bytes = record(ALERT, 2);
        bytes[5..].copy_from_slice(&[level, description]);
        bytes
    };
    let hello = client(1000, &[client_hello()]);
    check_failed(
        &[hello.clone(), server(2000, &[alert(2, 40)])],
        tls::ALERT,
        tls::BY_SERVER,
    );
    check_failed(
        &[
            hello.clone(),
            server(2000, &[server_hello()]),
            client(3000, &[alert(2, 48)]),
        ],
        tls::ALERT,
        tls::BY_CLIENT,
    );
    // A warning changes nothing: what ends this handshake is the close.
    check_failed(
        &[hello.clone(), server(2000, &[alert(1, 112)])],
        tls::CLOSED,
        tls::BY_CLIENT,
    );
    check_failed(
        &[
            hello,
            server(2000, &[b"HTTP/1.1 400 Bad Request\r\n".to_vec()]),
        ],
        tls::NO_TLS_ANSWER,
        tls::BY_SERVER,
    );
    check_failed(
        &[client(1000, &[client_hello()])],
        tls::CLOSED,
        tls::BY_CLIENT,
    );
}

#[test]
fn bytes_of_the_server_before_the_client_are_no_tls() {
    let mut play = Play::new();
    play.segment(Side::Server, u32::MAX - 699, b"220 ready\r\n", 1000);
    let story = play.end();
    assert_eq!(story.handshakes[0].outcome, tls::NOT_TLS);
}

/// One or three tickets that come while the body of a request is still being sent, to a client that does not read
/// meanwhile: the rest of the body is no second request.
#[test]
fn tickets_do_not_end_a_request_that_goes_on() {
    for tickets in [1, 2, 3] {
        let mut play = Play::new();
        full_13().iter().for_each(|message| play.whole(message));
        play.driver().read(3100);
        play.whole(&client(3200, &[record(DATA, 400)]));
        for number in 0..tickets {
            play.whole(&server(3500 + number, &[record(DATA, 250)]));
        }
        for now_ns in [4000, 5000, 6000] {
            play.whole(&client(now_ns, &[record(DATA, 9000)]));
        }
        play.whole(&server(9000, &[record(DATA, 900)]));
        play.driver().read(9100);
        play.whole(&client(10_000, &[record(DATA, 400)]));
        let numbers: Vec<_> = play.end().turns.iter().map(|it| it.start_ns).collect();
        assert_eq!(numbers, [3200, 10_000], "{tickets} tickets");
    }
}

/// An answer that comes early, to a client that does not read before all of its body is sent.
#[test]
fn an_unread_answer_ends_no_request() {
    for handshake in [full_12(), full_13()] {
        let mut play = Play::new();
        handshake.iter().for_each(|message| play.whole(message));
        play.driver().read(4500);
        for number in [0, 10_000] {
            play.whole(&client(5000 + number, &[record(DATA, 400)]));
            play.whole(&server(6000 + number, &[record(DATA, 300)]));
            play.whole(&client(7000 + number, &[record(DATA, 9000)]));
            play.driver().read(8000 + number);
        }
        let starts: Vec<_> = play.end().turns.iter().map(|it| it.start_ns).collect();
        assert_eq!(starts, [5000, 15_000]);
    }
}

/// The length of the client's first record is told, without padding: also where it follows the Finished in its segment.
#[test]
fn the_first_record_of_the_client_is_told() {
    let first = |play: &mut Play| {
        play.driver().close(0, 1_000_000);
        let reports = play.driver().reports().iter();
        let lengths = reports.filter_map(|report| match report {
            Report::FirstTurn(record) => Some(record.sent_length),
            _ => None,
        });
        lengths.collect::<Vec<_>>()
    };
    let mut play = Play::new();
    let script = with_turns(full_13());
    script[..4].iter().for_each(|message| play.whole(message));
    assert_eq!(first(&mut play), [400]);
    let mut play = Play::new();
    let flight = [change_cipher_spec(), record(DATA, 53), record(DATA, 81)];
    full_13()[..2]
        .iter()
        .for_each(|message| play.whole(message));
    play.whole(&client(3000, &flight));
    assert_eq!(first(&mut play), [81]);
}
