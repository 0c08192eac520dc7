//! Segments that are lost on the way to the client, and those that are overtaken.

use proptest::{collection::vec, prelude::*};
use tracer_flow::{driver::Driver, gaps::lost};

/// Payload of a full segment.
const FULL: u32 = 1448;
const CLIENT_SYN: u32 = 99;
/// Sequence number near its end, so that every response passes it.
const SERVER_SYN: u32 = u32::MAX - 5000;
/// Time between two segments, ns.
const STEP_NS: u64 = 12_000;
/// Round trip, ns.
const ROUND_TRIP_NS: u64 = 20_000_000;

fn asked() -> Driver {
    let mut driver = Driver::new(CLIENT_SYN, SERVER_SYN);
    driver.sent(CLIENT_SYN + 1, b"GET / HTTP/1.1\r\n\r\n", 1000);
    driver
}

fn sequence(at: usize) -> u32 {
    (SERVER_SYN + 1).wrapping_add(at as u32 * FULL)
}

fn give(driver: &mut Driver, at: usize, now_ns: u64) {
    driver.received(sequence(at), &[b'x'; FULL as usize], now_ns);
}

/// Arrivals of a response of so many segments, of which those that are marked come a round trip later: the server sends
/// them again.
fn arrivals(dropped: &[bool]) -> Vec<(u64, usize)> {
    let mut all: Vec<_> = (0..)
        .zip(dropped)
        .map(|(at, &is_dropped)| {
            let late_ns = if is_dropped { ROUND_TRIP_NS } else { 0 };
            (10_000 + STEP_NS * at as u64 + late_ns, at)
        })
        .collect();
    all.sort_unstable();
    all
}

proptest! {
    /// Each segment that is dropped and followed by another one counts, whatever comes meanwhile.
    #[test]
    fn each_loss_counts_once(mut dropped in vec(prop::bool::weighted(0.05), 20..400)) {
        // The loss of a last segment leaves no gap.
        dropped.push(false);
        let mut driver = asked();
        for (now_ns, at) in arrivals(&dropped) {
            give(&mut driver, at, now_ns);
        }
        let expected = dropped.iter().filter(|is_dropped| **is_dropped).count();
        prop_assert_eq!(lost(driver.conn(), FULL, 1), expected as u32);
    }

    /// Neighbours that are swapped on the way are no loss.
    #[test]
    fn overtaken_segments_are_not_lost(swaps in vec(any::<bool>(), 1..100)) {
        let mut driver = asked();
        let mut now_ns = 10_000;
        for (at, is_swapped) in (0..).step_by(2).zip(swaps) {
            let pair = if is_swapped { [at + 1, at] } else { [at, at + 1] };
            for at in pair {
                now_ns += STEP_NS;
                give(&mut driver, at, now_ns);
            }
        }
        prop_assert_eq!(lost(driver.conn(), FULL, 1), 0);
    }

    /// Any segments at any places leave figures that can be told.
    #[test]
    fn any_places(places in vec((any::<u32>(), 0..3000usize, any::<u64>()), 0..50)) {
        let mut driver = asked();
        for (sequence, length, now_ns) in places {
            driver.received(sequence, &vec![0; length], now_ns);
        }
        prop_assert_eq!(lost(driver.conn(), FULL, 0), 0);
        let _ = lost(driver.conn(), 0, 1);
    }
}

#[test]
fn a_connection_that_was_open_before() {
    let mut driver = Driver::adopted(5000);
    for (sequence, now_ns) in [(5000, 1), (9000, 2), (5100, 20_000_000)] {
        driver.received(sequence, &[0; 100], now_ns);
    }
    assert_eq!(lost(driver.conn(), FULL, 1), 3, "3900 bytes");
    assert_eq!(lost(driver.conn(), FULL, 0), 0, "TCP has seen no gap");
}

#[test]
fn several_segments_of_one_gap() {
    let mut driver = asked();
    for (at, now_ns) in [
        (0, 1000),
        (4, 2000),
        (1, 30_000_000),
        (2, 30_000_001),
        (3, 30_000_002),
    ] {
        give(&mut driver, at, now_ns);
    }
    assert_eq!(lost(driver.conn(), FULL, 1), 3);
}
