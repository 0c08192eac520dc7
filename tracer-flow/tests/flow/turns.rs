//! Turns of HTTP in clear.

use tracer_common::record::{TurnRecord, closer, note, turn};
use tracer_flow::driver::Report;

use crate::script::{
    DATA, Message, Play, Side, Story, client, full_12, full_13, play, record, server,
};

fn request(now_ns: u64) -> Message {
    client(
        now_ns,
        &[b"GET /page HTTP/1.1\r\nHost: www.example.com\r\n\r\n".to_vec()],
    )
}

fn response(now_ns: u64) -> Message {
    let header = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n".to_vec();
    server(now_ns, &[header, vec![b'x'; 2000]])
}

/// Number, first byte of the request, first and last byte of the response of each turn.
fn times(story: &Story) -> Vec<(u32, u64, u64, u64)> {
    let turns = story.turns.iter();
    turns
        .map(|turn| (turn.number, turn.start_ns, turn.first_ns, turn.last_ns))
        .collect()
}

#[test]
fn one_after_another() {
    let script: Vec<Message> = (1..=20)
        .flat_map(|number| [request(number * 1000), response(number * 1000 + 400)])
        .collect();
    let story = play(&script);
    let expected: Vec<_> = (1..=20)
        .map(|number| {
            let start_ns = u64::from(number) * 1000;
            (number, start_ns, start_ns + 400, start_ns + 400)
        })
        .collect();
    assert_eq!(times(&story), expected);
    assert!(story.turns.iter().all(|turn| turn.protocol == turn::CLEAR));
    // The first bytes report the connection as one in clear.
    assert!(story.handshakes.is_empty(), "{story:?}");
    assert_eq!(story.sent, request(0).bytes);
}

#[test]
fn a_response_in_many_segments() {
    let mut play = Play::new();
    play.whole(&request(1000));
    for now_ns in [2000, 3000, 4000] {
        play.whole(&response(now_ns));
    }
    assert_eq!(times(&play.end()), [(1, 1000, 2000, 4000)]);
}

#[test]
fn an_interim_response_is_no_answer() {
    let interim = server(2000, &[b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()]);
    let body = client(3000, &[vec![b'b'; 5000]]);
    let story = play(&[request(1000), interim, body, response(4000)]);
    assert_eq!(times(&story), [(1, 1000, 4000, 4000)]);
}

#[test]
fn a_request_without_an_answer() {
    let story = play(&[request(1000), response(2000), request(3000)]);
    assert_eq!(times(&story), [(1, 1000, 2000, 2000), (2, 3000, 0, 0)]);
}

#[test]
fn a_response_behind_a_hole_waits_for_it() {
    let mut play = Play::new();
    play.whole(&request(1000));
    let answer = response(0);
    let first = u32::MAX - 699;
    let second = first.wrapping_add(1000);
    play.segment(Side::Server, second, &answer.bytes[1000..], 2000);
    play.segment(Side::Server, first, &answer.bytes[..1000], 5000);
    assert_eq!(times(&play.end()), [(1, 1000, 5000, 5000)]);
}

#[test]
fn a_read_says_how_long_data_waited() {
    let mut play = Play::new();
    play.whole(&request(1000));
    play.whole(&response(2000));
    play.driver().read(2700);
    play.driver().read(9000);
    let story = play.end();
    assert_eq!(story.turns[0].pickup_ns, 700);
}

/// A reader that works between its reads: the last byte waited until the read that took it, and the connection was idle
/// only from then on.
#[test]
fn what_a_read_leaves_still_waits() {
    const MS: u64 = 1_000_000;
    let mut play = Play::new();
    play.whole(&request(MS));
    play.whole(&response(2 * MS));
    for read in 0..5 {
        play.driver().read_some(500, (3 + 40 * read) * MS);
    }
    play.whole(&request(170 * MS));
    play.whole(&response(172 * MS));
    play.driver().read(173 * MS);
    let records = turn_records(&mut play);
    assert_eq!(records[0].pickup_ns, 161 * MS);
    assert_eq!(records[1].pickup_ns, MS);
    assert_eq!(records[1].previous_ns, 163 * MS);
}

/// Messages that need no answer, over TLS: after three pauses it is clear that the client does not wait. Tickets come
/// meanwhile, and are read or not.
#[test]
fn messages_without_answers() {
    const S: u64 = 1_000_000_000;
    for (messages, notes) in [(4, vec![note::ONE_WAY]), (3, vec![])] {
        for (early, reads) in [(0, false), (0, true), (1, true), (2, true)] {
            let mut play = Play::new();
            full_13().iter().for_each(|message| play.whole(message));
            play.driver().read(3100);
            let ticket = record(DATA, 250);
            let before = vec![ticket.clone(); early];
            if early != 0 {
                play.whole(&server(3500, &before));
            }
            play.whole(&client(4000, &[record(DATA, 100)]));
            if early < 2 {
                play.whole(&server(4100, &vec![ticket; 2 - early]));
            }
            if reads {
                play.driver().read(4200);
            }
            for number in 1..messages {
                play.whole(&client(2 * number * S, &[record(DATA, 100)]));
            }
            assert_eq!(
                play.end().notes,
                notes,
                "{messages} messages, {early} {reads}"
            );
        }
    }
}

/// A slow reader that closes at once: the connection was not idle while it read.
#[test]
fn the_last_read_is_told_at_the_close() {
    const MS: u64 = 1_000_000;
    for (read_ns, late_us) in [(161 * MS, 159_000), (2 * MS + 500, 0)] {
        let mut play = Play::new();
        play.whole(&request(MS));
        play.whole(&response(2 * MS));
        play.driver().read(read_ns);
        play.driver().close(closer::CLIENT, 170 * MS);
        assert_eq!(play.end().read_late_us, late_us);
    }
}

/// A reader that is always a little behind: no byte waited as long as the response lasted.
#[test]
fn data_that_are_always_there_do_not_add_up() {
    let mut play = Play::new();
    play.whole(&request(1000));
    play.whole(&response(2000));
    for now_ns in (3000..100_000).step_by(1000) {
        play.whole(&server(now_ns, &[vec![b'x'; 500]]));
        play.driver().read_some(500, now_ns + 500);
    }
    let waited_ns = turn_records(&mut play)[0].pickup_ns;
    assert!((4000..6000).contains(&waited_ns), "{waited_ns}");
}

/// Records of all turns that are reported one by one, after the close.
fn turn_records(play: &mut Play) -> Vec<TurnRecord> {
    play.driver().close(closer::CLIENT, 1_000_000_000);
    let reports = play.driver().reports().iter();
    reports
        .filter_map(|report| match report {
            Report::Turn(record) => Some(*record),
            _ => None,
        })
        .collect()
}

fn text(side: Side, now_ns: u64, text: &str) -> Message {
    let pieces = [text.as_bytes().to_vec()];
    match side {
        Side::Client => client(now_ns, &pieces),
        Side::Server => server(now_ns, &pieces),
    }
}

/// The rest of a body whose answer came early (413) is no request; the next request line is one.
#[test]
fn the_rest_of_a_body_is_no_request() {
    let rest = client(3000, &[vec![b'b'; 9000], b"0\r\n\r\n".to_vec()]);
    let story = play(&[
        request(1000),
        response(2000),
        rest,
        request(4000),
        response(5000),
    ]);
    assert_eq!(
        times(&story),
        [(1, 1000, 2000, 2000), (2, 4000, 5000, 5000)]
    );
}

/// Bytes after 101 Switching Protocols are neither requests nor a part of the answer.
#[test]
fn messages_of_an_upgraded_connection_are_no_requests() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let message = |side, now_ns| text(side, now_ns, "GET \u{1}\u{2}message");
    let story = play(&[
        request(1000),
        text(Side::Server, 2000, answer),
        message(Side::Client, 3000),
        message(Side::Server, 4000),
        message(Side::Client, 5000),
    ]);
    assert_eq!(times(&story), [(1, 1000, 2000, 2000)]);
    assert_eq!(story.notes, [note::UPGRADED]);
}

/// Interim responses with fields, split anywhere, alone or in one segment with the answer.
#[test]
fn interim_responses_with_fields_are_no_answer() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    for cut in 12..hints.len() {
        let (head, tail) = hints.split_at(cut);
        let story = play(&[
            request(1000),
            text(Side::Server, 1500, head),
            text(Side::Server, 1600, tail),
            response(2000),
        ]);
        assert_eq!(times(&story), [(1, 1000, 2000, 2000)], "cut at {cut}");
    }
    let mut both = text(Side::Server, 1500, &hints.repeat(2));
    both.bytes.extend(response(0).bytes);
    assert_eq!(
        times(&play(&[request(1000), both])),
        [(1, 1000, 1500, 1500)]
    );
}

/// An answer that nobody asked for, on an idle connection.
#[test]
fn a_notice_of_the_server_does_not_stretch_the_transfer() {
    let late_ns = 2000 + turn::WAIT_NS;
    let notice = text(
        Side::Server,
        late_ns,
        "HTTP/1.1 408 Request Timeout\r\n\r\n",
    );
    let story = play(&[request(1000), response(2000), notice]);
    assert_eq!(times(&story), [(1, 1000, 2000, 2000)]);
}

/// Protocols that are not HTTP, whichever side speaks first.
#[test]
fn other_protocols_have_no_requests() {
    let redis = "*1\r\n$4\r\nPING\r\n";
    let story = play(&[
        text(Side::Client, 1000, redis),
        text(Side::Server, 2000, "+PONG\r\n"),
    ]);
    assert_eq!((times(&story), story.notes), (vec![], vec![note::OTHER]));
    let story = play(&[
        text(Side::Server, 1000, "220 mail ESMTP\r\n"),
        text(Side::Client, 2000, "EHLO here\r\n"),
        text(Side::Server, 3000, "250 mail\r\n"),
    ]);
    assert_eq!((times(&story), story.notes), (vec![], vec![note::OTHER]));
}

/// 100 Continue over TLS, with fields or without: the body that follows at once belongs to the request. Tickets may come
/// before it.
#[test]
fn interim_responses_over_tls() {
    let data = |length| record(DATA, length);
    for (handshake, tickets) in [
        (full_12(), 0),
        (full_13(), 0),
        (full_13(), 2),
        (full_13(), 1),
    ] {
        for interim in [25 + 24, 25 + 17, 78 + 17, 172 + 24] {
            let mut play = Play::new();
            handshake.iter().for_each(|message| play.whole(message));
            for now_ns in [10_000, 20_000, 30_000] {
                play.whole(&client(now_ns, &[data(210)]));
                let tickets = if now_ns == 10_000 { tickets } else { 0 };
                (0..tickets).for_each(|_| play.whole(&server(now_ns + 50, &[data(250)])));
                play.whole(&server(now_ns + 100, &[data(interim)]));
                play.driver().read(now_ns + 150);
                play.whole(&client(now_ns + 200, &[data(3017)]));
                play.whole(&server(now_ns + 900, &[data(57)]));
                play.driver().read(now_ns + 950);
            }
            let story = play.end();
            let starts: Vec<u64> = story.turns.iter().map(|turn| turn.start_ns).collect();
            assert_eq!(
                starts,
                [10_000, 20_000, 30_000],
                "{tickets} tickets, {interim}"
            );
            assert!(
                story.turns[1..]
                    .iter()
                    .all(|turn| turn.first_ns == turn.start_ns + 900)
            );
        }
    }
}

/// A request that is not much longer than the one before it is one, however short the answer was.
#[test]
fn short_answers_over_tls() {
    let data = |length| record(DATA, length);
    let mut script = full_12();
    for number in 1..=4 {
        script.push(client(number * 10_000, &[data(1100 + number as u16 * 100)]));
        script.push(server(number * 10_000 + 100, &[data(150)]));
    }
    assert_eq!(play(&script).turns.len(), 4);
}

/// Each request to a forward proxy is reported with its number, because it may be for another host.
#[test]
fn requests_to_a_forward_proxy() {
    let ask = |now_ns, host: &str| {
        let text = format!("GET http://{host}/page HTTP/1.1\r\nHost: {host}\r\n\r\n");
        client(now_ns, &[text.into_bytes()])
    };
    let mut play = Play::new();
    for (now_ns, host) in [
        (1000, "a.example"),
        (3000, "b.example"),
        (5000, "c.example"),
    ] {
        play.whole(&ask(now_ns, host));
        play.whole(&response(now_ns + 500));
    }
    let forwarded: Vec<_> = play
        .driver()
        .reports()
        .iter()
        .filter_map(|report| match report {
            Report::Bytes(bytes) if bytes.clear == note::FORWARDED => {
                Some((bytes.offset, bytes.bytes[11..20].to_vec()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        forwarded,
        [(2, b"b.example".to_vec()), (3, b"c.example".to_vec())]
    );
    assert_eq!(play.end().turns.len(), 3);
}

/// Messages of a websocket over TLS are too short for requests.
#[test]
fn messages_over_tls_are_no_requests() {
    let data = |length| record(DATA, length);
    for handshake in [full_12(), full_13()] {
        let mut script = handshake;
        script.extend([client(5000, &[data(230)]), server(5100, &[data(146)])]);
        for number in 0..10 {
            script.push(client(6000 + number * 100, &[data(36)]));
            script.push(server(6050 + number * 100, &[data(32)]));
        }
        let story = play(&script);
        assert_eq!(story.turns.len(), 1);
        assert_eq!(story.notes, [note::UPGRADED]);
    }
}

/// The first four responses in clear are reported with the numbers of their requests, and every 64th, with interim ones
/// before them. Bodies that go on are not.
#[test]
fn heads_of_some_responses_in_clear() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nbody".to_vec();
    let early = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    let mut play = Play::new();
    for number in 1..=130 {
        let now_ns = number * 1000;
        play.whole(&client(
            now_ns,
            &[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()],
        ));
        let first = if number == 2 {
            [&early[..], &head].concat()
        } else {
            head.clone()
        };
        play.whole(&server(now_ns + 100, &[first]));
        play.whole(&server(
            now_ns + 200,
            &[b"HTTP/1.1 more of the body".to_vec()],
        ));
    }
    let reports = play.driver().reports().iter();
    let heads: Vec<(u32, Vec<u8>)> = reports
        .filter_map(|report| match report {
            Report::Bytes(bytes) if bytes.clear == note::RESPONSE => {
                Some((bytes.offset, bytes.bytes.clone()))
            }
            _ => None,
        })
        .collect();
    let numbers: Vec<u32> = heads.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 64, 128]);
    assert!(heads.iter().all(|(_, bytes)| bytes.ends_with(&head)));
}

/// A response to HEAD has the fields of a body that does not come, so it is told apart; the next one is like any other.
#[test]
fn responses_to_requests_for_heads_are_marked() {
    let mut play = Play::new();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_vec();
    for (number, method) in (1..).zip(["GET", "HEAD", "GET", "HEAD"]) {
        let now_ns = number * 1000;
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        play.whole(&client(now_ns, &[request.into_bytes()]));
        play.whole(&server(now_ns + 100, std::slice::from_ref(&head)));
    }
    let reports = play.driver().reports().iter();
    let marks: Vec<(u32, u8)> = reports
        .filter_map(|report| match report {
            Report::Bytes(bytes) if bytes.clear >= note::RESPONSE => {
                Some((bytes.offset, bytes.clear))
            }
            _ => None,
        })
        .collect();
    let (whole, head) = (note::RESPONSE, note::HEAD_RESPONSE);
    assert_eq!(marks, [(1, whole), (2, head), (3, whole), (4, head)]);
}
