//! Activity of open connections at the last pass over the sockets: connecting, in flight, idle, half closed, never
//! used. Every pass counts it anew; it is never summed up.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tracer_common::{
    record::{SocketRecord, Traffic},
    tcp_state::{CLOSE_WAIT, ESTABLISHED, SYN_SENT},
};

use super::Tracker;
use crate::{endpoint::remote, group::Group, http2::follow::Now};

/// Indices of a process and a host.
type Place = (u32, u32);

/// Activity that the last pass has found.
#[derive(Debug, Default)]
pub(super) struct OpenActivity {
    /// Groups in which activity was counted.
    places: HashSet<Place>,
    /// Connects under way, by cookie.
    connecting: HashMap<u64, Place>,
    /// True if there was a pass and the last one was complete.
    is_known: bool,
    /// True after the last sweep of the trace: its figures then stay.
    pub(super) is_over: bool,
}

impl OpenActivity {
    /// True if the figures are those of a complete pass.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }
}

impl Tracker {
    /// Clears the figures of the previous pass, because the next one begins.
    pub(super) fn forget_activity(&mut self) {
        for (process, host) in std::mem::take(&mut self.open_activity.places) {
            self.processes.group_mut(process).forget_activity();
            self.hosts.group_mut(host).forget_activity();
        }
        Arc::make_mut(&mut self.totals).forget_activity();
        self.open_activity.connecting.clear();
        self.open_activity.is_known = true;
    }

    /// Clears the figures like [`Self::forget_activity`] and marks them as unknown until the next pass, because this one
    /// was cut short.
    pub(super) fn leave_activity_unknown(&mut self) {
        self.forget_activity();
        self.open_activity.is_known = false;
    }

    /// Counts the activity of a socket. With `in_flight`, a request was sent and has no response yet; without, the
    /// turns of the last sweep show more exactly whether one is in flight.
    pub(super) fn count_activity(
        &mut self,
        record: &SocketRecord,
        traffic: Option<&Traffic>,
        in_flight: bool,
    ) {
        if record.state == SYN_SENT {
            return self.count_connecting(record);
        }
        let Some(connection) = self.connections.get(&record.header.cookie) else {
            return;
        };
        if !connection.counted {
            return;
        }
        let place = (connection.process, connection.host);
        if let Some(traffic) = traffic {
            self.count_in(place, |group| {
                group.tcp.open_bytes_sent += traffic.bytes_sent;
                group.tcp.open_bytes_received += traffic.bytes_received;
            });
        }
        let Some(connection) = self.connections.get(&record.header.cookie) else {
            return;
        };
        let is_h2 = connection.http2 == Some(true)
            || (connection.last_turn.is_none() && connection.offers_h2);
        let has_no_requests = connection.opening.content.has_no_requests();
        let tells_use = connection.opening.content.tells_use();
        let streams = connection
            .follow
            .as_ref()
            .filter(|_| connection.http2 == Some(true))
            .and_then(|follow| follow.now());
        if let Some(streams) = streams {
            return self.count_streams(place, record.state, streams);
        }
        let in_flight =
            in_flight && !is_h2 && !has_no_requests && record.turns != 0 && record.pending == 1;
        self.count_in(place, |group| {
            let connections = &mut group.connections;
            match (record.state, record.turns) {
                (CLOSE_WAIT, _) => connections.half_closed_now += 1,
                _ if has_no_requests => {}
                (ESTABLISHED, 0) if record.adopted == 0 && tells_use => connections.unused_now += 1,
                (ESTABLISHED, 1..) if record.pending == 0 && record.unread == 0 => {
                    connections.idle_now += 1;
                }
                _ => {}
            }
            if in_flight && matches!(record.state, ESTABLISHED | CLOSE_WAIT) {
                group.requests.in_flight_now += 1;
            }
        });
    }

    /// Counts a connection of HTTP/2 by its streams.
    fn count_streams(&mut self, place: Place, state: u8, streams: Now) {
        self.count_in(place, |group| {
            let connections = &mut group.connections;
            match (state, streams.open, streams.begun) {
                (CLOSE_WAIT, ..) => connections.half_closed_now += 1,
                (ESTABLISHED, 0, 1..) => connections.idle_now += 1,
                _ => {}
            }
            if matches!(state, ESTABLISHED | CLOSE_WAIT) {
                group.requests.in_flight_now += streams.unanswered;
            }
        });
    }

    fn count_connecting(&mut self, record: &SocketRecord) {
        let remote = remote(&record.endpoint);
        let host = self.host_key(&record.endpoint, remote);
        if !self.admits(&host.host) {
            return;
        }
        let place = (
            self.processes.of(&record.endpoint),
            self.hosts.of(host, Some(remote.ip())),
        );
        self.count_in(place, |group| group.connections.connecting_now += 1);
        self.open_activity
            .connecting
            .insert(record.header.cookie, place);
    }

    /// Notes the end of a connect, which from here on is counted by its outcome.
    pub(super) fn connects_no_more(&mut self, cookie: u64) {
        if let Some((process, host)) = self.open_activity.connecting.remove(&cookie) {
            self.each_group(process, host, |group| {
                let now = &mut group.connections.connecting_now;
                *now = now.saturating_sub(1);
            });
        }
    }

    fn count_in(&mut self, place: Place, change: impl Fn(&mut Group)) {
        self.open_activity.places.insert(place);
        self.each_group(place.0, place.1, change);
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::record::{ConnectRecord, connect, kind};
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::tracker::tests::fixture::header;
    use crate::{host_filter::HostFilter, live::WATCH_BYTES, tracker::TrackerOptions};

    fn connects(cookie: u64) -> ConnectRecord {
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT, cookie, 0);
        (record.endpoint.family, record.endpoint.remote_port) = (2, 443);
        (record.start_ns, record.outcome) = (1, connect::ESTABLISHED);
        record
    }

    fn socket(cookie: u64, state: u8, (turns, pending): (u32, u8)) -> SocketRecord {
        let mut record = SocketRecord::new_zeroed();
        record.header = header::<SocketRecord>(kind::SOCKET, cookie, 0);
        (record.endpoint.family, record.endpoint.remote_port) = (2, 443);
        (record.state, record.turns, record.pending) = (state, turns, pending);
        record
    }

    /// Checks the numbers connecting, in flight, idle, half closed and never used; those of the hosts must be the same.
    #[track_caller]
    fn check(tracker: &Tracker, expected: [u64; 5]) {
        let of = |group: &Group| {
            let connections = &group.connections;
            [
                connections.connecting_now,
                group.requests.in_flight_now,
                connections.idle_now,
                connections.half_closed_now,
                connections.never_used(),
            ]
        };
        let snapshot = tracker.snapshot();
        assert_eq!(of(&snapshot.totals), expected);
        let mut hosts = [0; 5];
        for host in &snapshot.hosts {
            let figures = of(&host.group);
            hosts
                .iter_mut()
                .zip(figures)
                .for_each(|(sum, figure)| *sum += figure);
        }
        assert_eq!(hosts, expected);
    }

    fn following(count: u64) -> Tracker {
        let mut tracker = Tracker::new(TrackerOptions::default());
        for cookie in 1..=count {
            tracker.take(connects(cookie).as_bytes());
        }
        tracker
    }

    #[test]
    fn each_pass_says_it_anew() {
        let mut tracker = following(4);
        assert!(!tracker.snapshot().has_activity);
        let first = [
            socket(1, ESTABLISHED, (0, 0)),
            socket(2, ESTABLISHED, (3, 0)),
            socket(3, ESTABLISHED, (3, 1)),
            socket(4, CLOSE_WAIT, (1, 1)),
            socket(5, SYN_SENT, (0, 0)),
        ];
        tracker.watch(10, first.as_bytes());
        assert!(tracker.snapshot().has_activity);
        check(&tracker, [1, 2, 1, 1, 1]);
        let second = [
            socket(1, ESTABLISHED, (1, 0)),
            socket(2, CLOSE_WAIT, (3, 0)),
        ];
        tracker.watch(20, second.as_bytes());
        check(&tracker, [0, 0, 1, 1, 0]);
    }

    #[test]
    fn a_connect_that_came_to_its_end_is_under_way_no_more() {
        let mut tracker = following(0);
        tracker.watch(10, [socket(1, SYN_SENT, (0, 0))].as_bytes());
        check(&tracker, [1, 0, 0, 0, 0]);
        tracker.take(connects(1).as_bytes());
        check(&tracker, [0; 5]);
        assert_eq!(tracker.snapshot().totals.connections.opened, 1);
    }

    #[test]
    fn a_pass_that_was_cut_short_says_nothing() {
        let mut tracker = following(1);
        let one = socket(1, ESTABLISHED, (1, 0));
        tracker.watch(10, one.as_bytes());
        check(&tracker, [0, 0, 1, 0, 0]);
        let many = vec![one; WATCH_BYTES / size_of::<SocketRecord>() + 1];
        tracker.watch(20, many.as_bytes());
        check(&tracker, [0; 5]);
        assert!(!tracker.snapshot().has_activity);
    }

    #[test]
    fn the_last_sweep_has_the_last_word() {
        let mut tracker = following(2);
        tracker.take_sweep(socket(1, ESTABLISHED, (1, 0)).as_bytes(), true);
        check(&tracker, [0, 0, 1, 0, 0]);
        tracker.watch(20, socket(2, CLOSE_WAIT, (1, 1)).as_bytes());
        check(&tracker, [0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_response_that_waits_to_be_read_leaves_no_idle_connection() {
        let mut tracker = following(1);
        let mut record = socket(1, ESTABLISHED, (1, 0));
        record.unread = 1;
        tracker.watch(10, record.as_bytes());
        check(&tracker, [0; 5]);
    }

    #[test]
    fn other_hosts_do_not_count() {
        let mut tracker = Tracker::new(TrackerOptions {
            hosts: HostFilter::new(vec!["*.example".to_owned()]),
            ..TrackerOptions::default()
        });
        let sweep = [socket(1, SYN_SENT, (0, 0)), socket(2, ESTABLISHED, (0, 0))];
        tracker.watch(10, sweep.as_bytes());
        check(&tracker, [0; 5]);
    }
}
