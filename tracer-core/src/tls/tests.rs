//! Tests with hellos recorded from real clients and servers (testdata/tls).

use super::HelloState::{Alert, Complete, Incomplete};
use super::*;

/// Recording of the first bytes of both directions.
struct Recording {
    client: Vec<u8>,
    server: Vec<u8>,
}

/// Reads `# client` and `# server` sections of hex lines; other `#` lines are comments.
fn recording(text: &str) -> Recording {
    let section = |name: &str| {
        let lines = text
            .lines()
            .skip_while(|line| *line != format!("# {name}"))
            .skip(1);
        let hex: String = lines.take_while(|line| !line.starts_with('#')).collect();
        (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
            .collect()
    };
    Recording {
        client: section("client"),
        server: section("server"),
    }
}

macro_rules! recorded {
    ($name:literal) => {
        recording(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/testdata/tls/",
            $name,
            ".hex"
        )))
    };
}

mod hostile;

/// State and hello of each direction.
type Outcome = (
    HelloState,
    Option<ClientHello>,
    HelloState,
    Option<ServerHello>,
);

fn outcome(stream: &HelloStream) -> Outcome {
    let (client, server) = (
        stream.client_hello().cloned(),
        stream.server_hello().cloned(),
    );
    (
        stream.state(Side::Client),
        client,
        stream.state(Side::Server),
        server,
    )
}

fn whole(recording: &Recording) -> HelloStream {
    let mut stream = HelloStream::new();
    stream.push(Side::Client, 0, &recording.client);
    stream.push(Side::Server, 0, &recording.server);
    stream
}

fn client_line(hello: &ClientHello) -> String {
    let alpn: Vec<_> = hello
        .alpn
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    let flags = [
        (hello.psk_offered, "psk"),
        (hello.ticket_offered, "ticket"),
        (hello.early_data, "early"),
        (hello.ech, "ech"),
        (hello.partial, "partial"),
    ];
    let flags: Vec<_> = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    let sni = hello.sni.as_ref().map_or("-".into(), ServerName::canonical);
    let (legacy, max, id) = (
        hello.legacy_version,
        hello.max_version,
        hello.session_id_len,
    );
    format!(
        "{sni} {legacy} {max} id={id} [{}] {}",
        alpn.join(","),
        flags.join("+")
    )
}

fn server_line(hello: &ServerHello) -> String {
    let resumed = hello.resumed().map_or(
        "resumed?",
        |resumed| if resumed { "resumed" } else { "full" },
    );
    let retry = if hello.hello_retry_request {
        "retry"
    } else {
        "-"
    };
    let alpn = hello
        .alpn
        .as_deref()
        .map_or("-".into(), String::from_utf8_lossy);
    format!(
        "{} {resumed} {retry} {:04x} {alpn}",
        hello.version, hello.cipher_suite
    )
}

/// Checks that a recording gives these hellos, whole and split in two at any byte, in either order.
fn check(recording: Recording, client: &str, server: &str) {
    let stream = whole(&recording);
    assert_eq!(client_line(stream.client_hello().unwrap()), client);
    assert_eq!(
        stream.server_hello().map_or("-".into(), server_line),
        server
    );
    let expected = outcome(&stream);
    for at in 0..=recording.client.len().max(recording.server.len()) {
        for swapped in [false, true] {
            assert_eq!(
                outcome(&split(&recording, at, swapped)),
                expected,
                "split at {at}, swapped {swapped}"
            );
        }
    }
}

/// Stream with both directions in two fragments; `swapped` puts the last fragment first, and the server before the
/// client.
fn split(recording: &Recording, at: usize, swapped: bool) -> HelloStream {
    let mut pushes = Vec::new();
    for (side, bytes) in [
        (Side::Client, &recording.client),
        (Side::Server, &recording.server),
    ] {
        let (head, tail) = bytes.split_at(at.min(bytes.len()));
        pushes.push((side, 0, head));
        pushes.push((side, head.len() as u32, tail));
    }
    if swapped {
        pushes.reverse();
    }
    let mut stream = HelloStream::new();
    pushes
        .into_iter()
        .for_each(|(side, offset, bytes)| stream.push(side, offset, bytes));
    stream
}

#[test]
fn recorded_full_handshakes() {
    check(
        recorded!("curl-openssl-1.3"),
        "curl.example 1.2 1.3 id=32 [http/1.1] ",
        "1.3 full - 1302 -",
    );
    check(
        recorded!("curl-openssl-1.2"),
        "curl.example 1.2 1.2 id=0 [h2,http/1.1] ",
        "1.2 full - c02c http/1.1",
    );
    check(
        recorded!("python-ssl-1.3"),
        "python.example 1.2 1.3 id=32 [] ",
        "1.3 full - 1302 -",
    );
    check(
        recorded!("node-1.3"),
        "node.example 1.2 1.3 id=32 [] ",
        "1.3 full - 1302 -",
    );
    check(
        recorded!("go-full-1.3"),
        "go.example 1.2 1.3 id=32 [h2,http/1.1] ",
        "1.3 full - 1301 -",
    );
    check(
        recorded!("openssl-1.0"),
        "old.example 1.0 1.0 id=0 [] ",
        "1.0 full - c00a -",
    );
}

#[test]
fn recorded_post_quantum_key_shares() {
    let full = recorded!("rustls-pq-full-1.3");
    assert!(full.client.len() > 1448 && full.server.len() > 1448);
    check(
        full,
        "rustls.example 1.2 1.3 id=32 [h2,http/1.1] ",
        "1.3 full - 1302 -",
    );
    check(
        recorded!("rustls-pq-early-1.3"),
        "rustls.example 1.2 1.3 id=32 [h2,http/1.1] psk+early",
        "1.3 resumed - 1302 -",
    );
    check(
        recorded!("chrome-pq-1.3"),
        "chrome.example 1.2 1.3 id=32 [h2,http/1.1] ech",
        "1.3 full - 1301 -",
    );
}

#[test]
fn recorded_resumptions() {
    check(
        recorded!("openssl-resumed-1.3"),
        "resume.example 1.2 1.3 id=32 [] psk",
        "1.3 resumed - 1302 -",
    );
    check(
        recorded!("openssl-resumed-1.2"),
        "resume.example 1.2 1.2 id=32 [] ticket",
        "1.2 resumed - c02c -",
    );
    check(
        recorded!("openssl-sessionid-1.2"),
        "sid.example 1.2 1.2 id=32 [] ",
        "1.2 resumed - c02c -",
    );
    check(
        recorded!("go-resumed-1.3"),
        "go.example 1.2 1.3 id=32 [h2,http/1.1] psk",
        "1.3 resumed - 1301 -",
    );
    check(
        recorded!("go-resumed-1.2"),
        "go.example 1.2 1.3 id=32 [h2,http/1.1] ticket",
        "1.2 resumed - c02b h2",
    );
}

#[test]
fn recorded_retry_request_and_alert() {
    check(
        recorded!("openssl-retry-1.3"),
        "retry.example 1.2 1.3 id=32 [] ",
        "1.3 full retry 1302 -",
    );
    let alert = recorded!("openssl-alert");
    assert_eq!(
        whole(&alert).state(Side::Server),
        Alert {
            level: 2,
            description: 40
        }
    );
    check(alert, "- 1.2 1.2 id=0 [] ", "-");
}

#[test]
fn a_retry_request_alone_is_not_the_end() {
    let recording = recorded!("openssl-retry-1.3");
    let retry = 5 + usize::from(u16::from_be_bytes([
        recording.server[3],
        recording.server[4],
    ]));
    let mut stream = HelloStream::new();
    stream.push(Side::Server, 0, &recording.server[..retry]);
    assert!(stream.server_hello().unwrap().hello_retry_request);
    assert_eq!(stream.state(Side::Server), Incomplete);
    assert_eq!(stream.server_hello().unwrap().session_id_echo_matches, None);
    stream.push(Side::Server, retry as u32, &recording.server[retry..]);
    assert_eq!(stream.state(Side::Server), Complete);
}

/// Hello cut into records of `size` bytes each, as a peer may send it.
fn in_records_of(size: usize, stream: &[u8]) -> Vec<u8> {
    let length = usize::from(u16::from_be_bytes([stream[3], stream[4]]));
    let records = stream[5..5 + length].chunks(size);
    records
        .flat_map(|part| [&[22, 3, 1, 0, part.len() as u8], part].concat())
        .collect()
}

#[test]
fn hellos_split_over_records() {
    let recording = recorded!("go-resumed-1.2");
    let expected = whole(&recording);
    for size in 1..200 {
        let client = in_records_of(size, &recording.client);
        let server = in_records_of(size, &recording.server);
        assert_eq!(
            outcome(&whole(&Recording { client, server })),
            outcome(&expected),
            "records of {size}"
        );
    }
}

#[test]
fn a_hello_before_the_end_of_its_record() {
    let mut server = recorded!("openssl-1.0").server;
    let hello = 4 + usize::from(server[8]);
    server[3..5].copy_from_slice(&16384_u16.to_be_bytes());
    let mut stream = HelloStream::new();
    stream.push(Side::Server, 0, &server[..5 + hello]);
    assert_eq!(stream.state(Side::Server), Complete);
}

/// Protocol of recorded handshakes, however their bytes come.
#[test]
fn http2_is_known_by_alpn_and_by_the_length_of_encrypted_extensions() {
    let all = [
        (recorded!("curl-openssl-1.2"), Some(false)),
        (recorded!("curl-openssl-1.3"), Some(false)),
        (recorded!("go-full-1.3"), Some(true)),
        (recorded!("go-resumed-1.2"), Some(true)),
        (recorded!("go-resumed-1.3"), Some(true)),
        (recorded!("node-1.3"), Some(false)),
        (recorded!("openssl-retry-1.3"), Some(false)),
        (recorded!("rustls-pq-early-1.3"), Some(true)),
        // The certificate is in the same record.
        (recorded!("rustls-pq-full-1.3"), None),
    ];
    for (number, (recording, expected)) in all.iter().enumerate() {
        let stream = whole(recording);
        let offered = stream.client_hello().map(client_line);
        assert_eq!(stream.is_http2(), *expected, "{number}: {offered:?}");
        let mut stream = HelloStream::new();
        stream.push(Side::Client, 0, &recording.client);
        for (offset, byte) in (0..).zip(&recording.server) {
            stream.push(Side::Server, offset, &[*byte]);
        }
        assert_eq!(stream.is_http2(), *expected, "{number}, byte by byte");
    }
}
