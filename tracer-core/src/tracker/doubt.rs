//! Turns that were counted and may yet show to be no requests: those of a connection that was open before tracing began
//! and of which only the lengths of records tell that it carries HTTP/1.1, and the first one over TLS, which may have asked
//! a proxy for a tunnel.

use tracer_common::record::{TurnRecord, turn};

use super::Tracker;
use crate::{
    connection::Connection,
    group::{Connect, Group},
    ticket::FirstByte,
};

/// Number of turns of a connection after which the lengths of its records have told enough.
pub(super) const ENOUGH: u32 = 3;

impl Tracker {
    /// Keeps a turn that was counted as long as there is doubt about it.
    pub(super) fn keep_doubtful(
        &mut self,
        connection: &mut Connection,
        record: &TurnRecord,
        answer: FirstByte,
    ) {
        let last = match record.protocol {
            _ if is_inferred(connection, record.protocol) => ENOUGH,
            turn::TLS_12 | turn::TLS_13 => 1,
            _ => 0,
        };
        if record.number > last {
            connection.doubtful = Vec::new();
        } else if record.ended == turn::NEXT && connection.counted {
            connection.doubtful.push((*record, answer));
        }
    }

    /// Counts turns as inferred, if they are.
    pub(super) fn count_inferred(&mut self, connection: &Connection, protocol: u8, turns: u64) {
        if connection.counted && is_inferred(connection, protocol) {
            self.of_connection(connection, |group| group.requests.inferred += turns);
        }
    }

    /// Takes back the turns that turned out to be no requests.
    pub(super) fn take_back_turns(&mut self, connection: &mut Connection) {
        let turns = std::mem::take(&mut connection.doubtful);
        let Some((first, _)) = turns.first() else {
            return;
        };
        let (cookie, protocol) = (first.header.cookie, first.protocol);
        self.ticket_histories
            .of(connection.process, connection.host)
            .forget(cookie);
        let inferred = is_inferred(connection, protocol);
        let retract = |group: &mut Group| {
            for (record, answer) in &turns {
                crate::turn::retract(record, *answer, group);
                let requests = &mut group.requests;
                requests.inferred = requests.inferred.saturating_sub(u64::from(inferred));
            }
        };
        self.of_connection(connection, retract);
        connection.last_turn = None;
    }
}

/// True if only the lengths of records tell that the connection carries HTTP/1.1.
fn is_inferred(connection: &Connection, protocol: u8) -> bool {
    protocol == turn::TLS_12
        && connection.tls.is_none()
        && connection.opening.connect == Connect::Before
}
