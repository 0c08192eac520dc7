//! Connections that the server has closed and the client has not (CLOSE_WAIT), from the listings of sockets. A pool
//! notices such a connection only when it wants to use it, so only those count that stay for a while.

use std::collections::{HashMap, HashSet};

use tracer_common::tcp_state::CLOSE_WAIT;

use super::Tracker;
use crate::{elapsed::elapsed, group::Group, time_wait::Seen};

/// Time in CLOSE_WAIT from which a connection counts, ns: ten times what a client needs that is only busy.
const AFTER_NS: u64 = 10_000_000_000;

/// Connections in CLOSE_WAIT at the last listing.
#[derive(Debug, Default)]
pub(super) struct CloseWait {
    /// Time of the first listing with the connection in this state, by cookie, ns.
    since: HashMap<u64, u64>,
    /// Processes and hosts in whose figures connections were counted.
    places: HashSet<(u32, u32)>,
}

impl Tracker {
    /// Takes a listing begun at `begun_ns`.
    pub(super) fn note_close_wait(&mut self, begun_ns: u64, sockets: &[Seen]) {
        let before = std::mem::take(&mut self.close_wait);
        let mut now = CloseWait::default();
        for (process, host) in before.places {
            self.each_group(process, host, |group| group.connections.close_wait_now = 0);
        }
        let waiting = sockets.iter().filter(|socket| socket.state == CLOSE_WAIT);
        for socket in waiting {
            let Some(connection) = self.connections.get(&socket.cookie) else {
                continue;
            };
            let since_ns = before
                .since
                .get(&socket.cookie)
                .copied()
                .unwrap_or(begun_ns);
            now.since.insert(socket.cookie, since_ns);
            let is_long = elapsed(begun_ns, since_ns).is_some_and(|ns| ns >= AFTER_NS);
            if is_long && connection.counted {
                let (process, host) = (connection.process, connection.host);
                now.places.insert((process, host));
                self.each_group(process, host, count);
            }
        }
        self.close_wait = now;
    }
}

fn count(group: &mut Group) {
    let connections = &mut group.connections;
    connections.close_wait_now += 1;
    connections.close_wait_peak = connections.close_wait_peak.max(connections.close_wait_now);
}

#[cfg(test)]
mod tests {
    use tracer_common::{
        record::{ConnectRecord, connect, kind},
        tcp_state::ESTABLISHED,
    };
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::tracker::{TrackerOptions, tests::fixture::header};

    fn connected(cookie: u64) -> ConnectRecord {
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT, cookie, 20);
        record.endpoint.family = 2;
        record.outcome = connect::ESTABLISHED;
        record
    }

    fn seen(cookie: u64, state: u8) -> Seen {
        Seen {
            cookie,
            state,
            netns: 0,
            local: ([127, 0, 0, 1], 40_000).into(),
            remote: ([127, 0, 0, 1], 80).into(),
            activity: None,
        }
    }

    #[test]
    fn only_what_stays_is_counted() {
        const S: u64 = 1_000_000_000;
        let mut tracker = Tracker::new(TrackerOptions::default());
        tracker.take(connected(1).as_bytes());
        tracker.take(connected(2).as_bytes());
        let mut list = |second: u64, states: [u8; 2]| {
            let sockets = [seen(1, states[0]), seen(2, states[1]), seen(3, CLOSE_WAIT)];
            tracker.take_sockets(second * S, &sockets);
            let snapshot = tracker.snapshot();
            let connections = &snapshot.totals.connections;
            let of_host = &snapshot.hosts[0].group.connections;
            assert_eq!(connections.close_wait_now, of_host.close_wait_now);
            (connections.close_wait_now, connections.close_wait_peak)
        };
        assert_eq!(list(1, [CLOSE_WAIT, ESTABLISHED]), (0, 0));
        assert_eq!(list(5, [CLOSE_WAIT, CLOSE_WAIT]), (0, 0));
        assert_eq!(list(11, [CLOSE_WAIT, ESTABLISHED]), (1, 1));
        assert_eq!(list(12, [CLOSE_WAIT, CLOSE_WAIT]), (1, 1));
        assert_eq!(list(22, [CLOSE_WAIT, CLOSE_WAIT]), (2, 2));
        assert_eq!(list(23, [ESTABLISHED, CLOSE_WAIT]), (1, 2));
    }
}
