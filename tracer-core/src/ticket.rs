//! Finds the response to the first request over TLS 1.3. Session tickets (RFC 8446 4.6.1) arrive after the handshake,
//! encrypted like a response, so the first records received may be tickets or the response.
//!
//! A server sends all its tickets at once and with the same size: either before the client's Finished arrives, or as
//! soon as it does, and then before any answer to a request. From this follow three rules. If tickets came before the
//! request, none come later. Leading records of a plausible size within a round trip of the Finished are taken for
//! tickets. If one connection alone leaves the question open, the server's behaviour on earlier connections of the same
//! client may answer it. Otherwise the first byte is reported as unknown.

use std::collections::HashMap;

use tracer_common::record::{FirstTurnRecord, TurnRecord, turn};

use crate::elapsed::elapsed;

/// Lengths of records that may contain a ticket.
const TICKET: std::ops::RangeInclusive<u16> = 60..=1400;
/// Time that a server may need, besides the round trip, to answer a Finished with tickets, ns.
const TICKET_SLACK_NS: u64 = 5_000_000;
/// Time by which an answer to a ClientHello may be later than an answer to a SYN, on the same way, ns: the server computes
/// keys for it.
const HELLO_SLACK_NS: u64 = 5_000_000;
/// Longest time after the Finished at which a busy server may send its tickets, ns.
const LATEST_TICKET_NS: u64 = 200_000_000;
/// Distance up to which records count as one answer, as far as a latency is concerned, ns.
const TOGETHER_NS: u64 = 50_000;
/// Largest difference in length between tickets of one server: a padding, or another session in them.
const SPREAD: u16 = 32;
/// Limit of the lengths remembered per server.
const LENGTHS: usize = 4;
/// Limit of the open turns per client and server.
const MAX_OPEN: usize = 8;
/// Limit of the pairs of client and server remembered.
const MAX_HISTORIES: usize = 65_536;

/// Time of the first byte of a response, and its certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstByte {
    /// The time is certain, ns.
    Known(u64),
    /// The time was inferred from the size and time of records, or from the server's behaviour before, ns.
    Inferred(u64),
    /// The record may be a ticket or a response.
    Unknown,
    /// No record came.
    None,
}

/// Tickets that a server sends to one client after its Finished, as far as earlier connections have shown.
#[derive(Debug, Clone, Default)]
pub struct TicketHistory {
    /// True if the server sends none.
    none: bool,
    /// Lengths of the tickets' records; 0 ends the list.
    lengths: [u16; LENGTHS],
    /// Turns that are still open, each with one record, of this length. They are kept because leaving them out would
    /// bias the figures towards slow responses, which are recognised more easily.
    open: Vec<(u16, TurnRecord)>,
}

impl TicketHistory {
    fn sent_none(&mut self) {
        self.none = self.lengths[0] == 0;
    }

    fn sent(&mut self, length: u16) {
        self.none = false;
        let known = self.lengths.contains(&length);
        if let Some(free) = self.lengths.iter_mut().find(|slot| **slot == 0 && !known) {
            *free = length;
        }
    }

    /// Keeps a turn with an unknown first byte ([`FirstByte::Unknown`]), because another turn may settle it.
    pub fn leave_open(&mut self, record: &FirstTurnRecord) {
        if record.records == 1 && record.broken == 0 && self.open.len() < MAX_OPEN {
            self.open.push((record.lengths[0], record.turn));
        }
    }

    /// Removes the open turns of a connection, because they were no requests.
    pub fn forget(&mut self, cookie: u64) {
        self.open.retain(|(_, turn)| turn.header.cookie != cookie);
    }

    /// Removes and returns open turns of which the only record is by now known to be the response.
    pub fn settle(&mut self) -> Vec<TurnRecord> {
        if self.open.is_empty() || (!self.none && self.lengths[0] == 0) {
            return Vec::new();
        }
        let (settled, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|&(length, _)| self.excludes(length));
        self.open = open;
        settled.into_iter().map(|(_, turn)| turn).collect()
    }

    /// True if a record of this length cannot be a ticket of this server.
    fn excludes(&self, length: u16) -> bool {
        let mut lengths = self.lengths.iter().filter(|&&known| known != 0);
        self.none || (self.lengths[0] != 0 && lengths.all(|&known| !alike(known, length)))
    }
}

fn alike(a: u16, b: u16) -> bool {
    a.abs_diff(b) <= SPREAD
}

/// Ticket history of all servers by process and host, as the tracker numbers them.
#[derive(Debug, Default)]
pub struct TicketHistories {
    known: HashMap<(u32, u32), TicketHistory>,
}

impl TicketHistories {
    /// History of a host toward a process. When there are too many, all are dropped; they are soon learnt again.
    pub fn of(&mut self, process: u32, host: u32) -> &mut TicketHistory {
        if self.known.len() >= MAX_HISTORIES && !self.known.contains_key(&(process, host)) {
            self.known.clear();
        }
        self.known.entry((process, host)).or_default()
    }
}

/// Round trip to the end of the handshake, ns. That of the connect is exact where both lead to the same machine; a ClientHello
/// that was answered much later has gone on to another one.
pub fn round_trip(connect_ns: Option<u64>, hello_ns: u64) -> u64 {
    connect_ns
        .filter(|connect_ns| hello_ns <= connect_ns.saturating_add(HELLO_SLACK_NS))
        .unwrap_or(hello_ns)
}

/// Distinguishes response and tickets in a first turn, and learns from it. `round_trip_ns` is that of the handshake: a
/// connect may end at a proxy nearby, while tickets come from the server ([`round_trip`]).
pub fn first_byte(
    record: &FirstTurnRecord,
    round_trip_ns: Option<u64>,
    history: &mut TicketHistory,
) -> FirstByte {
    let seen = (record.records as usize).min(turn::EVIDENCE);
    if record.turn.first_ns == 0 {
        return FirstByte::None;
    }
    if record.broken == 1 || seen == 0 {
        return FirstByte::Unknown;
    }
    let (lengths, times) = (&record.lengths[..seen], &record.times_ns[..seen]);
    if record.early != 0 {
        history.sent(record.early_length);
    }
    let had_tickets =
        record.half_rtt != 0 || (record.early != 0 && !alike(record.early_length, lengths[0]));
    if had_tickets || !TICKET.contains(&lengths[0]) {
        if record.half_rtt == 0 && record.early == 0 {
            history.sent_none();
        }
        return FirstByte::Known(times[0]);
    }
    let tickets = leading_tickets(record, seen, round_trip_ns, history);
    if tickets == 0
        && !history.none
        && let Some(answer) = behind_late_tickets(record, seen)
    {
        return answer;
    }
    match tickets {
        // The record came too late for a ticket; or another request followed it, so it answered the first one.
        0 | 1 if tickets == 0 || (record.records == 1 && record.turn.ended == turn::NEXT) => {
            if record.early == 0 && record.records == 1 {
                history.sent_none();
            }
            FirstByte::Known(times[0])
        }
        2.. if tickets < seen => {
            history.sent(lengths[0]);
            FirstByte::Known(times[tickets])
        }
        _ if history.excludes(lengths[0]) => FirstByte::Inferred(times[0]),
        _ if tickets < seen => told_apart(times, tickets),
        _ => FirstByte::Unknown,
    }
}

/// Number of leading records with the size and time of tickets, or with the size of this server's tickets.
fn leading_tickets(
    record: &FirstTurnRecord,
    seen: usize,
    round_trip_ns: Option<u64>,
    history: &TicketHistory,
) -> usize {
    let (lengths, times) = (&record.lengths[..seen], &record.times_ns[..seen]);
    let longest_ns = round_trip_ns.map_or(u64::MAX, |rtt| rtt.saturating_add(rtt / 2));
    let latest = record
        .finished_ns
        .saturating_add(longest_ns)
        .saturating_add(TICKET_SLACK_NS);
    // A record that comes sooner than a round trip after the request does not answer it, even if it is late for a
    // ticket.
    let shortest_ns = round_trip_ns.map_or(0, |rtt| rtt - rtt / 10);
    let soonest = record.turn.start_ns.saturating_add(shortest_ns);
    let expected = history.lengths.contains(&lengths[0]);
    let timely = times[0] <= latest || times[0] < soonest;
    if !timely && !expected {
        return 0;
    }
    // Later tickets have the size of the first one, and may be held up by the server's TCP (RFC 896).
    lengths.iter().take_while(|&&it| it == lengths[0]).count()
}

/// Response that may follow tickets which a busy server has sent late. None if the first record is the response, or came
/// together with it.
fn behind_late_tickets(record: &FirstTurnRecord, seen: usize) -> Option<FirstByte> {
    let (lengths, times) = (&record.lengths[..seen], &record.times_ns[..seen]);
    let alike = lengths.iter().take_while(|&&it| it == lengths[0]).count();
    let next_ns = times.get(alike)?;
    let late_ns = elapsed(times[0], record.finished_ns)?;
    let apart_ns = elapsed(*next_ns, times[0])?;
    if late_ns > LATEST_TICKET_NS || apart_ns <= TOGETHER_NS {
        return None;
    }
    Some(match alike {
        1 => FirstByte::Unknown,
        _ => FirstByte::Inferred(*next_ns),
    })
}

/// Response in a record that followed the leading tickets and differs from them.
fn told_apart(times: &[u64], tickets: usize) -> FirstByte {
    let response = times[tickets];
    if elapsed(response, times[0]).is_none_or(|apart_ns| apart_ns <= TOGETHER_NS) {
        FirstByte::Known(response)
    } else {
        FirstByte::Inferred(response)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::FromZeros;

    use super::*;
    use crate::group::Group;

    const MS: u64 = 1_000_000;

    /// First turn over a round trip of 40 ms: Finished and request at 100 ms, records as given (ms, bytes).
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
                first_byte(
                    &record(ended, records),
                    Some(40 * MS),
                    &mut TicketHistory::default()
                ),
                expected,
                "{records:?}"
            );
        }
        use FirstByte::{Inferred, Known, None, Unknown};
        check(turn::NEXT, &[], None);
        // Responses without a ticket: a large one, a small late one, and small ones on a connection that went on or
        // closed.
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
        // Only tickets, or a ticket and a response of the same size.
        check(turn::CLOSE, &[(140, 250), (140, 250)], Unknown);
        // The last of three tickets waited for an acknowledgement.
        check(
            turn::CLOSE,
            &[(140, 250), (140, 250), (200, 250), (290, 300)],
            Known(290 * MS),
        );
        // The ticket of a busy server, then the response to a request that was sent long after the Finished.
        let mut late = record(turn::CLOSE, &[(180, 122), (210, 300)]);
        late.turn.start_ns = 170 * MS;
        assert_eq!(
            first_byte(&late, Some(40 * MS), &mut TicketHistory::default()),
            Inferred(210 * MS)
        );
        // The records are too late for tickets.
        check(turn::CLOSE, &[(200, 250), (200, 250)], Known(200 * MS));
    }

    /// Turn that ended by the close, with one record of 300 bytes after a round trip: a ticket or the response.
    fn lone() -> FirstTurnRecord {
        record(turn::CLOSE, &[(140, 300)])
    }

    #[test]
    fn tickets_before_the_request() {
        let known = FirstByte::Known(140 * MS);
        let first_byte = |record: &FirstTurnRecord| {
            super::first_byte(record, Some(40 * MS), &mut TicketHistory::default())
        };
        let mut half_rtt = lone();
        half_rtt.half_rtt = 1;
        assert_eq!(first_byte(&half_rtt), known);
        // Header and body of a slow response are a record each.
        let mut two = record(turn::CLOSE, &[(140, 300), (900, 800)]);
        two.half_rtt = 1;
        assert_eq!(first_byte(&two), known);
        let mut early = lone();
        (early.early, early.early_length) = (1, 122);
        assert_eq!(first_byte(&early), known);
        early.early_length = 299;
        assert_eq!(first_byte(&early), FirstByte::Unknown);
    }

    #[test]
    fn habits_settle_what_is_open() {
        let rtt = Some(40 * MS);
        let inferred = FirstByte::Inferred(140 * MS);
        // A response too large for a ticket, without one before it.
        let mut history = TicketHistory::default();
        first_byte(&record(turn::CLOSE, &[(140, 4000)]), rtt, &mut history);
        assert_eq!(first_byte(&lone(), rtt, &mut history), inferred);
        let slow = record(turn::CLOSE, &[(140, 300), (900, 800)]);
        assert_eq!(first_byte(&slow, rtt, &mut history), inferred);
        // Two tickets of 250 bytes, recognised by their number. A record of 300 bytes is not one of them, one of 240
        // may be.
        let mut history = TicketHistory::default();
        let told = [(140, 250), (140, 250), (190, 300)];
        first_byte(&record(turn::CLOSE, &told), rtt, &mut history);
        assert_eq!(first_byte(&lone(), rtt, &mut history), inferred);
        let alike = record(turn::CLOSE, &[(140, 240)]);
        assert_eq!(first_byte(&alike, rtt, &mut history), FirstByte::Unknown);
        // A server that sent tickets once is not regarded as one that sends none.
        first_byte(&record(turn::CLOSE, &[(140, 4000)]), rtt, &mut history);
        assert_eq!(first_byte(&alike, rtt, &mut history), FirstByte::Unknown);
    }

    #[test]
    fn a_late_response_settles_the_timely_ones() {
        let mut history = TicketHistory::default();
        for _ in 0..3 {
            assert_eq!(
                first_byte(&lone(), Some(40 * MS), &mut history),
                FirstByte::Unknown
            );
            history.leave_open(&lone());
            assert!(history.settle().is_empty());
        }
        let late = record(turn::CLOSE, &[(400, 300)]);
        assert_eq!(
            first_byte(&late, Some(40 * MS), &mut history),
            FirstByte::Known(400 * MS)
        );
        let settled = history.settle();
        assert_eq!(settled.len(), 3);
        assert!(settled.iter().all(|turn| turn.first_ns == 140 * MS));
        assert!(history.settle().is_empty());
    }

    #[test]
    fn a_late_ticket_is_known_by_its_length() {
        let late = record(turn::CLOSE, &[(400, 250), (500, 300)]);
        let (rtt, mut history) = (Some(40 * MS), TicketHistory::default());
        assert_eq!(
            first_byte(&late, rtt, &mut history),
            FirstByte::Known(400 * MS)
        );
        let told = [(140, 250), (140, 250), (190, 300)];
        first_byte(&record(turn::CLOSE, &told), rtt, &mut history);
        assert_eq!(
            first_byte(&late, rtt, &mut history),
            FirstByte::Inferred(500 * MS)
        );
    }

    #[test]
    fn round_trips() {
        assert_eq!(round_trip(Some(40 * MS), 43 * MS), 40 * MS);
        assert_eq!(round_trip(Some(MS / 10), 43 * MS), 43 * MS);
        assert_eq!(round_trip(None, 43 * MS), 43 * MS);
        assert_eq!(round_trip(Some(u64::MAX), 1), u64::MAX);
    }

    #[test]
    fn habits_are_bounded() {
        let mut ticket_histories = TicketHistories::default();
        for host in 0..MAX_HISTORIES as u32 + 1 {
            ticket_histories.of(1, host).sent(100);
        }
        assert_eq!(ticket_histories.known.len(), 1);
    }

    proptest! {
        #[test]
        fn never_panics(ended in 1u8..4, records in proptest::collection::vec((0u64..1000, any::<u16>()), 0..12), broken in 0u8..2, early in 0u16..3) {
            let mut sorted = records;
            sorted.sort_unstable();
            let mut record = record(ended, &sorted);
            record.broken = broken;
            record.early = early;
            let mut group = Group::default();
            let answer = first_byte(&record, Some(MS), &mut TicketHistory::default());
            crate::turn::apply(&record.turn, answer, true, &mut group);
            prop_assert_eq!(group.requests.count, 1);
        }
    }
}
