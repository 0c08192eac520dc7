//! Turns of HTTP in clear.

use tracer_common::record::turn;

use crate::script::{Message, Play, Side, Story, client, play, server};

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
