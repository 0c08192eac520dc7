//! Connections of which no record told the beginning or the end: the ring was full, or a recording lacks what it said.
//! Sweeps find those whose beginning was lost, and listings those whose end was, so that what is open now is right again.

use std::collections::HashSet;

use tracer_common::{record::SocketRecord, tcp_state::TIME_WAIT};

use super::Tracker;
use crate::{
    connection::{Connection, Recount},
    endpoint::remote,
    group::{Content, Group, Opening},
    time_wait::Seen,
};

/// Every so many listings it is looked which connections are gone, so that it costs little.
const EACH: u8 = 4;
/// Looks in a row that miss a connection which is gone. A single look may miss a socket that is there: the kernel lists
/// them while others come and go.
const LOOKS: u8 = 3;

impl Tracker {
    /// A socket of a sweep whose beginning the kernel programs could not tell.
    pub(super) fn find(&mut self, record: &SocketRecord) {
        let cookie = record.header.cookie;
        if self.connections.contains_key(&cookie) {
            return;
        }
        self.note_destination(&record.endpoint, remote(&record.endpoint));
        let opening = Opening {
            content: Content {
                unwatched: record.unwatched == 1,
                ..Content::NONE
            },
            ..Opening::UNSEEN
        };
        self.open(cookie, &record.endpoint, opening);
        let early = self.early.take(cookie);
        self.apply_early(cookie, &early);
        if let Some(connection) = self.connections.get_mut(&cookie) {
            // The totals have its first request from the kernel's own counters, or from a record that nobody owned.
            connection.recount = (record.turns != 0).then_some(Recount::InRows);
        }
    }

    /// Connections that the listing misses may be gone. All records that were written before it have been taken, so the
    /// end of one that is still open here comes soon or never. A listing says nothing of namespaces of which it has no
    /// socket: they may not have been listed.
    pub(super) fn note_missing(&mut self, sockets: &[Seen]) {
        self.listings = (self.listings + 1) % EACH;
        if self.listings != 0 {
            return;
        }
        let listed: HashSet<u32> = sockets.iter().map(|socket| socket.netns).collect();
        let there: HashSet<u64> = sockets
            .iter()
            .filter(|socket| socket.state != TIME_WAIT)
            .map(|socket| socket.cookie)
            .collect();
        let mut gone = Vec::new();
        for (&cookie, connection) in &mut self.connections {
            if there.contains(&cookie) || !listed.contains(&connection.netns) {
                connection.missed = 0;
                continue;
            }
            connection.missed += 1;
            if connection.missed == LOOKS {
                gone.push(cookie);
            }
        }
        // A replay has to do the same in the same order.
        gone.sort_unstable();
        gone.into_iter().for_each(|cookie| self.lose(cookie));
    }

    /// The end of a connection was not told. Its figures are in the totals, if the kernel's own counters are.
    fn lose(&mut self, cookie: u64) {
        let Some(mut connection) = self.connections.remove(&cookie) else {
            return;
        };
        self.settle_host(&mut connection);
        self.end_handshake_unseen(&mut connection);
        self.release_turn(&mut connection, false);
        self.lose_http2(&mut connection);
        self.sample_lost(&connection);
        if connection.counted {
            self.of_connection(&connection, Group::lose);
        }
    }

    /// A connection is past its handshake, and no record told its end: it is under way no more.
    pub(super) fn end_handshake_unseen(&mut self, connection: &mut Connection) {
        if connection.handshake_over || connection.hello.is_none() {
            return;
        }
        connection.handshake_over = true;
        self.note_protocol(connection);
        connection.hello = None;
        if connection.counted {
            self.of_connection(connection, |group| {
                group.tls.unfinished = group.tls.unfinished.saturating_sub(1);
            });
        }
    }
}

#[cfg(test)]
mod tests;
