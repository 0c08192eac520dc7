//! Turns: whose they are, and as what they count.

use tracer_common::record::{FirstTurnRecord, TurnRecord, turn};

use super::Tracker;
use crate::{
    connection::{Connection, LastTurn},
    group::Group,
    ticket::{FirstByte, Habit, first_byte},
    turns::{Sorted, Turns},
};

impl Tracker {
    /// A turn is over, or the sweep has found one under way.
    pub(super) fn turn(&mut self, record: &TurnRecord, evidence: Option<&FirstTurnRecord>) {
        let cookie = record.header.cookie;
        let plain = match record.first_ns {
            0 => FirstByte::None,
            at => FirstByte::Known(at),
        };
        let Some(mut connection) = self.take_connection(cookie) else {
            let answer = evidence.map_or(plain, |evidence| {
                first_byte(evidence, None, &mut Habit::default())
            });
            self.of_unknown(|group| count_turn(record, answer, false, group));
            return;
        };
        self.settle_host(&mut connection);
        let answer = evidence.map_or(plain, |evidence| {
            let habit = self.habits.of(connection.process, connection.host);
            first_byte(evidence, connection.round_trip_ns, habit)
        });
        let is_h2 = record.h2 == 1 && may_be_h2(&connection, record.protocol);
        self.release_turn(&mut connection, is_h2);
        if connection.offers_h2 && !is_h2 && record.number == 1 && record.ended == turn::NEXT {
            connection.held_turn = Some((*record, answer));
        } else if connection.counted {
            self.of_connection(&connection, |group| {
                count_turn(record, answer, is_h2, group);
            });
            if let Some(evidence) = evidence.filter(|_| !is_h2) {
                self.settle_turns(&connection, evidence, answer);
            }
        }
        connection.last_turn = Some(LastTurn::of(record, is_h2));
        self.connections.insert(cookie, connection);
    }

    /// Several turns of one connection are over: later ones that were answered.
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
        self.settle_host(&mut connection);
        let is_h2 = turns.look_like_h2() && may_be_h2(&connection, turns.protocol());
        self.release_turn(&mut connection, is_h2);
        if connection.counted {
            self.of_connection(&connection, |group| count(is_h2, group));
        }
        if let Some(last) = turns.records().last() {
            connection.last_turn = Some(LastTurn::of(&last, is_h2));
        }
        self.connections.insert(cookie, connection);
    }

    /// What is now known of the server may settle turns that were left open.
    fn settle_turns(
        &mut self,
        connection: &Connection,
        evidence: &FirstTurnRecord,
        answer: FirstByte,
    ) {
        let habit = self.habits.of(connection.process, connection.host);
        if answer == FirstByte::Unknown {
            habit.leave_open(evidence);
        }
        for record in habit.settle() {
            self.of_connection(connection, |group| crate::turn::settle(&record, group));
        }
    }

    /// Counts a turn that was held back, now that it is known what the connection speaks.
    pub(super) fn release_turn(&mut self, connection: &mut Connection, is_h2: bool) {
        let Some((record, answer)) = connection.held_turn.take() else {
            return;
        };
        if connection.counted {
            self.of_connection(connection, |group| {
                count_turn(&record, answer, is_h2, group);
            });
        }
    }
}

/// The connection may carry HTTP/2, so that what looks like it is.
fn may_be_h2(connection: &Connection, protocol: u8) -> bool {
    connection.offers_h2 || protocol == turn::CLEAR
}

/// Counts a turn as what it is: of HTTP/2, in flight, or over.
fn count_turn(record: &TurnRecord, answer: FirstByte, is_h2: bool, group: &mut Group) {
    if is_h2 {
        group.requests.h2_turns += 1;
    } else if record.ended == turn::OPEN && answer == FirstByte::None {
        group.requests.in_flight_now += 1;
        group.in_flight(record.start_ns, record.header.time_ns);
    } else {
        crate::turn::apply(record, answer, record.number == 1, group);
    }
}
