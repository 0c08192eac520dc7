use proptest::prelude::*;

use super::*;

/// Number of open connections that no test reaches.
const MANY: u64 = 1000;

fn of(requests: &[(u64, u64)], mut in_flight: InFlight, peak_open: u64) -> InFlight {
    for &(start, end) in requests {
        in_flight.add(start, end, peak_open);
    }
    in_flight
}

/// Highest number in flight, counted at every begin.
fn sweep(requests: &[(u64, u64)]) -> u64 {
    let at = |time: u64| {
        let there = |&&(start, end): &&(u64, u64)| start <= time && time < end.max(start + 1);
        requests.iter().filter(there).count() as u64
    };
    let counts = requests.iter().map(|&(start, _)| at(start));
    counts.max().unwrap_or_default()
}

#[test]
fn overlaps_are_counted_in_any_order() {
    #[track_caller]
    fn check(requests: &[(u64, u64)], peak: u64) {
        let in_flight = of(requests, InFlight::default(), MANY);
        assert_eq!(in_flight.peak(), peak, "{requests:?}");
    }
    check(&[], 0);
    check(&[(1, 2)], 1);
    check(&[(0, 100), (200, 300)], 1);
    check(&[(0, 100), (50, 150), (91, 95)], 3);
    check(&[(200, 300), (0, 500), (250, 260), (210, 270)], 4);
    // One request ends when the other begins.
    check(&[(0, 100), (100, 200)], 1);
    // Both requests are answered within the same nanosecond.
    check(&[(7, 7), (7, 7)], 2);
}

#[test]
fn as_many_as_connections_and_nothing_is_kept() {
    let mut in_flight = of(&[(0, 9), (20, 29)], InFlight::default(), 1);
    assert_eq!(in_flight, of(&[(0, 9)], InFlight::default(), 1));
    // A second connection opens later.
    for round in 0..1000 {
        in_flight.add(100 * round + 50, 100 * round + 90, 2);
        in_flight.add(100 * round + 60, 100 * round + 99, 2);
    }
    assert_eq!(in_flight.peak(), 2);
    assert!(in_flight.stretches.is_empty() && in_flight.waiting.is_empty());
    // Then a third one opens.
    for connection in 0..3 {
        in_flight.add(200_000 + connection, 200_010, 3);
    }
    assert_eq!(in_flight.peak(), 3);
}

#[test]
fn at_rest_nothing_is_kept() {
    let mut in_flight = of(&[(0, 5), (3, 9), (4, 6)], InFlight::default(), 8);
    in_flight.rest();
    assert!(in_flight.stretches.is_empty() && in_flight.waiting.is_empty());
    in_flight.add(20, 30, 8);
    assert_eq!(in_flight.peak(), 3);
}

#[test]
fn memory_is_bounded() {
    let mut in_flight = InFlight::default();
    for at in 0..100_000 {
        in_flight.add(at * 50, at * 50 + 45, 4);
        assert!(in_flight.stretches.len() <= 4 * ROOM_EACH && in_flight.waiting.len() < 16);
    }
    in_flight.add(0, u64::MAX, 4);
    assert_eq!(in_flight.peak(), 2);
}

/// A burst followed by a long time with few requests: the burst's last turns are reported when their connections close.
#[test]
fn late_turns_of_a_burst_meet_each_other() {
    let mut in_flight = InFlight::default();
    for connection in 0..5 {
        in_flight.add(connection, 100, 50);
    }
    for at in 1..100_000 {
        in_flight.add(at * 1000, at * 1000 + 900, 50);
    }
    for connection in 0..45 {
        in_flight.add(connection, 100, 50);
    }
    assert!(
        (45..=50).contains(&in_flight.peak()),
        "{}",
        in_flight.peak()
    );
}

fn requests(most: usize) -> impl Strategy<Value = Vec<(u64, u64)>> {
    let one = (0u64..5000, 0u64..300).prop_map(|(start, length)| (start, start + length));
    prop::collection::vec(one, 0..most)
}

/// Turns (start, end, time of the report) of connections, each given by its gaps and requests in turn.
fn of_connections(each: &[Vec<(u64, u64)>]) -> Vec<(u64, u64, u64)> {
    let mut turns = Vec::new();
    for connection in each {
        let mut now = 0;
        let first = turns.len();
        for &(gap, length) in connection {
            let start = now + gap;
            now = start + length;
            if let Some(last) = turns[first..].last_mut() {
                let (.., reported): &mut (u64, u64, u64) = last;
                *reported = start;
            }
            turns.push((start, now, u64::MAX));
        }
    }
    turns.sort_by_key(|&(.., reported)| reported);
    turns
}

proptest! {
    #[test]
    fn equals_a_sweep_while_there_is_room(requests in requests(200)) {
        let in_flight = of(&requests, InFlight::roomy(), MANY);
        prop_assert_eq!(in_flight.peak(), sweep(&requests));
    }

    #[test]
    fn never_more_than_a_sweep(requests in requests(200)) {
        let in_flight = of(&requests, InFlight::default(), 2);
        prop_assert!(in_flight.peak() <= sweep(&requests).max(1));
        let in_flight = of(&requests, InFlight::default(), 5);
        prop_assert!(in_flight.peak() <= sweep(&requests));
    }

    /// The turns are added in the order of their reports, however many came before.
    #[test]
    fn turns_of_busy_connections_are_exact(
        connections in prop::collection::vec(prop::collection::vec((1u64..40, 1u64..40), 80), 1..8),
    ) {
        let turns = of_connections(&connections);
        let mut in_flight = InFlight::default();
        for &(start, end, _) in &turns {
            in_flight.add(start, end, connections.len() as u64);
        }
        let all: Vec<(u64, u64)> = turns.iter().map(|&(start, end, _)| (start, end)).collect();
        prop_assert_eq!(in_flight.peak(), sweep(&all));
    }
}
