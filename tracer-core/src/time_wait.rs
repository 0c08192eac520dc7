//! Sockets in TIME_WAIT (RFC 9293 3.3.2). A tracepoint shows which sockets enter it from FIN_WAIT2 or CLOSING, but an
//! orphan that was left as a FIN_WAIT2 mini-socket may enter it later unseen. Therefore the current number, and the
//! orphans that have entered, come from snapshots of the kernel's sockets, matched by cookie.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
};

use tracer_common::tcp_state::{FIN_WAIT2, TIME_WAIT};

use crate::live::Activity;

/// Socket of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Cookie; a TIME_WAIT socket keeps that of its connection.
    pub cookie: u64,
    /// TCP state, one of [`tracer_common::tcp_state`].
    pub state: u8,
    /// Network namespace.
    pub netns: u32,
    /// Local address and port.
    pub local: SocketAddr,
    /// Remote address and port.
    pub remote: SocketAddr,
    /// Traffic of the socket, if it was asked for.
    pub activity: Option<Activity>,
}

/// Socket that a closed connection has left behind in the kernel: the outcome of its close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedSocket {
    /// Index of the owner in the process table.
    pub process: u32,
    /// Index of the host.
    pub host: u32,
    /// Network namespace.
    pub netns: u32,
    /// Time of the close, ns.
    pub closed_ns: u64,
    /// True while the socket is in FIN_WAIT2 without an owner, and not in TIME_WAIT yet.
    pub orphan: bool,
}

/// Use of local ports from one local address toward one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// Network namespace.
    pub netns: u32,
    /// Local address. Each one has all ports of the range for itself.
    pub source: IpAddr,
    /// Remote address and port.
    pub remote: SocketAddr,
    /// Number of sockets in TIME_WAIT toward the destination, of any process.
    pub time_wait: u64,
    /// Number of local ports in use or in TIME_WAIT toward the destination.
    pub ports_used: u64,
    /// Ratio of `ports_used` to the size of the namespace's ip_local_port_range without the ports that are reserved; None when
    /// that is not known.
    pub ports_used_ratio: Option<f64>,
}

/// State of TIME_WAIT tracking.
#[derive(Debug, Default)]
pub struct TimeWait {
    closed: HashMap<u64, ClosedSocket>,
    /// Use of ports by local address, for each destination.
    destinations: HashMap<(u32, SocketAddr), HashMap<IpAddr, Use>>,
    ranges: HashMap<u32, (u16, u16)>,
    /// Number of ports in the range that are reserved, so that the kernel does not take them by itself; without those
    /// that are 0.
    reserved: HashMap<u32, u32>,
    /// Port range of the first namespace.
    first_range: Option<(u16, u16)>,
    current: u64,
    peak: u64,
    at_start: HashMap<u32, u64>,
    orphans_lost: u64,
    unseen: HashSet<u32>,
    /// Removed namespaces whose inode numbers are free.
    removed: HashSet<u32>,
    removals: u64,
}

#[derive(Debug, Default)]
struct Use {
    time_wait: u64,
    ports: HashSet<u16>,
}

/// Figures of TIME_WAIT, as sinks show them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeWaitView {
    /// Number of traced connections in TIME_WAIT at the last snapshot.
    pub current: u64,
    /// Highest such number at any snapshot.
    pub peak: u64,
    /// Number of sockets in TIME_WAIT when tracing of their namespace began, of any process.
    pub at_start: u64,
    /// Number of orphans in FIN_WAIT2 that may still enter TIME_WAIT.
    pub orphans_now: u64,
    /// Number of orphans that were gone before a snapshot could show whether they entered TIME_WAIT.
    pub orphans_lost: u64,
    /// Number of namespaces with traced connections but without a listing of sockets: `current` and `peak` lack them.
    pub namespaces_unseen: u64,
    /// Namespaces of traced connections that were removed; their sockets in TIME_WAIT went with them.
    pub namespaces_removed: u64,
    /// Port range (ip_local_port_range) of the first namespace.
    pub port_range: Option<(u16, u16)>,
    /// Destinations of traced connections, the most used first.
    pub destinations: Vec<Destination>,
}

/// Limit of the destinations kept.
const MAX_DESTINATIONS: usize = 65_536;
/// Limit of the destinations shown.
const SHOWN_DESTINATIONS: usize = 1000;

impl TimeWait {
    /// Adds the destination of a traced connection.
    pub fn destination(&mut self, netns: u32, remote: SocketAddr) {
        if self.destinations.len() < MAX_DESTINATIONS {
            self.destinations.entry((netns, remote)).or_default();
        }
    }

    /// Adds a namespace with its port range and the number of sockets it already has in TIME_WAIT.
    pub fn namespace(&mut self, netns: u32, range: (u16, u16), time_wait: u64) {
        self.removed.remove(&netns);
        self.ranges.insert(netns, range);
        self.first_range.get_or_insert(range);
        self.at_start.insert(netns, time_wait);
    }

    /// Sets the number of ports in the range of a namespace that are reserved (ip_local_reserved_ports).
    pub fn reserve(&mut self, netns: u32, ports: u32) {
        if ports != 0 {
            self.reserved.insert(netns, ports);
        }
    }

    /// Adds a namespace without a listing of sockets: sockets left behind there are not followed.
    pub fn unseen_namespace(&mut self, netns: u32) {
        self.removed.remove(&netns);
        self.unseen.insert(netns);
        let lost = &mut self.orphans_lost;
        self.closed.retain(|_, socket| {
            let gone = socket.netns == netns;
            *lost += u64::from(gone && socket.orphan);
            !gone
        });
    }

    /// Notes that a namespace was removed, right after a snapshot: the sockets left behind there are gone.
    pub fn removed_namespace(&mut self, netns: u32) {
        self.closed.retain(|_, socket| socket.netns != netns);
        self.destinations.retain(|(at, _), _| *at != netns);
        self.ranges.remove(&netns);
        self.reserved.remove(&netns);
        self.removed.insert(netns);
        self.removals += 1;
        self.count();
    }

    /// Notes that a connection closed and left a socket behind.
    pub fn left(&mut self, cookie: u64, socket: ClosedSocket) {
        if self.removed.contains(&socket.netns) {
            return;
        }
        if self.unseen.contains(&socket.netns) {
            self.orphans_lost += u64::from(socket.orphan);
        } else {
            self.closed.insert(cookie, socket);
        }
    }

    /// Number of orphans that may still enter TIME_WAIT.
    pub fn orphans(&self) -> usize {
        self.closed.values().filter(|socket| socket.orphan).count()
    }

    /// Takes a snapshot begun at `begun_ns`. Returns the orphans that have entered TIME_WAIT since the one before.
    pub fn observe(&mut self, begun_ns: u64, sockets: &[Seen]) -> Vec<ClosedSocket> {
        self.observe_destinations(sockets);
        let mut entered = Vec::new();
        let mut seen = HashMap::new();
        for socket in sockets
            .iter()
            .filter(|s| matches!(s.state, TIME_WAIT | FIN_WAIT2))
        {
            if let Some(closed) = self.closed.get_mut(&socket.cookie) {
                seen.insert(socket.cookie, socket.state);
                if closed.orphan && socket.state == TIME_WAIT {
                    closed.orphan = false;
                    entered.push(*closed);
                }
            }
        }
        let (lost, ranges) = (&mut self.orphans_lost, &self.ranges);
        self.closed.retain(|cookie, closed| {
            let listed = ranges.contains_key(&closed.netns) && closed.closed_ns < begun_ns;
            let gone = listed && !seen.contains_key(cookie);
            *lost += u64::from(gone && closed.orphan);
            !gone
        });
        self.count();
        self.peak = self.peak.max(self.current);
        entered
    }

    /// Counts those in TIME_WAIT.
    fn count(&mut self) {
        let in_time_wait = self.closed.values().filter(|socket| !socket.orphan);
        self.current = in_time_wait.count() as u64;
    }

    fn observe_destinations(&mut self, sockets: &[Seen]) {
        for usage in self.destinations.values_mut() {
            usage.clear();
        }
        for socket in sockets {
            if let Some(usage) = self.destinations.get_mut(&(socket.netns, socket.remote)) {
                let usage = usage.entry(socket.local.ip()).or_default();
                usage.time_wait += u64::from(socket.state == TIME_WAIT);
                usage.ports.insert(socket.local.port());
            }
        }
    }

    /// Clears the numbers of lost orphans and removed namespaces, and sets the peak to the current number.
    pub fn reset(&mut self) {
        self.peak = self.current;
        self.orphans_lost = 0;
        self.removals = 0;
    }

    /// Number of traced connections in TIME_WAIT at the last snapshot.
    pub fn current(&self) -> u64 {
        self.current
    }

    /// Number of local ports of one address in use toward the destination that uses most.
    pub fn most_ports_used(&self) -> u64 {
        let uses = self.destinations.values().flat_map(HashMap::values);
        uses.map(|usage| usage.ports.len()).max().unwrap_or(0) as u64
    }

    /// Figures for a snapshot.
    pub fn view(&self) -> TimeWaitView {
        let mut destinations: Vec<Destination> = self
            .destinations
            .iter()
            .flat_map(|(&(netns, remote), uses)| {
                let show = move |(&source, usage)| self.show(netns, source, remote, usage);
                uses.iter().map(show)
            })
            .collect();
        destinations.sort_by(|a, b| {
            b.ports_used
                .cmp(&a.ports_used)
                .then(a.remote.cmp(&b.remote))
                .then(a.source.cmp(&b.source))
                .then(a.netns.cmp(&b.netns))
        });
        destinations.truncate(SHOWN_DESTINATIONS);
        TimeWaitView {
            current: self.current,
            peak: self.peak,
            at_start: self.at_start.values().sum(),
            orphans_now: self.orphans() as u64,
            orphans_lost: self.orphans_lost,
            namespaces_unseen: self.unseen.len() as u64,
            namespaces_removed: self.removals,
            port_range: self.first_range,
            destinations,
        }
    }

    fn show(&self, netns: u32, source: IpAddr, remote: SocketAddr, usage: &Use) -> Destination {
        let ports_used = usage.ports.len() as u64;
        let reserved = self.reserved.get(&netns).copied().unwrap_or(0);
        let ratio = self.ranges.get(&netns).map(|&(low, high)| {
            let range = u32::from(high.saturating_sub(low)) + 1;
            ports_used as f64 / f64::from(range.saturating_sub(reserved).max(1))
        });
        Destination {
            netns,
            source,
            remote,
            time_wait: usage.time_wait,
            ports_used,
            ports_used_ratio: ratio,
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::tcp_state::ESTABLISHED;

    use super::*;

    fn seen(cookie: u64, state: u8) -> Seen {
        let local = ([127, 0, 0, 1], 40_000 + cookie as u16).into();
        Seen {
            cookie,
            state,
            netns: 1,
            local,
            remote: ([127, 0, 0, 1], 80).into(),
            activity: None,
        }
    }

    fn closed(orphan: bool) -> ClosedSocket {
        ClosedSocket {
            process: 0,
            host: 0,
            netns: 1,
            closed_ns: 10,
            orphan,
        }
    }

    #[test]
    fn orphan_enters_once_and_leaves() {
        let mut time_wait = TimeWait::default();
        time_wait.namespace(1, (40_000, 40_009), 0);
        time_wait.left(1, closed(true));
        assert!(time_wait.observe(20, &[seen(1, FIN_WAIT2)]).is_empty());
        assert_eq!(time_wait.observe(30, &[seen(1, TIME_WAIT)]).len(), 1);
        assert!(time_wait.observe(40, &[seen(1, TIME_WAIT)]).is_empty());
        assert_eq!(time_wait.view().current, 1);
        time_wait.observe(50, &[]);
        let view = time_wait.view();
        assert_eq!((view.current, view.peak, view.orphans_lost), (0, 1, 0));
    }

    #[test]
    fn what_closed_during_the_snapshot_stays() {
        let mut time_wait = TimeWait::default();
        time_wait.namespace(1, (40_000, 40_009), 0);
        time_wait.left(1, closed(false));
        time_wait.observe(10, &[]);
        assert_eq!(time_wait.view().current, 1);
        time_wait.observe(11, &[]);
        assert_eq!(time_wait.view().current, 0);
    }

    #[test]
    fn what_was_in_a_removed_namespace_is_not_lost() {
        let mut time_wait = TimeWait::default();
        time_wait.namespace(1, (40_000, 40_009), 0);
        time_wait.destination(1, ([127, 0, 0, 1], 80).into());
        time_wait.left(1, closed(false));
        time_wait.left(2, closed(true));
        time_wait.observe(20, &[seen(1, TIME_WAIT), seen(2, FIN_WAIT2)]);
        time_wait.removed_namespace(1);
        time_wait.left(3, closed(true));
        let view = time_wait.view();
        assert_eq!((view.current, view.peak, view.orphans_now), (0, 1, 0));
        assert_eq!((view.orphans_lost, view.namespaces_removed), (0, 1));
        assert!(view.destinations.is_empty());
        // Another namespace with the same number.
        time_wait.unseen_namespace(1);
        time_wait.left(4, closed(true));
        let view = time_wait.view();
        assert_eq!((view.orphans_lost, view.namespaces_unseen), (1, 1));
        time_wait.reset();
        assert_eq!(time_wait.view().namespaces_removed, 0);
    }

    #[test]
    fn ports_are_counted_against_the_range() {
        let mut time_wait = TimeWait::default();
        time_wait.namespace(1, (40_000, 40_009), 3);
        time_wait.destination(1, ([127, 0, 0, 1], 80).into());
        time_wait.observe(1, &[seen(1, TIME_WAIT), seen(2, ESTABLISHED)]);
        let view = time_wait.view();
        assert_eq!(view.at_start, 3);
        let destination = &view.destinations[0];
        assert_eq!((destination.time_wait, destination.ports_used), (1, 2));
        assert_eq!(destination.ports_used_ratio, Some(0.2));
        time_wait.reserve(1, 5);
        assert_eq!(time_wait.view().destinations[0].ports_used_ratio, Some(0.4));
    }

    #[test]
    fn each_local_address_has_all_ports() {
        let mut time_wait = TimeWait::default();
        time_wait.namespace(1, (40_000, 40_009), 0);
        time_wait.destination(1, ([127, 0, 0, 1], 80).into());
        let from = |cookie, last| Seen {
            local: ([127, 0, 0, last], 40_000 + cookie as u16).into(),
            ..seen(cookie, ESTABLISHED)
        };
        time_wait.observe(1, &[from(1, 1), from(2, 1), from(1, 2)]);
        assert_eq!(time_wait.most_ports_used(), 2);
        let view = time_wait.view();
        let got: Vec<_> = view
            .destinations
            .iter()
            .map(|it| (it.source, it.ports_used))
            .collect();
        assert_eq!(
            got,
            [([127, 0, 0, 1].into(), 2), ([127, 0, 0, 2].into(), 1)]
        );
    }
}
