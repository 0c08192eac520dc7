//! Clears the figures in the middle of a trace, as if the trace began now with the open connections.

use std::sync::Arc;

use tracer_common::counter::Counter;

use super::Tracker;
use crate::{
    connection::Recount,
    group::{Group, Opening},
    overflow::Overflow,
    series::Sampler,
    snapshot::Events,
};

/// Values of the kernel's own counters at the last reset. The kernel goes on counting.
#[derive(Debug, Default)]
pub(super) struct Base {
    kernel: [u64; Counter::COUNT as usize],
    overflow: Option<Overflow>,
}

impl Base {
    /// Counters since the reset.
    pub(super) fn counters(
        &self,
        now: [u64; Counter::COUNT as usize],
    ) -> [u64; Counter::COUNT as usize] {
        std::array::from_fn(|at| now[at].saturating_sub(self.kernel[at]))
    }

    /// Overflow figures since the reset.
    pub(super) fn overflow(&self, now: Overflow) -> Overflow {
        match &self.overflow {
            Some(before) => now.since(before),
            None => now,
        }
    }
}

impl Tracker {
    /// Clears all figures. Open connections stay and count as adopted, because the time and duration of their opening
    /// belong to the cleared figures. Names, owners and sockets in TIME_WAIT stay known.
    pub fn reset(&mut self) {
        self.base.kernel = std::array::from_fn(|at| self.base.kernel[at] + self.events.kernel[at]);
        if let Some(overflow) = self.overflow.take() {
            self.base.overflow = Some(match self.base.overflow.take() {
                Some(before) => overflow.plus(&before),
                None => overflow,
            });
        }
        self.events = Events::default();
        self.sampler = Sampler::default();
        self.history = Arc::default();
        self.totals = Arc::new(Group::of_all());
        self.processes.reset();
        self.hosts.reset();
        self.left_out = 0;
        self.proxies.reset();
        self.dns.reset();
        self.time_wait.reset();
        self.count_open_again();
    }

    fn count_open_again(&mut self) {
        let mut connections = std::mem::take(&mut self.connections);
        for connection in connections.values_mut() {
            connection.opening = Opening {
                content: connection.opening.content,
                ..Opening::ADOPTED
            };
            if let Some(path) = &mut connection.path {
                path.forget_counted();
            }
            if let Some(follow) = &mut connection.follow {
                follow.reset();
            }
            if connection.last_turn.is_some() || connection.recount.is_some() {
                connection.recount = Some(Recount::Everywhere);
            }
            if connection.counted {
                let in_handshake = connection.hello.is_some() && !connection.handshake_over;
                self.of_connection(connection, |group| {
                    group.open(&connection.opening);
                    group.tls.unfinished += u64::from(in_handshake);
                });
            }
        }
        self.connections = connections;
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::record::{
        CloseRecord, ConnectRecord, SocketRecord, TurnRecord, connect, kind, turn,
    };
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::tracker::TrackerOptions;
    use crate::tracker::tests::fixture::header;

    fn connected(cookie: u64) -> ConnectRecord {
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT, cookie, 20);
        record.endpoint.family = 2;
        record.endpoint.tgid = 7;
        (record.endpoint.remote_port, record.start_ns) = (443, 10);
        record.duration_ns = 10;
        record.outcome = connect::ESTABLISHED;
        record
    }

    fn closed(cookie: u64) -> CloseRecord {
        let mut record = CloseRecord::new_zeroed();
        record.header = header::<CloseRecord>(kind::CLOSE, cookie, 50);
        record.established_ns = 20;
        record
    }

    /// Tracker after one closed and one open connection, a lost record, and then the reset.
    fn after_reset() -> Tracker {
        let mut tracker = Tracker::new(TrackerOptions::default());
        tracker.take(connected(1).as_bytes());
        tracker.take(connected(2).as_bytes());
        tracker.take(closed(1).as_bytes());
        let mut kernel = [0; Counter::COUNT as usize];
        kernel[Counter::RingFull as usize] = 5;
        tracker.set_kernel_counters(kernel);
        tracker.reset();
        tracker
    }

    #[test]
    fn what_is_open_stays_and_the_rest_is_forgotten() {
        let snapshot = after_reset().snapshot();
        let connections = &snapshot.totals.connections;
        assert_eq!((connections.opened, connections.adopted), (0, 1));
        assert_eq!(
            (connections.open_now, connections.closed_by.total()),
            (1, 0)
        );
        assert_eq!(snapshot.totals.phases.connect.count(), 0);
        assert_eq!(snapshot.events, Events::default());
        let open = |group: &Group| group.connections.open_now;
        let hosts: Vec<u64> = snapshot
            .hosts
            .iter()
            .map(|host| open(&host.group))
            .collect();
        let processes = snapshot
            .processes
            .iter()
            .map(|process| open(&process.group));
        assert_eq!((hosts, processes.collect()), (vec![1], vec![1]));
    }

    #[test]
    fn the_kernel_counts_on_from_there() {
        let mut tracker = after_reset();
        let mut kernel = [0; Counter::COUNT as usize];
        kernel[Counter::RingFull as usize] = 8;
        tracker.set_kernel_counters(kernel);
        assert_eq!(tracker.snapshot().events.lost, 3);
        tracker.reset();
        kernel[Counter::RingFull as usize] = 9;
        tracker.set_kernel_counters(kernel);
        assert_eq!(tracker.snapshot().events.lost, 1);
    }

    /// Third request of a connection.
    fn turn(cookie: u64) -> TurnRecord {
        let mut record = TurnRecord::new_zeroed();
        record.header = header::<TurnRecord>(kind::TURN, cookie, 60);
        (record.start_ns, record.first_ns, record.last_ns) = (40, 45, 50);
        (record.number, record.ended) = (3, turn::NEXT);
        record
    }

    #[test]
    fn a_connection_counts_as_one_that_carried_requests_again() {
        let mut tracker = Tracker::new(TrackerOptions::default());
        tracker.take(connected(1).as_bytes());
        tracker.take(turn(1).as_bytes());
        tracker.reset();
        tracker.take(turn(1).as_bytes());
        tracker.take(turn(1).as_bytes());
        let snapshot = tracker.snapshot();
        let requests = &snapshot.totals.requests;
        assert_eq!((requests.count, requests.connections), (2, 1));
        assert_eq!(requests.reuse_ratio(), Some(0.5));
    }

    #[test]
    fn so_does_one_that_a_sweep_found_used() {
        let mut tracker = Tracker::new(TrackerOptions::default());
        let mut socket = SocketRecord::new_zeroed();
        socket.header = header::<SocketRecord>(kind::SOCKET, 1, 30);
        (socket.endpoint.family, socket.endpoint.remote_port) = (2, 443);
        (socket.state, socket.adopted, socket.turns) = (1, 1, 2);
        tracker.take_sweep(socket.as_bytes(), false);
        // The records of the ring buffer have been read by now.
        tracker.take(connected(1).as_bytes());
        tracker.take(turn(1).as_bytes());
        let snapshot = tracker.snapshot();
        let (connections, requests) = (&snapshot.totals.connections, &snapshot.totals.requests);
        assert_eq!((connections.adopted, connections.opened), (1, 0));
        assert_eq!((connections.open_now, requests.connections), (1, 1));
    }

    #[test]
    fn open_connections_close_as_others_do() {
        let mut tracker = after_reset();
        tracker.take(closed(2).as_bytes());
        tracker.take(connected(3).as_bytes());
        let snapshot = tracker.snapshot();
        let connections = &snapshot.totals.connections;
        assert_eq!((connections.opened, connections.open_now), (1, 1));
        assert_eq!(connections.closed_by.total(), 1);
        assert_eq!(snapshot.events.unmatched, 0);
    }
}
