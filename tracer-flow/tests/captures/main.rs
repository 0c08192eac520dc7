//! Captures of real clients, played through the code that the kernel programs run, and compared with what the clients'
//! servers counted. `cargo xtask captures` makes the captures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a capture that cannot be read fails the test"
)]

mod compare;
mod connection;
mod pcap;
mod play;
mod speed;
mod truth;
mod way;

use compare::{Segments, check, check_known};
use play::play;
use way::Random;

/// Captures in which the driver is wrong when segments are reordered: the client sends its first request before the
/// server's Finished of TLS 1.2 (False Start), and the first answer that comes before this Finished is lost.
const WRONG: &[&str] = &[
    "chromium-tls12-connect",
    "chromium-tls12-socks",
    "curl-cffi-tls12-connect",
    "curl-cffi-tls12-direct",
    "curl-cffi-tls12-socks",
    "wget2-tls12-direct",
];

#[test]
fn as_captured() {
    check(Segments::Captured, |connection| {
        play(connection, &connection.data)
    });
}

#[test]
fn what_is_known_to_be_wrong() {
    let mut random = Random::new(4);
    check_known(50, |connection| {
        play(connection, &way::swap(&connection.data, &mut random))
    });
}

#[test]
fn cut_into_pieces() {
    let mut random = Random::new(1);
    for longest in [3000, 1448, 536, 100] {
        check(Segments::Others, |connection| {
            play(
                connection,
                &way::cut(&connection.data, longest, &mut random),
            )
        });
    }
}

#[test]
fn joined() {
    check(Segments::Others, |connection| {
        play(connection, &way::join(&connection.data))
    });
}

#[test]
fn with_a_pair_swapped() {
    let mut random = Random::new(2);
    for _ in 0..8 {
        check(Segments::Reordered, |connection| {
            let pieces = way::cut(&connection.data, 1448, &mut random);
            play(connection, &way::swap(&pieces, &mut random))
        });
    }
}

#[test]
fn with_a_segment_sent_again() {
    let mut random = Random::new(3);
    for _ in 0..8 {
        check(Segments::Others, |connection| {
            let pieces = way::cut(&connection.data, 1448, &mut random);
            play(connection, &way::repeat(&pieces, &mut random))
        });
    }
}
