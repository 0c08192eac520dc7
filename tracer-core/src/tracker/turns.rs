//! Assigns turns to connections and counts them.

use tracer_common::record::{FirstTurnRecord, TurnRecord, turn};

use super::{Tracker, doubt::ENOUGH, protocol::may_be_http2};
use crate::{
    connection::{Connection, LastTurn, Recount},
    decode::Event,
    group::Group,
    http2::Signs,
    ticket::{FirstByte, TicketHistory, first_byte},
    turns::{Sorted, Turns},
};

/// Number of turns after which a connection that shows no sign of HTTP/2 does not speak it.
const DECIDED: u32 = 16;

impl Tracker {
    /// Takes a turn that has ended, or that the sweep has found under way.
    pub(super) fn turn(&mut self, record: &TurnRecord, evidence: Option<&FirstTurnRecord>) {
        let cookie = record.header.cookie;
        let plain = match record.first_ns {
            0 => FirstByte::None,
            at => FirstByte::Known(at),
        };
        let Some(mut connection) = self.take_connection(cookie) else {
            let answer = evidence.map_or(plain, |evidence| {
                first_byte(evidence, None, &mut TicketHistory::default())
            });
            self.of_unknown(|group| count_turn(record, answer, false, group));
            return;
        };
        if connection.opening.content.has_no_requests() {
            // A recording of an earlier build has turns of them.
            self.connections.insert(cookie, connection);
            return;
        }
        self.settle_host(&mut connection);
        self.end_handshake_unseen(&mut connection);
        if connection.forwarded.is_some() {
            self.forwarded_turn(&mut connection, record, plain);
            self.connections.insert(cookie, connection);
            return;
        }
        let answer = evidence.map_or(plain, |evidence| {
            let history = self
                .ticket_histories
                .of(connection.process, connection.host);
            first_byte(evidence, connection.round_trip_ns, history)
        });
        if let Some(evidence) = evidence {
            connection.signs = Signs::of(evidence);
        }
        let is_h2 = self.is_http2(&mut connection, record.protocol, record.h2 == 1);
        self.release_turn(&mut connection, is_h2);
        let is_known = is_h2 && connection.tells_streams();
        if connection.http2.is_none() && record.number > DECIDED {
            connection.follow = None;
        }
        if may_be_http2(&connection) && record.number == 1 && record.ended == turn::NEXT {
            connection.held_turn = Some((*record, answer));
        } else if connection.counted && !is_known {
            self.of_connection(&connection, |group| {
                count_turn(record, answer, is_h2, group);
            });
            if !is_h2 {
                self.sample_turn(&connection, connection.host, record, answer);
            }
            self.count_again(&mut connection, record.number, is_h2);
            if !is_h2 {
                self.count_inferred(&connection, record.protocol, 1);
                self.keep_doubtful(&mut connection, record, answer);
            }
            if let Some(evidence) = evidence.filter(|_| !is_h2) {
                self.settle_turns(&connection, evidence, answer);
            }
        }
        connection.last_turn = Some(LastTurn::of(record, is_h2));
        self.connections.insert(cookie, connection);
    }

    /// Takes several turns of one connection that have ended: later turns that were answered.
    pub(super) fn turns(&mut self, turns: Turns<'_>) {
        let cookie = turns.cookie();
        let sorted = Sorted::of(turns);
        let count = |is_h2, group: &mut Group| match is_h2 {
            true => group.requests.h2_turns += turns.len() as u64,
            false => sorted.apply(group),
        };
        let Some(mut connection) = self.take_connection(cookie) else {
            self.of_unknown(|group| count(false, group));
            return;
        };
        if connection.opening.content.has_no_requests() {
            self.connections.insert(cookie, connection);
            return;
        }
        self.settle_host(&mut connection);
        self.end_handshake_unseen(&mut connection);
        if connection.forwarded.is_some() {
            for record in turns.records() {
                let answer = FirstByte::Known(record.first_ns);
                self.forwarded_turn(&mut connection, &record, answer);
            }
            self.connections.insert(cookie, connection);
            return;
        }
        let is_h2 = self.is_http2(&mut connection, turns.protocol(), turns.look_like_h2());
        self.release_turn(&mut connection, is_h2);
        if connection.counted && !(is_h2 && connection.tells_streams()) {
            self.of_connection(&connection, |group| count(is_h2, group));
            self.count_again(&mut connection, turns.number(), is_h2);
            if !is_h2 {
                self.count_inferred(&connection, turns.protocol(), turns.len() as u64);
                self.sample_turns(&connection, turns);
                self.keep_all_doubtful(&mut connection, turns);
            }
        }
        if let Some(last) = turns.records().last() {
            connection.last_turn = Some(LastTurn::of(&last, is_h2));
        }
        self.connections.insert(cookie, connection);
    }

    /// Keeps the turns that there is doubt about.
    fn keep_all_doubtful(&mut self, connection: &mut Connection, turns: Turns<'_>) {
        if turns.number() > ENOUGH {
            connection.doubtful = Vec::new();
            return;
        }
        for record in turns.records() {
            self.keep_doubtful(connection, &record, FirstByte::Known(record.first_ns));
        }
    }

    /// Counts the connection as one with requests, if the turn is not its first and none was counted before.
    fn count_again(&mut self, connection: &mut Connection, number: u32, is_h2: bool) {
        let recount = connection.recount.take().filter(|_| number > 1 && !is_h2);
        let count = |group: &mut Group| group.requests.connections += 1;
        match recount {
            Some(Recount::Everywhere) => self.of_connection(connection, count),
            Some(Recount::InRows) => self.of_connection_rows(connection, count),
            None => {}
        }
    }

    /// True if the turns of an event were already reported, while the sweep was running.
    pub(super) fn knows(&self, event: &Event<'_>) -> bool {
        let first = match event {
            Event::Turn(record) => record.number,
            Event::FirstTurn(record) => record.turn.number,
            Event::Turns(turns) => turns.number(),
            _ => return false,
        };
        let connection = self.connections.get(&event.cookie());
        let last = connection.and_then(|connection| connection.last_turn);
        last.is_some_and(|last| last.number >= first)
    }

    /// Settles turns that were left open, if the server's behaviour is now known well enough.
    fn settle_turns(
        &mut self,
        connection: &Connection,
        evidence: &FirstTurnRecord,
        answer: FirstByte,
    ) {
        let history = self
            .ticket_histories
            .of(connection.process, connection.host);
        if answer == FirstByte::Unknown {
            history.leave_open(evidence);
        }
        for record in history.settle() {
            self.of_connection(connection, |group| crate::turn::settle(&record, group));
        }
    }

    /// Counts a turn that was held back, now that the protocol of its connection is known.
    pub(super) fn release_turn(&mut self, connection: &mut Connection, is_h2: bool) {
        let Some((record, answer)) = connection.held_turn.take() else {
            return;
        };
        if connection.counted && !(is_h2 && connection.tells_streams()) {
            self.of_connection(connection, |group| {
                count_turn(&record, answer, is_h2, group);
            });
            if !is_h2 {
                self.sample_turn(connection, connection.host, &record, answer);
            }
        }
    }
}

/// Counts a turn by its kind: of HTTP/2, in flight, or ended.
pub(super) fn count_turn(record: &TurnRecord, answer: FirstByte, is_h2: bool, group: &mut Group) {
    if is_h2 {
        group.requests.h2_turns += 1;
    } else if record.ended == turn::OPEN && answer == FirstByte::None {
        group.requests.in_flight_now += 1;
        group.in_flight(record.start_ns, record.header.time_ns);
    } else {
        crate::turn::apply(record, answer, record.number == 1, group);
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::record::{BriefTurn, ConnectRecord, TurnsRecord, connect, kind};
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::tracker::TrackerOptions;
    use crate::tracker::tests::fixture::header;

    const COOKIE: u64 = 5;

    /// Tracker with one connection in clear.
    fn tracker() -> Tracker {
        let mut tracker = Tracker::new(TrackerOptions::default());
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT, COOKIE, 900);
        (record.endpoint.family, record.endpoint.remote_port) = (2, 80);
        record.outcome = connect::ESTABLISHED;
        tracker.take(record.as_bytes());
        tracker
    }

    fn turn(number: u32, ended: u8) -> TurnRecord {
        let mut record = TurnRecord::new_zeroed();
        record.header = header::<TurnRecord>(kind::TURN, COOKIE, 900);
        (record.start_ns, record.first_ns, record.last_ns) = (100, 110, 120);
        (record.number, record.ended, record.protocol) = (number, ended, turn::CLEAR);
        record
    }

    /// Eight turns, the first with the number `number`.
    fn turns(number: u32, h2: u8) -> TurnsRecord {
        let mut record = TurnsRecord::new_zeroed();
        record.head.header = header::<TurnsRecord>(kind::TURNS, COOKIE, 900);
        (record.head.previous_ns, record.head.number) = (120, number);
        (record.head.count, record.head.protocol, record.head.h2) = (8, turn::CLEAR, h2);
        record.turns = [BriefTurn {
            idle_ns: 1,
            ttfb_ns: 20,
            transfer_ns: 3,
            pickup_ns: 4,
        }; 8];
        record
    }

    /// Records one after the other, aligned to eight bytes as all of them are.
    fn sweep(records: &[&[u8]]) -> Vec<u64> {
        let bytes = records.concat();
        let words = bytes.chunks(8).filter_map(|word| word.try_into().ok());
        words.map(u64::from_ne_bytes).collect()
    }

    /// Requests and HTTP/2 turns of all connections, of their process and of their host.
    fn counts(tracker: &Tracker) -> [(u64, u64); 3] {
        let snapshot = tracker.snapshot();
        let process = snapshot.processes.first().map(|process| &process.group);
        let host = snapshot.hosts.first().map(|host| &host.group);
        [Some(&snapshot.totals), process, host].map(|group| {
            let requests = group.map(|group| (group.requests.count, group.requests.h2_turns));
            requests.unwrap_or_default()
        })
    }

    #[test]
    fn several_count_for_all_three() {
        let mut tracker = tracker();
        tracker.take(turn(1, turn::NEXT).as_bytes());
        tracker.take(turns(2, 0).as_bytes());
        assert_eq!(counts(&tracker), [(9, 0); 3]);
        let totals = tracker.snapshot().totals;
        let phases = &totals.phases;
        let samples = [
            &phases.ttfb,
            &phases.ttfb_reused,
            &phases.idle,
            &phases.pickup,
        ];
        assert_eq!(samples.map(|phase| phase.count()), [9, 8, 8, 9]);
        tracker.take(turns(10, 1).as_bytes());
        assert_eq!(counts(&tracker), [(9, 8); 3]);
    }

    #[test]
    fn of_a_connection_that_nobody_knows() {
        let mut tracker = Tracker::new(TrackerOptions::default());
        tracker.take(turns(2, 0).as_bytes());
        assert_eq!(counts(&tracker), [(8, 0), (0, 0), (0, 0)]);
        assert_eq!(tracker.snapshot().events.unmatched, 1);
    }

    #[test]
    fn the_last_sweep_adds_what_was_not_reported() {
        let mut tracker = tracker();
        tracker.take(turns(2, 0).as_bytes());
        // The sweep found these turns while the first eight were reported.
        let known = sweep(&[turns(2, 0).as_bytes(), turn(9, turn::OPEN).as_bytes()]);
        tracker.take_sweep(known.as_bytes(), true);
        assert_eq!(counts(&tracker), [(8, 0); 3]);
        // A socket may be open in two processes.
        let (waiting, open) = (turns(10, 0), turn(18, turn::OPEN));
        let parts = [waiting.as_bytes(), open.as_bytes()];
        let more = sweep(&[parts, parts].concat());
        tracker.take_sweep(more.as_bytes(), false);
        assert_eq!(counts(&tracker), [(8, 0); 3]);
        tracker.take_sweep(more.as_bytes(), true);
        assert_eq!(counts(&tracker), [(17, 0); 3]);
    }
}
