//! View of open connections, combined from a sweep, the last socket listing and the connection table.

use std::{collections::HashSet, sync::Arc};

use tracer_common::{
    record::{SocketRecord, Traffic, handshake},
    tcp_state::{CLOSE_WAIT, ESTABLISHED, SYN_RECV, SYN_SENT},
};

use super::{Tracker, sweep::records};
use crate::{
    connection::Connection,
    decode::{Event, decode},
    elapsed::elapsed,
    endpoint::{comm, local, remote},
    live::{Activity, LiveConnection, LiveConnections, LiveHttp2, LiveState, WATCH_BYTES},
    time_wait::Seen,
};

impl Tracker {
    /// Remembers the traffic of followed sockets until the next listing.
    pub(super) fn note_activity(&mut self, sockets: &[Seen]) {
        self.activity.clear();
        let connections = &self.connections;
        let active = sockets
            .iter()
            .filter_map(|socket| Some((socket.cookie, socket.activity?)));
        self.activity
            .extend(active.filter(|(cookie, _)| connections.contains_key(cookie)));
    }

    /// Takes a sweep made only for the view, at `at_ns`, which shows the activity of open connections. Their traffic
    /// comes from the last listing ([`Tracker::take_sockets`]). A sweep of [`WATCH_BYTES`] or more was cut short.
    pub fn watch(&mut self, at_ns: u64, sweep: &[u8]) {
        let (is_whole, is_over) = (sweep.len() < WATCH_BYTES, self.open_activity.is_over);
        match (is_over, is_whole) {
            (true, _) => {}
            (false, true) => self.forget_activity(),
            (false, false) => self.leave_activity_unknown(),
        }
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for record in records(sweep) {
            match decode(record) {
                Ok(Event::Socket(socket, traffic)) if seen.insert(socket.header.cookie) => {
                    if socket.untold == 1 && !is_over {
                        self.find(socket);
                    }
                    self.settle_http2(socket.header.cookie, at_ns, false);
                    all.extend(self.live(at_ns, socket, traffic));
                    if is_whole && !is_over {
                        self.count_activity(socket, traffic, true);
                    }
                }
                Ok(_) => {}
                Err(_) => self.events.undecodable += 1,
            }
        }
        let open = match self.options.hosts.is_all() {
            true => self.connections.len(),
            // With a host filter the table contains other connections too.
            false => 0,
        };
        self.live = Arc::new(LiveConnections::choose(at_ns, all, open));
    }

    /// View of one connection; None when the host filter leaves it out or it is not followed.
    fn live(
        &self,
        at_ns: u64,
        record: &SocketRecord,
        traffic: Option<&Traffic>,
    ) -> Option<LiveConnection> {
        let cookie = record.header.cookie;
        let remote = remote(&record.endpoint);
        let known = self.connections.get(&cookie);
        let host = match known {
            Some(connection) => Arc::clone(self.hosts.key(connection.host)),
            None if record.state == SYN_SENT => self.host_key(&record.endpoint, remote).into(),
            None => return None,
        };
        if !self.admits(&host.host) {
            return None;
        }
        let activity = self.activity.get(&cookie);
        let since_ns = match record.established_ns {
            0 => record.start_ns,
            established_ns => established_ns,
        };
        let age_ns = elapsed(at_ns, since_ns).filter(|_| since_ns != 0);
        Some(LiveConnection {
            cookie,
            pid: record.endpoint.tgid,
            comm: comm(&record.endpoint.comm).into(),
            host,
            via: known
                .and_then(|connection| connection.path.as_ref())
                .map_or_else(Vec::new, |path| path.opened_by.clone()),
            local: local(&record.endpoint),
            remote,
            state: state(known.map(|known| &**known), record),
            age_ns,
            idle_ns: idle_ns(activity, age_ns),
            turns: turns(known.map(|known| &**known), record.turns),
            http2: known.and_then(|connection| live_http2(connection)),
            rtt_ns: activity.map(|a| a.rtt_ns).filter(|&rtt_ns| rtt_ns != 0),
            tls: known.and_then(|connection| connection.tls),
            adopted: record.adopted == 1,
            traffic: traffic.copied(),
        })
    }
}

/// Number of requests of a connection, of which the kernel has counted so many turns.
fn turns(known: Option<&Connection>, turns: u32) -> Option<u32> {
    let Some(connection) = known else {
        return Some(turns);
    };
    if connection.opening.content.counts_requests() {
        return Some(turns);
    }
    let streams = live_http2(connection)?.now?;
    Some(u32::try_from(streams.begun).unwrap_or(u32::MAX))
}

/// Number of requests that a connection has carried; 0 when they are not known.
pub(super) fn carried(connection: &Connection) -> u64 {
    let last = connection.last_turn.map_or(0, |turn| turn.number);
    turns(Some(connection), last).map_or(0, u64::from)
}

/// Streams of a connection that speaks HTTP/2.
fn live_http2(connection: &Connection) -> Option<LiveHttp2> {
    let content = connection.opening.content;
    let follow = connection.follow.as_ref();
    content.http2.then(|| LiveHttp2 {
        source: content.source,
        at_least: content.at_least,
        now: follow.and_then(|follow| follow.now()),
        peak: follow.map_or(0, |follow| follow.peak()),
        limit: follow.and_then(|follow| follow.limit()),
    })
}

fn state(known: Option<&Connection>, record: &SocketRecord) -> LiveState {
    let streams = known.and_then(live_http2).and_then(|http2| http2.now);
    let is_pending = streams.map_or(record.pending == 1, |streams| streams.open != 0);
    match (record.state, record.handshake) {
        (SYN_SENT | SYN_RECV, _) => LiveState::Connecting,
        (CLOSE_WAIT, _) => LiveState::HalfClosed,
        (ESTABLISHED, handshake::TUNNEL) => LiveState::Tunnel,
        (ESTABLISHED, handshake::HANDSHAKE | handshake::LAST_FLIGHT) => LiveState::Handshake,
        (ESTABLISHED, _) if is_pending => LiveState::InFlight,
        (ESTABLISHED, _) if record.unread == 1 => LiveState::Unread,
        (ESTABLISHED, _) => LiveState::Idle,
        _ => LiveState::Closing,
    }
}

/// Time without traffic. A socket that never carried payload has been idle since it was opened; the values from TCP are
/// not valid then.
fn idle_ns(activity: Option<&Activity>, age_ns: Option<u64>) -> Option<u64> {
    let quiet_ns = activity.map(|a| a.sent_ago_ns.min(a.received_ago_ns));
    match (quiet_ns, age_ns) {
        (Some(quiet_ns), Some(age_ns)) => Some(quiet_ns.min(age_ns)),
        (None, age_ns) => age_ns,
        (quiet_ns, None) => quiet_ns,
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::{
        record::{ConnectRecord, connect, kind},
        tcp_state::FIN_WAIT1,
    };
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::tracker::tests::fixture::header;
    use crate::{host_filter::HostFilter, live::SHOWN, tracker::TrackerOptions};

    const MS: u64 = 1_000_000;
    const NOW: u64 = 10_000 * MS;

    /// Tracker that follows connections 1 to `count`.
    fn following(count: u64, hosts: &[&str]) -> Tracker {
        let mut tracker = Tracker::new(TrackerOptions {
            hosts: HostFilter::new(hosts.iter().map(|&host| host.to_owned()).collect()),
            ..TrackerOptions::default()
        });
        for cookie in 1..=count {
            let mut record = ConnectRecord::new_zeroed();
            record.header = header::<ConnectRecord>(kind::CONNECT, cookie, 0);
            record.endpoint.family = 2;
            record.endpoint.remote_port = 443;
            record.outcome = connect::ESTABLISHED;
            tracker.take(record.as_bytes());
        }
        tracker
    }

    fn socket(cookie: u64, change: impl Fn(&mut SocketRecord)) -> SocketRecord {
        let mut record = SocketRecord::new_zeroed();
        record.header = header::<SocketRecord>(kind::SOCKET, cookie, 0);
        record.endpoint.family = 2;
        record.endpoint.remote_port = 443;
        record.endpoint.comm[..4].copy_from_slice(b"curl");
        (record.state, record.handshake) = (ESTABLISHED, handshake::OVER);
        record.established_ns = NOW - 1000 * MS;
        change(&mut record);
        record
    }

    fn listed(cookie: u64, sent_ms: u64, received_ms: u64) -> Seen {
        Seen {
            cookie,
            state: ESTABLISHED,
            netns: 1,
            local: ([127, 0, 0, 1], 40_000).into(),
            remote: ([127, 0, 0, 1], 443).into(),
            activity: Some(Activity {
                rtt_ns: 5 * MS,
                sent_ago_ns: sent_ms * MS,
                received_ago_ns: received_ms * MS,
            }),
        }
    }

    #[test]
    fn states() {
        #[track_caller]
        fn check(change: impl Fn(&mut SocketRecord), expected: LiveState) {
            let mut tracker = following(1, &[]);
            tracker.watch(NOW, [socket(1, change)].as_bytes());
            let live = &tracker.snapshot().connections;
            assert_eq!(live.shown[0].state, expected);
        }
        check(|_| {}, LiveState::Idle);
        check(|record| record.pending = 1, LiveState::InFlight);
        check(|record| record.unread = 1, LiveState::Unread);
        check(
            |record| (record.pending, record.unread) = (1, 1),
            LiveState::InFlight,
        );
        check(
            |record| (record.state, record.unread) = (CLOSE_WAIT, 1),
            LiveState::HalfClosed,
        );
        check(
            |record| record.handshake = handshake::HANDSHAKE,
            LiveState::Handshake,
        );
        check(
            |record| record.handshake = handshake::TUNNEL,
            LiveState::Tunnel,
        );
        check(|record| record.state = CLOSE_WAIT, LiveState::HalfClosed);
        check(|record| record.state = SYN_SENT, LiveState::Connecting);
        check(|record| record.state = FIN_WAIT1, LiveState::Closing);
    }

    #[test]
    fn most_recently_active_first_and_each_once() {
        let mut tracker = following(3, &[]);
        tracker.take_sockets(NOW, &[listed(1, 400, 300), listed(2, 20_000, 20_000)]);
        let adopted = |record: &mut SocketRecord| {
            record.established_ns = 0;
            record.adopted = 1;
        };
        let sweep = [
            socket(3, adopted),
            socket(2, |_| {}),
            socket(1, |record| record.turns = 7),
            socket(1, |_| {}),
        ];
        tracker.watch(NOW, sweep.as_bytes());
        let live = tracker.snapshot().connections;
        let told: Vec<_> = live
            .shown
            .iter()
            .map(|c| (c.cookie, c.age_ns, c.idle_ns, c.rtt_ns, c.turns))
            .collect();
        let (second, rtt) = (Some(1000 * MS), Some(5 * MS));
        assert_eq!(
            told,
            [
                (1, second, Some(300 * MS), rtt, Some(7)),
                // This connection never carried payload.
                (2, second, second, rtt, Some(0)),
                (3, None, None, None, Some(0)),
            ]
        );
        assert_eq!(&*live.shown[0].comm, "curl");
        assert!(live.shown[2].adopted);
        assert_eq!((live.at_ns, live.further), (NOW, 0));
    }

    #[test]
    fn the_list_is_bounded_and_says_so() {
        let count = SHOWN as u64 + 10;
        let mut tracker = following(count, &[]);
        let sweep: Vec<_> = (1..=count).map(|cookie| socket(cookie, |_| {})).collect();
        tracker.watch(NOW, sweep.as_bytes());
        let live = tracker.snapshot().connections;
        assert_eq!((live.shown.len(), live.further), (SHOWN, 10));
    }

    #[test]
    fn strangers_and_other_hosts_are_left_out() {
        let mut tracker = following(1, &[]);
        let sweep = [socket(1, |_| {}), socket(2, |_| {})];
        tracker.watch(NOW, sweep.as_bytes());
        assert_eq!(tracker.snapshot().connections.shown.len(), 1);
        let mut tracker = following(1, &["*.example"]);
        tracker.watch(NOW, sweep.as_bytes());
        let live = tracker.snapshot().connections;
        assert_eq!((live.shown.len(), live.further), (0, 0));
    }

    #[test]
    fn nothing_is_counted_but_what_connections_do() {
        let mut tracker = following(1, &[]);
        let before = tracker.snapshot();
        tracker.watch(NOW, [socket(1, |_| {}), socket(2, |_| {})].as_bytes());
        let mut after = tracker.snapshot();
        assert_ne!(before.totals, after.totals);
        Arc::make_mut(&mut after.totals).forget_activity();
        assert_eq!(before.events, after.events);
        assert_eq!(before.totals, after.totals);
    }
}
