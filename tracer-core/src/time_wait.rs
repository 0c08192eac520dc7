//! TIME_WAIT (RFC 9293 3.3.2). A tracepoint tells who enters it from FIN_WAIT2 or CLOSING; an orphan that
//! left as a FIN_WAIT2 mini-socket may enter it later unseen. So who is in it now, and whether orphans
//! have entered it, comes from snapshots of the kernel's sockets, matched by cookie.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
};

use crate::live::Activity;

/// TCP state numbers, include/net/tcp_states.h.
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;

/// A socket of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Cookie; a TIME_WAIT socket keeps that of its connection.
    pub cookie: u64,
    /// TCP state.
    pub state: u8,
    /// Network namespace.
    pub netns: u32,
    /// Local end.
    pub local: SocketAddr,
    /// Remote end.
    pub remote: SocketAddr,
    /// Its traffic, when that was asked for.
    pub activity: Option<Activity>,
}

/// A closed connection that has left something behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remains {
    /// Owner.
    pub process: u32,
    /// Host.
    pub host: u32,
    /// Network namespace.
    pub netns: u32,
    /// When it closed, ns.
    pub closed_ns: u64,
    /// In FIN_WAIT2 without an owner; not in TIME_WAIT yet.
    pub orphan: bool,
}

/// Use of local ports toward one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// Network namespace.
    pub netns: u32,
    /// Address and port.
    pub remote: SocketAddr,
    /// Sockets in TIME_WAIT toward it, whoever made them.
    pub time_wait: u64,
    /// Local ports in use or in TIME_WAIT toward it.
    pub ports_used: u64,
    /// `ports_used` over the size of the namespace's ip_local_port_range; None when that is not known.
    pub ports_used_ratio: Option<f64>,
}

/// What is known of TIME_WAIT.
#[derive(Debug, Default)]
pub struct TimeWait {
    remains: HashMap<u64, Remains>,
    destinations: HashMap<(u32, SocketAddr), Use>,
    ranges: HashMap<u32, (u16, u16)>,
    /// Of the first namespace.
    first_range: Option<(u16, u16)>,
    current: u64,
    peak: u64,
    at_start: HashMap<u32, u64>,
    orphans_lost: u64,
    unseen: HashSet<u32>,
    /// Of the namespaces that were removed, those whose inode numbers are free.
    removed: HashSet<u32>,
    removals: u64,
}

#[derive(Debug, Default)]
struct Use {
    time_wait: u64,
    ports: HashSet<(std::net::IpAddr, u16)>,
}

/// The same, ready to be shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeWaitView {
    /// Traced connections in TIME_WAIT at the last snapshot.
    pub current: u64,
    /// Most at any snapshot.
    pub peak: u64,
    /// Sockets in TIME_WAIT when tracing of their namespace began, whoever made them.
    pub at_start: u64,
    /// Orphans in FIN_WAIT2 that may still enter.
    pub orphans_now: u64,
    /// Orphans that were gone before a snapshot saw what became of them.
    pub orphans_lost: u64,
    /// Namespaces of traced connections whose sockets could not be listed: `current` and `peak` lack them.
    pub namespaces_unseen: u64,
    /// Namespaces of traced connections that were removed; what was in TIME_WAIT there went with them.
    pub namespaces_removed: u64,
    /// ip_local_port_range, of the first namespace.
    pub port_range: Option<(u16, u16)>,
    /// Destinations of traced connections, most used first.
    pub destinations: Vec<Destination>,
}

/// Destinations kept.
const MAX_DESTINATIONS: usize = 65_536;
/// Destinations shown.
const SHOWN_DESTINATIONS: usize = 1000;

impl TimeWait {
    /// A traced connection led there.
    pub fn destination(&mut self, netns: u32, remote: SocketAddr) {
        if self.destinations.len() < MAX_DESTINATIONS {
            self.destinations.entry((netns, remote)).or_default();
        }
    }

    /// A namespace joins: its port range and the sockets it has in TIME_WAIT already.
    pub fn namespace(&mut self, netns: u32, range: (u16, u16), time_wait: u64) {
        self.removed.remove(&netns);
        self.ranges.insert(netns, range);
        self.first_range.get_or_insert(range);
        self.at_start.insert(netns, time_wait);
    }

    /// A namespace joins whose sockets cannot be listed: what is left behind there is not followed.
    pub fn unseen_namespace(&mut self, netns: u32) {
        self.removed.remove(&netns);
        self.unseen.insert(netns);
        let lost = &mut self.orphans_lost;
        self.remains.retain(|_, remains| {
            let gone = remains.netns == netns;
            *lost += u64::from(gone && remains.orphan);
            !gone
        });
    }

    /// A namespace was removed, right after a snapshot: the fate of all that was left behind there is known.
    pub fn removed_namespace(&mut self, netns: u32) {
        self.remains.retain(|_, remains| remains.netns != netns);
        self.destinations.retain(|(at, _), _| *at != netns);
        self.ranges.remove(&netns);
        self.removed.insert(netns);
        self.removals += 1;
        self.count();
    }

    /// A connection closed and left something behind.
    pub fn left(&mut self, cookie: u64, remains: Remains) {
        if self.removed.contains(&remains.netns) {
            return;
        }
        if self.unseen.contains(&remains.netns) {
            self.orphans_lost += u64::from(remains.orphan);
        } else {
            self.remains.insert(cookie, remains);
        }
    }

    /// Orphans whose fate is open.
    pub fn orphans(&self) -> usize {
        self.remains
            .values()
            .filter(|remains| remains.orphan)
            .count()
    }

    /// Takes in a snapshot begun at `begun_ns`. Gives the orphans that have entered TIME_WAIT since.
    pub fn observe(&mut self, begun_ns: u64, sockets: &[Seen]) -> Vec<Remains> {
        self.observe_destinations(sockets);
        let mut entered = Vec::new();
        let mut seen = HashMap::new();
        for socket in sockets
            .iter()
            .filter(|s| matches!(s.state, TIME_WAIT | FIN_WAIT2))
        {
            if let Some(remains) = self.remains.get_mut(&socket.cookie) {
                seen.insert(socket.cookie, socket.state);
                if remains.orphan && socket.state == TIME_WAIT {
                    remains.orphan = false;
                    entered.push(*remains);
                }
            }
        }
        let (lost, ranges) = (&mut self.orphans_lost, &self.ranges);
        self.remains.retain(|cookie, remains| {
            let listed = ranges.contains_key(&remains.netns) && remains.closed_ns < begun_ns;
            let gone = listed && !seen.contains_key(cookie);
            *lost += u64::from(gone && remains.orphan);
            !gone
        });
        self.count();
        self.peak = self.peak.max(self.current);
        entered
    }

    /// Counts those in TIME_WAIT.
    fn count(&mut self) {
        let in_time_wait = self.remains.values().filter(|remains| !remains.orphan);
        self.current = in_time_wait.count() as u64;
    }

    fn observe_destinations(&mut self, sockets: &[Seen]) {
        for usage in self.destinations.values_mut() {
            *usage = Use::default();
        }
        for socket in sockets {
            if let Some(usage) = self.destinations.get_mut(&(socket.netns, socket.remote)) {
                usage.time_wait += u64::from(socket.state == TIME_WAIT);
                usage.ports.insert((socket.local.ip(), socket.local.port()));
            }
        }
    }

    /// Forgets what was lost, what was removed, and how many there were at most.
    pub fn reset(&mut self) {
        self.peak = self.current;
        self.orphans_lost = 0;
        self.removals = 0;
    }

    /// Traced connections in it at the last snapshot.
    pub fn current(&self) -> u64 {
        self.current
    }

    /// For the snapshot.
    pub fn view(&self) -> TimeWaitView {
        let mut destinations: Vec<Destination> = self
            .destinations
            .iter()
            .filter(|(_, usage)| !usage.ports.is_empty())
            .map(|(&(netns, remote), usage)| self.show(netns, remote, usage))
            .collect();
        destinations.sort_by(|a, b| {
            b.ports_used
                .cmp(&a.ports_used)
                .then(a.remote.cmp(&b.remote))
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

    fn show(&self, netns: u32, remote: SocketAddr, usage: &Use) -> Destination {
        let ports_used = usage.ports.len() as u64;
        let ratio = self.ranges.get(&netns).map(|&(low, high)| {
            ports_used as f64 / f64::from(u32::from(high.saturating_sub(low)) + 1)
        });
        Destination {
            netns,
            remote,
            time_wait: usage.time_wait,
            ports_used,
            ports_used_ratio: ratio,
        }
    }
}

#[cfg(test)]
mod tests {
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

    fn remains(orphan: bool) -> Remains {
        Remains {
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
        time_wait.left(1, remains(true));
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
        time_wait.left(1, remains(false));
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
        time_wait.left(1, remains(false));
        time_wait.left(2, remains(true));
        time_wait.observe(20, &[seen(1, TIME_WAIT), seen(2, FIN_WAIT2)]);
        time_wait.removed_namespace(1);
        time_wait.left(3, remains(true));
        let view = time_wait.view();
        assert_eq!((view.current, view.peak, view.orphans_now), (0, 1, 0));
        assert_eq!((view.orphans_lost, view.namespaces_removed), (0, 1));
        assert!(view.destinations.is_empty());
        // Another namespace with the same number.
        time_wait.unseen_namespace(1);
        time_wait.left(4, remains(true));
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
        time_wait.observe(1, &[seen(1, TIME_WAIT), seen(2, 1)]);
        let view = time_wait.view();
        assert_eq!(view.at_start, 3);
        let destination = &view.destinations[0];
        assert_eq!((destination.time_wait, destination.ports_used), (1, 2));
        assert_eq!(destination.ports_used_ratio, Some(0.2));
    }
}
