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

use compare::{Segments, check};
use play::play;
use way::Random;

#[test]
fn as_captured() {
    check(Segments::Captured, |connection| {
        play(connection, &connection.data)
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
