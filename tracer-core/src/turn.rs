//! Turns: which of the records received is the response, and what the times say.
//!
//! Over TLS 1.3 session tickets (RFC 8446 4.6.1) arrive after the handshake, encrypted like a response.
//! A server sends them as soon as it has the client's Finished, all of one size; so leading records of one
//! likely size that came within a round trip of the Finished are taken for tickets, and what remains open
//! is said so.

use tracer_common::record::{FirstTurnRecord, TurnRecord, turn};

use crate::group::Group;

/// Lengths of records that may hold a ticket.
const TICKET: std::ops::RangeInclusive<u16> = 60..=1400;
/// What a server may take, besides the round trip, to answer a Finished with tickets, ns.
const TICKET_SLACK_NS: u64 = 5_000_000;
/// Records closer than this are one answer as far as a latency matters, ns.
const TOGETHER_NS: u64 = 50_000;

/// How well the first byte of a response is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstByte {
    /// Known, ns.
    Known(u64),
    /// Told from tickets by their size and time, ns.
    Inferred(u64),
    /// It may be a ticket or a response.
    Unknown,
    /// Nothing came.
    None,
}

/// Tells response from tickets in a first turn. `round_trip_ns` is that of the connect.
pub fn first_byte(record: &FirstTurnRecord, round_trip_ns: Option<u64>) -> FirstByte {
    let seen = (record.records as usize).min(turn::EVIDENCE);
    if record.turn.first_ns == 0 {
        return FirstByte::None;
    }
    if record.broken == 1 || seen == 0 {
        return FirstByte::Unknown;
    }
    let (lengths, times) = (&record.lengths[..seen], &record.times_ns[..seen]);
    let longest_ns = round_trip_ns.map_or(u64::MAX, |rtt| rtt.saturating_add(rtt / 2));
    let latest = record
        .finished_ns
        .saturating_add(longest_ns)
        .saturating_add(TICKET_SLACK_NS);
    // What comes sooner than a round trip after the request does not answer it, however late for a ticket.
    let shortest_ns = round_trip_ns.map_or(0, |rtt| rtt - rtt / 10);
    let soonest = record.turn.start_ns.saturating_add(shortest_ns);
    let like_ticket = |at: usize| {
        let timely = times[at] <= latest || times[at] < soonest;
        TICKET.contains(&lengths[at]) && lengths[at] == lengths[0] && timely
    };
    let tickets = (0..seen).take_while(|&at| like_ticket(at)).count();
    match tickets {
        0 => FirstByte::Known(times[0]),
        _ if tickets < seen => told_apart(times, tickets),
        1 if record.records == 1 && record.turn.ended == turn::NEXT => FirstByte::Known(times[0]),
        _ => FirstByte::Unknown,
    }
}

/// A record unlike the leading ones followed them.
fn told_apart(times: &[u64], tickets: usize) -> FirstByte {
    let response = times[tickets];
    if tickets > 1 || response.saturating_sub(times[0]) <= TOGETHER_NS {
        FirstByte::Known(response)
    } else {
        FirstByte::Inferred(response)
    }
}

/// Counts a finished turn. `first`: it was the first on its connection.
pub fn apply(record: &TurnRecord, answer: FirstByte, first: bool, group: &mut Group) {
    let requests = &mut group.requests;
    requests.count += 1;
    requests.connections += u64::from(record.number == 1);
    let phases = &mut group.phases;
    if record.previous_ns != 0 {
        phases
            .idle
            .record(record.start_ns.saturating_sub(record.previous_ns));
    }
    let first_ns = match answer {
        FirstByte::Known(at) => at,
        FirstByte::Inferred(at) => {
            requests.first_inferred += 1;
            at
        }
        FirstByte::Unknown => {
            requests.first_unknown += 1;
            return;
        }
        FirstByte::None => {
            requests.failed += 1;
            return;
        }
    };
    let ttfb_ns = first_ns.saturating_sub(record.start_ns);
    phases.ttfb.record(ttfb_ns);
    match (first, record.adopted) {
        (true, 0) => phases.ttfb_first.record(ttfb_ns),
        (true, _) => {}
        (false, _) => phases.ttfb_reused.record(ttfb_ns),
    }
    phases
        .transfer
        .record(record.last_ns.saturating_sub(first_ns));
    phases.pickup.record(record.pickup_ns);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::FromZeros;

    use super::*;

    const MS: u64 = 1_000_000;

    /// A first turn over a round trip of 40 ms: Finished and request at 100 ms, records as given (ms, bytes).
    fn record(ended: u8, records: &[(u64, u16)]) -> FirstTurnRecord {
        let mut record = FirstTurnRecord::new_zeroed();
        record.finished_ns = 100 * MS;
        record.turn.start_ns = 100 * MS;
        record.turn.ended = ended;
        record.turn.number = 1;
        record.records = records.len() as u32;
        for (at, &(time, length)) in records.iter().take(turn::EVIDENCE).enumerate() {
            record.times_ns[at] = time * MS;
            record.lengths[at] = length;
        }
        record.turn.first_ns = record.times_ns[0];
        record
    }

    #[test]
    fn tickets_and_responses() {
        #[track_caller]
        fn check(ended: u8, records: &[(u64, u16)], expected: FirstByte) {
            assert_eq!(
                first_byte(&record(ended, records), Some(40 * MS)),
                expected,
                "{records:?}"
            );
        }
        use FirstByte::{Inferred, Known, None, Unknown};
        check(turn::NEXT, &[], None);
        // No ticket: a large response, a small late one, a small one on a connection that went on.
        check(turn::NEXT, &[(140, 4000)], Known(140 * MS));
        check(turn::CLOSE, &[(300, 300)], Known(300 * MS));
        check(turn::NEXT, &[(140, 300)], Known(140 * MS));
        check(turn::CLOSE, &[(140, 300)], Unknown);
        // One, two and four tickets, then the response.
        check(turn::NEXT, &[(140, 122), (140, 300)], Known(140 * MS));
        check(turn::NEXT, &[(140, 122), (190, 300)], Inferred(190 * MS));
        check(
            turn::NEXT,
            &[(140, 250), (140, 250), (190, 300)],
            Known(190 * MS),
        );
        let four = [(140, 200), (140, 200), (140, 200), (141, 200), (150, 90)];
        check(turn::CLOSE, &four, Known(150 * MS));
        // Only tickets, or a ticket and a response of its size.
        check(turn::CLOSE, &[(140, 250), (140, 250)], Unknown);
        // A ticket of a busy server, then the response to a request that was sent long after the Finished.
        let mut late = record(turn::CLOSE, &[(180, 122), (210, 300)]);
        late.turn.start_ns = 170 * MS;
        assert_eq!(first_byte(&late, Some(40 * MS)), Inferred(210 * MS));
        // Too late for a ticket.
        check(turn::CLOSE, &[(200, 250), (200, 250)], Known(200 * MS));
    }

    proptest! {
        #[test]
        fn never_panics(ended in 1u8..4, records in proptest::collection::vec((0u64..1000, any::<u16>()), 0..12), broken in 0u8..2) {
            let mut sorted = records;
            sorted.sort_unstable();
            let mut record = record(ended, &sorted);
            record.broken = broken;
            let mut group = Group::default();
            apply(&record.turn, first_byte(&record, Some(MS)), true, &mut group);
            prop_assert_eq!(group.requests.count, 1);
        }
    }
}
