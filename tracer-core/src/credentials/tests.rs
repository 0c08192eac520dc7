//! Tests of hiding credentials.

use proptest::prelude::*;
use tracer_common::record::direction;

use super::*;
use crate::tunnel::Exchange;

/// Record of bytes that the client sent.
fn piece(cookie: u64, offset: u32, clear: u8, bytes: &[u8]) -> Vec<u64> {
    let mut record = vec![0u64; (32 + bytes.len()).div_ceil(8)];
    let all = record.as_mut_bytes();
    (all[0], all[1]) = (kind::HELLO, tracer_common::record::VERSION);
    all[16..24].copy_from_slice(&cookie.to_ne_bytes());
    all[24..28].copy_from_slice(&offset.to_ne_bytes());
    all[28..30].copy_from_slice(&(bytes.len() as u16).to_ne_bytes());
    (all[30], all[31]) = (direction::EGRESS, clear);
    all[32..32 + bytes.len()].copy_from_slice(bytes);
    record
}

/// Bytes of an exchange that are left, when they come in pieces of `size`.
fn left(sent: &[u8], size: usize) -> Vec<u8> {
    left_by(&mut Credentials::default(), sent, size)
}

fn left_by(credentials: &mut Credentials, sent: &[u8], size: usize) -> Vec<u8> {
    let mut left = Vec::new();
    for (at, bytes) in sent.chunks(size).enumerate() {
        let record = piece(7, (at * size) as u32, note::TUNNEL, bytes);
        let hidden = credentials.hide(record.as_bytes());
        assert_eq!(hidden.len(), record.as_bytes().len());
        assert_eq!(hidden[..32], record.as_bytes()[..32]);
        left.extend(&hidden[32..32 + bytes.len()]);
    }
    left
}

#[track_caller]
fn check(sent: &[u8], expected: &[u8]) {
    for size in [1, 2, 5, 1024] {
        let left = left(sent, size);
        assert_eq!(
            left.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{size}"
        );
    }
}

#[test]
fn of_connect_the_request_line_is_left() {
    let sent = b"CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n";
    let mut expected = sent.to_vec();
    expected[32..].fill(HIDDEN);
    check(sent, &expected);
}

#[test]
fn user_information_is_hidden() {
    assert_eq!(
        left(b"CONNECT me:secret@a.example:443 HTTP/1.1\r\n", 1024),
        b"CONNECT *********@a.example:443 HTTP/1.1\r\n"
    );
}

#[test]
fn of_socks_4_the_user_is_hidden() {
    check(
        b"\x04\x01\x01\xbb\x0a\0\0\x01secret\0more",
        b"\x04\x01\x01\xbb\x0a\0\0\x01******\0****",
    );
    check(
        b"\x04\x01\x01\xbb\0\0\0\x01secret\0a.example\0more",
        b"\x04\x01\x01\xbb\0\0\0\x01******\0a.example\0****",
    );
}

#[test]
fn of_socks_5_user_and_password_are_hidden() {
    check(
        b"\x05\x02\0\x02\x01\x02me\x06secret\x05\x01\0\x03\x09a.example\x01\xbbmore",
        b"\x05\x02\0\x02\x01\x02**\x06******\x05\x01\0\x03\x09a.example\x01\xbb****",
    );
    check(
        b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\x01\xbb",
        b"\x05\x01\0\x05\x01\0\x01\x0a\0\0\x01\x01\xbb",
    );
}

#[test]
fn an_unknown_method_hides_the_rest() {
    check(b"\x05\x01\x81\x03secret", b"\x05\x01\x81*******");
    check(
        b"\x05\x01\0\x05\x01\x07secret",
        b"\x05\x01\0\x05\x01*******",
    );
    check(b"\x16secret", b"*******");
}

#[test]
fn bytes_behind_a_gap_are_hidden() {
    let mut credentials = Credentials::default();
    let record = piece(7, 0, note::TUNNEL, b"\x05\x02\0\x02\x01\x02me");
    credentials.hide(record.as_bytes());
    let record = piece(7, 10, note::TUNNEL, b"secret");
    assert_eq!(&credentials.hide(record.as_bytes())[32..38], b"******");
}

#[test]
fn the_next_exchange_is_read_anew() {
    let mut credentials = Credentials::default();
    for _ in 0..3 {
        let left = left_by(&mut credentials, b"CONNECT a:1 HTTP/1.1\r\nsecret", 8);
        assert_eq!(left, b"CONNECT a:1 HTTP/1.1\r\n******");
    }
}

#[test]
fn exchanges_followed_are_bounded() {
    let mut credentials = Credentials::default();
    for cookie in 0..2 * EXCHANGES as u64 {
        let record = piece(cookie, 0, note::TUNNEL, b"\x05\x02\0");
        credentials.hide(record.as_bytes());
    }
    assert_eq!(credentials.exchanges.len(), EXCHANGES);
    assert_eq!(credentials.order.len(), EXCHANGES);
}

/// A request in clear with this head keeps all but the value of one field.
#[test]
fn a_request_in_clear_keeps_all_but_the_field() {
    #[track_caller]
    fn check(head: &[u8], expected: &[u8]) {
        let record = piece(7, 0, 1, head);
        let mut credentials = Credentials::default();
        let hidden = &credentials.hide(record.as_bytes())[32..32 + head.len()];
        assert_eq!(
            hidden.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
    check(
        b"GET http://a/ HTTP/1.1\r\nproxy-Authorization: Basic x\r\nHost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nproxy-Authorization:********\r\nHost: a\r\n\r\n",
    );
    check(
        b"GET / HTTP/1.1\r\nProxy-Authorization:a\r\n b\r\nX: y\r\n",
        b"GET / HTTP/1.1\r\nProxy-Authorization:*\r\n *\r\nX: y\r\n",
    );
    check(
        b"GET / HTTP/1.1\r\nProxy-Authorization: Ba",
        b"GET / HTTP/1.1\r\nProxy-Authorization:***",
    );
    check(b"GET /\r\nHost: a\r\n\r\n", b"GET /\r\nHost: a\r\n\r\n");
}

proptest! {
    /// Bytes that went through once, and those of a replay, are the same; and the target is still found.
    #[test]
    fn twice_is_once(
        user in proptest::collection::vec(any::<u8>(), 0..20),
        password in proptest::collection::vec(any::<u8>(), 0..20),
        size in 1usize..40,
    ) {
        let sent = [
            &b"\x05\x01\x02\x01"[..], &[user.len() as u8], &user, &[password.len() as u8], &password,
            b"\x05\x01\0\x03\x09a.example\x01\xbb",
        ].concat();
        let once = left(&sent, size);
        prop_assert_eq!(&left(&once, size), &once);
        let mut exchange = Exchange::default();
        exchange.push(0, &once);
        prop_assert!(exchange.target().is_some());
        prop_assert!(once[5..5 + user.len()].iter().all(|&byte| byte == HIDDEN));
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..40) {
        let once = left(&bytes, size);
        prop_assert_eq!(left(&once, size), once);
    }
}
