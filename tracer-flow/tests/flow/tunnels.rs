//! Tunnels through proxies: CONNECT, SOCKS 4 and 5, and what is inside.

use tracer_common::record::{note, tls, tunnel, turn};

use crate::script::{
    DATA, HANDSHAKE, Message, Play, Story, change_cipher_spec, client, client_hello, full_12,
    full_13, play, record, server, with_turns,
};

const CONNECT: &[u8] = b"CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n";
const CONSENT: &[u8] = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";

fn sends(now_ns: u64, bytes: &[u8]) -> Message {
    client(now_ns, &[bytes.to_vec()])
}

fn answers(now_ns: u64, bytes: &[u8]) -> Message {
    server(now_ns, &[bytes.to_vec()])
}

/// Exchange of CONNECT, from 100 to 300.
fn connect() -> Vec<Message> {
    vec![sends(100, CONNECT), answers(300, CONSENT)]
}

/// Exchange of SOCKS 5 with user and password, from 100 to 700. `address`: in the reply, with its type.
fn socks_5(address: &[u8]) -> Vec<Message> {
    let request = [&[5, 1, 0, 3, 15][..], b"www.example.com", &[1, 187]].concat();
    vec![
        sends(100, &[5, 2, 0, 2]),
        answers(200, &[5, 2]),
        sends(300, b"\x01\x04user\x04pass"),
        answers(400, &[1, 0]),
        sends(500, &request),
        answers(700, &[&[5, 0, 0][..], address, &[16, 0]].concat()),
    ]
}

/// Exchange of SOCKS 4a, from 100 to 300.
fn socks_4() -> Vec<Message> {
    vec![
        sends(100, b"\x04\x01\x01\xbb\0\0\0\x01user\0www.example.com\0"),
        answers(300, &[0, 90, 0, 0, 0, 0, 0, 0]),
    ]
}

/// Kind, outcome, status, begin and duration of each exchange.
fn tunnels(story: &Story) -> Vec<(u8, u8, u16, u64, u64)> {
    let tunnels = story.tunnels.iter();
    tunnels
        .map(|t| (t.kind, t.outcome, t.status, t.start_ns, t.duration_ns))
        .collect()
}

/// Begin of each turn, with its protocol.
fn turns(story: &Story) -> Vec<(u64, u8)> {
    let turns = story.turns.iter();
    turns.map(|turn| (turn.start_ns, turn.protocol)).collect()
}

fn with(mut script: Vec<Message>, rest: Vec<Message>) -> Vec<Message> {
    script.extend(rest);
    script
}

#[test]
fn everything_begins_anew_behind_the_consent() {
    let ipv4 = [1, 127, 0, 0, 1];
    let ipv6 = [&[4][..], &[0; 16]].concat();
    let name = b"\x03\x05proxy";
    let exchanges = [
        (connect(), tunnel::CONNECT, 200, 200),
        (socks_4(), tunnel::SOCKS_4, 90, 200),
        (socks_5(&ipv4), tunnel::SOCKS_5, 0, 600),
        (socks_5(&ipv6), tunnel::SOCKS_5, 0, 600),
        (socks_5(name), tunnel::SOCKS_5, 0, 600),
    ];
    for (exchange, kind, status, duration_ns) in exchanges {
        for (handshake, protocol) in [(full_12(), turn::TLS_12), (full_13(), turn::TLS_13)] {
            let story = play(&with(exchange.clone(), with_turns(handshake.clone())));
            let opened = (kind, tunnel::OPENED, status, 100, duration_ns);
            assert_eq!(tunnels(&story), [opened]);
            assert_eq!(story.handshakes.len(), 1);
            assert_eq!(story.handshakes[0].outcome, tls::DONE);
            assert_eq!(story.handshakes[0].start_ns, 1000);
            assert_eq!(turns(&story), [(5000, protocol), (7000, protocol)]);
            assert_eq!((story.notes.len(), story.counted), (0, 0), "{story:?}");
        }
    }
}

/// Each message of an exchange is cut anywhere; the client's demand reaches user space whole.
#[test]
fn an_exchange_in_pieces() {
    for exchange in [connect(), socks_4(), socks_5(b"\x03\x05proxy")] {
        let whole = play(&with(exchange.clone(), with_turns(full_13())));
        for (at, message) in exchange.iter().enumerate() {
            for cut in message.cuts() {
                let mut play = Play::new();
                for (number, message) in exchange.iter().enumerate() {
                    let ends: &[usize] = &[cut];
                    play.cut(message, if number == at { ends } else { &[] });
                }
                for message in with_turns(full_13()) {
                    play.whole(&message);
                }
                let story = play.end();
                assert_eq!(story.tunnels, whole.tunnels, "message {at} cut at {cut}");
                assert_eq!(story.turns, whole.turns, "message {at} cut at {cut}");
                assert_eq!(story.asked, whole.asked, "message {at} cut at {cut}");
            }
        }
        let asked: Vec<u8> = exchange
            .iter()
            .filter(|message| message.is_client())
            .flat_map(|message| message.bytes.clone())
            .collect();
        assert_eq!(whole.asked, asked);
    }
}

#[test]
fn requests_in_clear_inside() {
    let request = b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let inside = vec![sends(1000, request), answers(2000, response)];
    let story = play(&with(connect(), inside));
    assert_eq!(turns(&story), [(1000, turn::CLEAR)]);
    assert_eq!(story.sent, request);
}

#[test]
fn a_chain_of_proxies() {
    let outer = connect();
    let inner = vec![sends(400, CONNECT), answers(600, CONSENT)];
    let story = play(&with(outer, with(inner, with_turns(full_12()))));
    let inside: Vec<_> = story
        .tunnels
        .iter()
        .map(|t| (t.inside, t.start_ns))
        .collect();
    assert_eq!(inside, [(0, 100), (1, 400)]);
    assert_eq!((story.handshakes.len(), story.turns.len()), (1, 2));
}

/// 407 with a body, and the second try on the same connection.
#[test]
fn a_second_try_with_credentials() {
    let refusal =
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nno entry\n";
    let again = vec![sends(400, CONNECT), answers(600, CONSENT)];
    let first = vec![sends(100, CONNECT), answers(300, refusal)];
    let story = play(&with(first, with(again, with_turns(full_13()))));
    assert_eq!(
        tunnels(&story),
        [
            (tunnel::CONNECT, tunnel::REFUSED, 407, 100, 200),
            (tunnel::CONNECT, tunnel::OPENED, 200, 400, 200),
        ]
    );
    assert_eq!((story.handshakes.len(), story.turns.len()), (1, 2));
}

#[test]
fn refusals_are_no_requests() {
    let method = [sends(100, &[5, 1, 0]), answers(300, &[5, 0xff])];
    let host = [
        sends(100, &[5, 1, 0]),
        answers(200, &[5, 0]),
        sends(250, &[5, 1, 0, 1, 1, 2, 3, 4, 0, 80]),
        answers(300, &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]),
    ];
    let socks_4 = [
        sends(100, b"\x04\x01\x01\xbb\x01\x02\x03\x04\0"),
        answers(300, &[0, 91, 0, 0, 0, 0, 0, 0]),
    ];
    let http = [
        sends(100, CONNECT),
        answers(300, b"HTTP/1.0 502 Bad Gateway\n\n<html>"),
    ];
    let cases = [
        (&method[..], tunnel::SOCKS_5, tunnel::METHOD | 0xff),
        (&host[..], tunnel::SOCKS_5, 4),
        (&socks_4[..], tunnel::SOCKS_4, 91),
        (&http[..], tunnel::CONNECT, 502),
    ];
    for (script, kind, status) in cases {
        let story = play(script);
        assert_eq!(tunnels(&story), [(kind, tunnel::REFUSED, status, 100, 200)]);
        assert_eq!(
            (story.turns.len(), story.handshakes.len(), story.notes.len()),
            (0, 0, 0)
        );
    }
}

#[test]
fn an_exchange_that_the_close_ends() {
    let story = play(&[sends(100, CONNECT), answers(300, b"HTTP/1.1 200 OK\r\n")]);
    let closed = (tunnel::CONNECT, tunnel::CLOSED, 200, 100, 999_900);
    assert_eq!(tunnels(&story), [closed]);
    assert_eq!((story.turns.len(), story.handshakes.len()), (0, 0));
}

/// An interim response before the consent, and a proxy that ends its lines without CR.
#[test]
fn consents_of_other_shapes() {
    for consent in [
        &b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.0 200 OK\n\n",
        b"HTTP/1.1 299 \r\n\r\n",
    ] {
        let exchange = vec![sends(100, CONNECT), answers(300, consent)];
        let story = play(&with(exchange, with_turns(full_12())));
        assert_eq!((story.tunnels.len(), story.turns.len()), (1, 2));
        assert_eq!(story.tunnels[0].outcome, tunnel::OPENED);
    }
}

/// A request that needs no tunnel, after a refusal.
#[test]
fn a_request_after_a_refusal() {
    let refused = vec![
        sends(100, CONNECT),
        answers(300, b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"),
    ];
    let request = sends(1000, b"GET http://www.example.com/ HTTP/1.1\r\n\r\n");
    let response = answers(2000, b"HTTP/1.1 200 OK\r\n\r\n");
    let story = play(&with(refused, vec![request, response]));
    assert_eq!(turns(&story), [(1000, turn::CLEAR)]);
    assert_eq!(story.notes, []);
}

/// Inside the tunnel the server speaks first: SSH.
#[test]
fn another_protocol_inside() {
    let greeting = [CONSENT, b"SSH-2.0-OpenSSH\r\n"].concat();
    let together = play(&[
        sends(100, CONNECT),
        answers(300, &greeting),
        sends(400, b"SSH-2.0-x\r\n"),
    ]);
    let apart = play(&with(
        connect(),
        vec![
            answers(400, b"SSH-2.0-OpenSSH\r\n"),
            sends(500, b"SSH-2.0-x\r\n"),
        ],
    ));
    for story in [together, apart] {
        assert_eq!(story.notes, [note::OTHER]);
        assert_eq!((story.tunnels.len(), story.turns.len()), (1, 0));
    }
}

/// Bytes that look like the first message of SOCKS, to a server that does not speak it.
#[test]
fn no_socks_after_all() {
    let story = play(&[
        sends(100, &[5, 1, 0]),
        answers(300, b"what?"),
        sends(400, &[5, 9]),
    ]);
    assert_eq!(
        (tunnels(&story), &story.notes[..]),
        (vec![], &[note::OTHER][..])
    );
    assert_eq!(story.turns.len(), 0);
}

/// A ClientHello behind the header of the PROXY protocol, in one segment with it or in the next.
#[test]
fn the_header_of_the_proxy_protocol_is_passed_over() {
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n".to_vec();
    let binary = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &[0; 12]].concat();
    for header in [line, binary] {
        let mut script = with_turns(full_13());
        script[0] = client(1000, &[header.clone(), client_hello()]);
        let together = play(&script);
        script[0] = client(1000, &[client_hello()]);
        script.insert(0, client(900, &[header]));
        let apart = play(&script);
        for story in [together, apart] {
            assert_eq!(turns(&story), [(5000, turn::TLS_13), (7000, turn::TLS_13)]);
            assert_eq!(story.sent, client_hello());
        }
    }
}

/// False Start (RFC 7918): the request follows the client's Finished at once. The answer comes in a segment of its own, or
/// behind the server's Finished.
#[test]
fn false_start() {
    let finished = [change_cipher_spec(), record(HANDSHAKE, 40)];
    let flight = |data| [finished.to_vec(), data].concat();
    for (sent, received) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut script = full_12();
        script[2].bytes.truncate(75);
        let request = vec![record(DATA, 400)];
        let answer = vec![record(DATA, 900)];
        let mut first = script.remove(2).bytes;
        first.extend(flight(if sent { request.clone() } else { vec![] }).concat());
        script.truncate(2);
        script.push(client(3000, &[first]));
        if !sent {
            script.push(client(3000, &request));
        }
        script.push(server(
            4000,
            &flight(if received { answer.clone() } else { vec![] }),
        ));
        if !received {
            script.push(server(4000, &answer));
        }
        script.extend([client(7000, &request), server(8000, &answer)]);
        let story = play(&script);
        let times: Vec<_> = story
            .turns
            .iter()
            .map(|t| (t.start_ns, t.first_ns))
            .collect();
        assert_eq!(times, [(3000, 4000), (7000, 8000)], "{story:?}");
        assert_eq!(story.handshakes[0].end_ns, 4000);
    }
}
