//! Tests of exchanges with proxies.

use proptest::prelude::*;
use tracer_common::record::{TunnelRecord, tunnel};
use zerocopy::FromZeros;

use super::*;

fn ended(kind: u8, outcome: u8, status: u16) -> Tunnel {
    let mut record = TunnelRecord::new_zeroed();
    record.header.time_ns = 50;
    (record.start_ns, record.duration_ns) = (10, 40);
    (record.kind, record.outcome, record.status) = (kind, outcome, status);
    Tunnel::of(&record)
}

#[test]
fn refusals_have_reasons() {
    #[track_caller]
    fn check(kind: u8, statuses: &[u16], expected: Refusal) {
        for &status in statuses {
            let outcome = ended(kind, tunnel::REFUSED, status).outcome;
            assert_eq!(outcome, Outcome::Failed(expected), "{kind} {status}");
        }
    }
    check(tunnel::CONNECT, &[407], Refusal::Auth);
    check(tunnel::CONNECT, &[400, 403, 405, 429], Refusal::Refused);
    check(tunnel::CONNECT, &[502, 503, 504], Refusal::Unreachable);
    check(tunnel::CONNECT, &[0, 100, 302, 500, 999], Refusal::Other);
    check(tunnel::SOCKS_4, &[92, 93], Refusal::Auth);
    check(tunnel::SOCKS_4, &[91], Refusal::Refused);
    check(tunnel::SOCKS_4, &[0, 94], Refusal::Other);
    check(tunnel::SOCKS_5, &[0x1ff, 0x201, 0x2ff], Refusal::Auth);
    check(tunnel::SOCKS_5, &[2, 5], Refusal::Refused);
    check(tunnel::SOCKS_5, &[3, 4, 6], Refusal::Unreachable);
    check(tunnel::SOCKS_5, &[1, 7, 8, 255], Refusal::Other);
}

#[test]
fn a_close_is_no_answer_and_what_was_not_followed_no_failure() {
    let outcome = |outcome| ended(tunnel::CONNECT, outcome, 0).outcome;
    assert_eq!(outcome(tunnel::CLOSED), Outcome::Failed(Refusal::Closed));
    assert_eq!(outcome(tunnel::UNKNOWN), Outcome::Unknown);
    assert_eq!(outcome(99), Outcome::Unknown);
    assert_eq!(ended(0, tunnel::OPENED, 200).outcome, Outcome::Unknown);
}

#[test]
fn what_is_taken_back_is_gone() {
    let mut group = Group::default();
    let opened = ended(tunnel::SOCKS_5, tunnel::OPENED, 0);
    opened.apply(&mut group);
    assert_eq!((group.tunnels.opened, group.tunnels.by_kind.socks5), (1, 1));
    assert_eq!(group.phases.tunnel.summary().max_ns, 40);
    opened.take_back(&mut group);
    assert_eq!(group, Group::default());
}

/// Exchange with these bytes, which arrive in pieces of `size`.
fn target(bytes: &[u8], size: usize) -> Option<Target> {
    let mut exchange = Exchange::default();
    for (at, piece) in bytes.chunks(size).enumerate() {
        exchange.push((at * size) as u32, piece);
    }
    exchange.target()
}

#[track_caller]
fn check(bytes: &[u8], expected: Option<(&str, u16)>) {
    for size in [1, 3, 1024] {
        let found = target(bytes, size);
        let found = found.map(|target| match target.host {
            TargetHost::Name(name) => (name, target.port),
            TargetHost::Address(address) => (address.to_string(), target.port),
        });
        let found = found.as_ref().map(|(host, port)| (host.as_str(), *port));
        assert_eq!(found, expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn authority_of_connect() {
    check(
        b"CONNECT Site.Example.:8443 HTTP/1.1\r\nHost: other\r\n\r\n",
        Some(("site.example", 8443)),
    );
    check(
        b"CONNECT site.example:80 HTTP/1.0\n\n",
        Some(("site.example", 80)),
    );
    check(
        b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n",
        Some(("2001:db8::1", 443)),
    );
    check(
        b"CONNECT [::ffff:10.0.0.1]:443 HTTP/1.1\r\n",
        Some(("10.0.0.1", 443)),
    );
    check(
        b"CONNECT 10.0.0.1:443 HTTP/1.1\r\n",
        Some(("10.0.0.1", 443)),
    );
    check(
        b"CONNECT u:p@a.example:1 HTTP/1.1\r\n",
        Some(("a.example", 1)),
    );
    check(b"CONNECT a\x1b[2J:1 HTTP/1.1\r\n", Some(("a\\027[2j", 1)));
    for bytes in [
        &b"CONNECT site.example HTTP/1.1\r\n"[..],
        b"CONNECT :443 HTTP/1.1\r\n",
        b"CONNECT site.example:65536 HTTP/1.1\r\n",
        b"CONNECT site.example:443 HTTP/1.1",
        b"GET site.example:443 HTTP/1.1\r\n",
        b"CONNECT\r\n",
        b"\n",
        b"",
    ] {
        check(bytes, None);
    }
    let long = format!("CONNECT {}:443 HTTP/1.1\r\n", "a".repeat(256));
    check(long.as_bytes(), None);
}

#[test]
fn request_of_socks_4() {
    check(
        b"\x04\x01\x01\xbb\x0a\x00\x00\x01me\0",
        Some(("10.0.0.1", 443)),
    );
    check(
        b"\x04\x01\x01\xbb\0\0\0\x01me\0Site.Example\0",
        Some(("site.example", 443)),
    );
    check(b"\x04\x01\x01\xbb\0\0\0\0me\0", Some(("0.0.0.0", 443)));
    check(b"\x04\x02\x01\xbb\x0a\x00\x00\x01me\0", None);
    check(b"\x04\x01\x01\xbb\0\0\0\x01me\0site", None);
}

#[test]
fn request_of_socks_5() {
    let request = b"\x05\x01\0\x03\x0cSite.Example\x01\xbb";
    check(
        &[&b"\x05\x01\0"[..], request].concat(),
        Some(("site.example", 443)),
    );
    check(
        &[&b"\x05\x02\0\x02\x01\x02me\x03pwd"[..], request].concat(),
        Some(("site.example", 443)),
    );
    check(
        b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\0\x50",
        Some(("10.0.0.1", 80)),
    );
    let v6 = [&b"\x05\x01\0\x05\x01\0\x04"[..], &[0; 15], &[1, 1, 0xbb]].concat();
    check(&v6, Some(("::1", 443)));
    check(
        b"\x05\x01\0\x05\x01\0\x03\x08127.0.0.\x01\xbb",
        Some(("127.0.0", 443)),
    );
    check(
        b"\x05\x01\0\x05\x01\0\x03\x0910.0.0.99\x01\xbb",
        Some(("10.0.0.99", 443)),
    );
    check(b"\x05\x01\0\x05\x02\0\x01\x0a\0\0\x01\0\x50", None);
    check(b"\x05\x01\0\x05\x01\0\x09\x0a\0\0\x01\0\x50", None);
    check(b"\x05\x01\0\x05\x01\0\x03\0\x01\xbb", None);
    check(b"\x05\x01\0\x07", None);
}

proptest! {
    #[test]
    fn never_panics(
        first in prop_oneof![Just(4u8), Just(5), Just(b'C'), any::<u8>()],
        rest in proptest::collection::vec(any::<u8>(), 0..200),
        size in 1usize..64,
    ) {
        let bytes = [&[first][..], &rest].concat();
        if let Some(Target { host: TargetHost::Name(name), .. }) = target(&bytes, size) {
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn names_are_harmless(name in proptest::collection::vec(any::<u8>(), 1..=255)) {
        let length = name.len() as u8;
        let bytes = [&b"\x05\x01\0\x05\x01\0\x03"[..], &[length], &name, &[1, 0xbb]].concat();
        if let Some(Target { host: TargetHost::Name(name), .. }) = target(&bytes, 1024) {
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
