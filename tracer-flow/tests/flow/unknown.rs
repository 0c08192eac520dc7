//! Bytes whose meaning is not known, and the evidence that gives them one.

use tracer_common::record::{note, tls, turn};

use crate::script::{
    ALERT, DATA, HANDSHAKE, Message, Play, Side, Story, change_cipher_spec, client, client_hello,
    full_12, full_13, hello, play, record, server, with_turns,
};

fn turns(story: &Story) -> Vec<(u64, u8)> {
    let turns = story.turns.iter();
    turns.map(|turn| (turn.start_ns, turn.protocol)).collect()
}

fn play_adopted(script: &[Message]) -> Story {
    let mut play = Play::adopted();
    for message in script {
        play.whole(message);
    }
    play.end()
}

/// STARTTLS of SMTP and the SSLRequest of PostgreSQL: the handshake is followed, and what it protects is no HTTP.
#[test]
fn a_handshake_in_mid_stream() {
    let postgres = vec![
        client(100, &[vec![0, 0, 0, 8, 4, 210, 22, 47]]),
        server(200, &[b"S".to_vec()]),
    ];
    let smtp = vec![
        server(100, &[b"220 mail\r\n".to_vec()]),
        client(200, &[b"STARTTLS\r\n".to_vec()]),
        server(300, &[b"220 go\r\n".to_vec()]),
    ];
    for begin in [postgres, smtp] {
        for handshake in [full_12(), full_13()] {
            let mut script = begin.clone();
            script.extend(with_turns(handshake));
            let story = play(&script);
            assert_eq!(story.notes, [note::OTHER]);
            let done: Vec<_> = story
                .handshakes
                .iter()
                .filter(|handshake| handshake.outcome == tls::DONE)
                .collect();
            assert_eq!(done.len(), 1, "{story:?}");
            assert_eq!(done[0].start_ns, 1000);
            assert_eq!(turns(&story), []);
        }
    }
}

/// A handshake with a stretch that was not seen: nothing after it is a request.
#[test]
fn a_handshake_that_cannot_be_followed() {
    for handshake in [full_12(), full_13()] {
        let mut play = Play::new();
        let script = with_turns(handshake);
        play.whole(&script[0]);
        let mut early = 0;
        for message in &script[1..] {
            // The server's first kilobyte never comes.
            if message.side == Side::Server && early == 0 {
                early = 1;
                let bytes = message.bytes.clone();
                for piece in 1..=5 {
                    play.segment(
                        Side::Server,
                        play.next(Side::Server).wrapping_add(piece * 200),
                        &bytes[piece as usize * 200..],
                        2000,
                    );
                }
                play.pass(Side::Server, bytes.len() as u32);
            } else {
                play.whole(message);
            }
        }
        let story = play.end();
        assert_eq!(story.handshakes.len(), 1);
        assert_eq!(story.handshakes[0].outcome, tls::UNKNOWN);
        assert_eq!(turns(&story), []);
    }
}

#[test]
fn adopted_before_its_first_byte() {
    for (handshake, protocol) in [(full_12(), turn::TLS_12), (full_13(), turn::TLS_13)] {
        let story = play_adopted(&with_turns(handshake));
        assert_eq!(story.handshakes[0].outcome, tls::DONE);
        assert_eq!(turns(&story), [(5000, protocol), (7000, protocol)]);
    }
}

/// Adopted in the middle of its handshake: the rest of it is no request. The requests of HTTP/1.1 after it are told by
/// their lengths.
#[test]
fn adopted_in_the_middle_of_a_handshake() {
    for handshake in [full_12(), full_13()] {
        for from in 1..handshake.len() {
            let story = play_adopted(&with_turns(handshake.clone())[from..]);
            assert_eq!(story.handshakes, []);
            assert_eq!(
                turns(&story),
                [(5000, turn::TLS_12), (7000, turn::TLS_12)],
                "{story:?}"
            );
        }
    }
}

#[test]
fn adopted_in_clear() {
    let request = |now_ns| client(now_ns, &[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()]);
    let response = |now_ns| server(now_ns, &[b"HTTP/1.1 200 OK\r\n\r\nbody".to_vec()]);
    let rest = server(500, &[b"the rest of a body".to_vec()]);
    let upload = client(600, &[vec![b'u'; 3000]]);
    let story = play_adopted(&[
        rest,
        upload,
        response(700),
        request(1000),
        response(2000),
        request(3000),
        response(4000),
    ]);
    assert_eq!(turns(&story), [(1000, turn::CLEAR), (3000, turn::CLEAR)]);
}

/// HTTP/2 is told by a record that is too short for a request of HTTP/1.1: WINDOW_UPDATE, PING, or a request whose fields
/// the server knows already.
#[test]
fn adopted_with_http_2() {
    for length in [9 + 4 + 17, 9 + 8 + 17, 9 + 12 + 17] {
        let request = client(1000, &[record(DATA, length)]);
        let story = play_adopted(&[
            request,
            server(2000, &[record(DATA, 2000)]),
            client(3000, &[record(DATA, 400)]),
        ]);
        assert_eq!(
            (turns(&story), &story.notes[..]),
            (vec![], &[note::HTTP_2][..])
        );
    }
}

/// A short record takes back what longer ones seemed to tell: nothing after it is a request.
#[test]
fn adopted_with_long_records_of_http_2() {
    let response = |now_ns| server(now_ns, &[record(DATA, 2000)]);
    let request = |now_ns, length| client(now_ns, &[record(DATA, length)]);
    let script = [
        request(1000, 400),
        response(2000),
        request(3000, 90),
        response(4000),
        request(5000, 30),
        response(6000),
        request(7000, 400),
        response(8000),
    ];
    let story = play_adopted(&script);
    // User space takes back the first one, which was reported when the second began.
    assert_eq!(turns(&story), [(1000, turn::TLS_12)]);
    assert_eq!(story.notes, [note::HTTP_2]);
}

/// Lengths that either may have leave the requests unknown.
#[test]
fn adopted_with_records_of_doubt() {
    let request = client(1000, &[record(DATA, 60)]);
    let story = play_adopted(&[
        request.clone(),
        server(2000, &[record(DATA, 2000)]),
        request,
    ]);
    assert_eq!(
        (turns(&story), &story.notes[..]),
        (vec![], &[note::MIDDLE][..])
    );
    // An alert says nothing.
    let story = play_adopted(&[
        client(1000, &[record(ALERT, 26)]),
        client(1000, &[record(DATA, 19)]),
    ]);
    assert_eq!((turns(&story), story.notes), (vec![], vec![]));
}

/// Renegotiation (RFC 5246 7.4.1): the server asks for a certificate between request and response. None of its records is
/// a request or a response, wherever segments cut them.
#[test]
fn renegotiation_is_neither_request_nor_response() {
    let mut script = full_12();
    let again = [
        server(5100, &[record(HANDSHAKE, 28)]),
        client(5200, &[record(HANDSHAKE, 600)]),
        server(
            5300,
            &[
                record(HANDSHAKE, 100),
                record(HANDSHAKE, 3000),
                record(HANDSHAKE, 28),
            ],
        ),
        client(
            5400,
            &[
                record(HANDSHAKE, 2000),
                change_cipher_spec(),
                record(HANDSHAKE, 40),
            ],
        ),
        server(5500, &[change_cipher_spec(), record(HANDSHAKE, 40)]),
    ];
    script.push(client(5000, &[record(DATA, 400)]));
    script.extend(again.clone());
    script.extend([
        server(6000, &[record(DATA, 900)]),
        client(7000, &[record(DATA, 400)]),
        server(8000, &[record(DATA, 900)]),
    ]);
    for cut in [usize::MAX, 3, 40, 700, 1500] {
        let mut play = Play::new();
        for message in &script {
            play.cut(message, &[cut]);
        }
        let story = play.end();
        let times: Vec<_> = story
            .turns
            .iter()
            .map(|t| (t.start_ns, t.first_ns, t.last_ns))
            .collect();
        assert_eq!(
            times,
            [(5000, 6000, 6000), (7000, 8000, 8000)],
            "cut at {cut}"
        );
    }
}

/// The client begins a renegotiation on an idle connection.
#[test]
fn renegotiation_on_an_idle_connection() {
    let mut script = with_turns(full_12());
    script.extend([
        client(9000, &[record(HANDSHAKE, 600)]),
        server(9100, &[record(HANDSHAKE, 3000)]),
        client(
            9200,
            &[
                record(HANDSHAKE, 100),
                change_cipher_spec(),
                record(HANDSHAKE, 40),
            ],
        ),
        server(9300, &[change_cipher_spec(), record(HANDSHAKE, 40)]),
    ]);
    assert_eq!(turns(&play(&script)).len(), 2);
}

/// A segment with thousands of records, which the handshake is followed through.
#[test]
fn a_hello_in_records_of_one_byte() {
    let mut script = with_turns(full_13());
    let pieces: Vec<Vec<u8>> = (0..517)
        .map(|at| {
            let mut piece = record(HANDSHAKE, 1);
            piece[5] = u8::from(at == 0);
            piece
        })
        .collect();
    script[0] = client(1000, &pieces);
    let story = play(&script);
    assert_eq!(
        (story.handshakes[0].outcome, story.turns.len()),
        (tls::DONE, 2)
    );
    let _ = (hello(1, 4), client_hello());
}

/// A proxy that is spoken to over TLS: CONNECT and a handshake inside. The lengths are those of curl, urllib3 and Go.
#[test]
fn tls_inside_of_tls() {
    let data = |length| record(DATA, length);
    for (consent, hello, flight, last) in [
        (36, 534, 824, 97),
        (36, 274, 811, 97),
        (36, 534, 695, 110),
        (56, 534, 824, 81),
    ] {
        let mut script = full_13();
        script.extend([
            client(5000, &[data(131)]),
            server(5100, &[data(consent)]),
            client(5200, &[data(hello)]),
            server(5300, &[data(flight)]),
            client(5400, &[data(last), data(120)]),
            server(5500, &[data(2105)]),
            client(5600, &[data(120)]),
            server(5700, &[data(2105)]),
        ]);
        let story = play(&script);
        assert_eq!(turns(&story), [(5000, turn::TLS_13)]);
        assert_eq!(story.notes, [note::TLS_INSIDE]);
    }
    // Requests of any other length are what they are.
    let mut script = with_turns(full_13());
    script.extend([client(9000, &[data(96)]), server(9100, &[data(2000)])]);
    assert_eq!(
        (turns(&play(&script)).len(), play(&script).notes.len()),
        (3, 0)
    );
}

/// Control records before a request in one segment do not hide the request, nor how long its record is.
#[test]
fn a_request_behind_control_records() {
    let data = |length| record(DATA, length);
    let finish = || [change_cipher_spec(), record(HANDSHAKE, 40)];
    let behind = |now_ns, length| {
        let mut parts = finish().to_vec();
        parts.push(data(length));
        client(now_ns, &parts)
    };
    let answer = |now_ns| server(now_ns, &[data(2000)]);
    let script = [
        client(1000, &[data(400)]),
        answer(2000),
        behind(3000, 400),
        answer(4000),
    ];
    let story = play_adopted(&script);
    assert_eq!(turns(&story), [(1000, turn::TLS_12), (3000, turn::TLS_12)]);
    assert_eq!(story.notes, []);
    let mut script = full_12();
    script.extend([
        client(5000, &[data(131)]),
        answer(5100),
        behind(5200, 534),
        answer(5300),
        client(5400, &[data(93 + 24)]),
    ]);
    assert_eq!(play(&script).notes, [note::TLS_INSIDE]);
}
