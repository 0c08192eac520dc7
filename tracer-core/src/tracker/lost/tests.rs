//! A model of the kernel programs whose ring is full at times, of sweeps and of listings.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*};
use tracer_common::{
    overflow::{BUCKETS, Count, Histogram},
    record::{CloseRecord, ConnectRecord, TurnRecord, closer, connect, kind, turn},
    tcp_state::ESTABLISHED,
};
use zerocopy::{FromZeros, IntoBytes};

use super::*;
use crate::{
    overflow::Overflow,
    tracker::{TrackerOptions, tests::fixture::header},
};

/// Cookies of sockets; none comes twice.
const COOKIES: std::ops::Range<u64> = 1..25;
const NETNS: u32 = 5;

/// A connection as the kernel has it.
#[derive(Debug, Clone, Copy, Default)]
struct Conn {
    /// The record of its connect found the ring full.
    untold: bool,
    /// No process has a file of it: its process has closed it, or it is on the way from one to another.
    hidden: bool,
    /// A sweep has told of it.
    found: bool,
    turns: u32,
}

/// Event in the kernel, for a connection by its cookie.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Opens(u64),
    IsUsed(u64),
    Hides(u64),
    Closes(u64),
    /// The ring has room from now on, or none.
    Ring {
        is_full: bool,
    },
}

/// Action of tracer.
#[derive(Debug, Clone)]
enum Step {
    In(Happens),
    /// Takes what waits.
    Reads,
    /// Takes what waits; then these happen, and then comes the sweep.
    Sweeps(Vec<Happens>),
    /// Takes what waits; then these happen, and then comes the listing, which may skip a socket.
    Lists(Vec<Happens>, Option<u64>),
}

/// The kernel programs with their ring, and a tracker that reads it.
struct Model {
    unused: BTreeSet<u64>,
    conns: BTreeMap<u64, Conn>,
    ring: Vec<Vec<u8>>,
    is_full: bool,
    late: Vec<Vec<u8>>,
    late_room: usize,
    overflow: Overflow,
    skipped: Option<u64>,
    tracker: Tracker,
}

fn pid(cookie: u64) -> u32 {
    1 + (cookie % 2) as u32
}

fn port(cookie: u64) -> u16 {
    80 + (cookie % 3) as u16
}

fn fill(cookie: u64, endpoint: &mut tracer_common::record::Endpoint) {
    (endpoint.family, endpoint.netns) = (2, NETNS);
    (endpoint.tgid, endpoint.remote_port) = (pid(cookie), port(cookie));
}

fn connected(cookie: u64) -> Vec<u8> {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, cookie, 20);
    fill(cookie, &mut record.endpoint);
    (record.start_ns, record.duration_ns) = (15, 5);
    record.outcome = connect::ESTABLISHED;
    record.as_bytes().to_vec()
}

fn used(cookie: u64, number: u32) -> Vec<u8> {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, cookie, 40);
    (record.start_ns, record.first_ns, record.last_ns) = (30, 31, 32);
    (record.number, record.ended, record.protocol) = (number, turn::NEXT, turn::CLEAR);
    record.as_bytes().to_vec()
}

fn closed(cookie: u64) -> Vec<u8> {
    let mut record = CloseRecord::new_zeroed();
    record.header = header::<CloseRecord>(kind::CLOSE, cookie, 50);
    (record.established_ns, record.closing_ns) = (20, 50);
    record.closer = closer::CLIENT;
    record.as_bytes().to_vec()
}

fn socket(cookie: u64, conn: Conn) -> Vec<u8> {
    let mut record = SocketRecord::new_zeroed();
    record.header = header::<SocketRecord>(kind::SOCKET, cookie, 60);
    fill(cookie, &mut record.endpoint);
    (record.state, record.turns) = (ESTABLISHED, conn.turns);
    (record.established_ns, record.untold) = (20, u8::from(conn.untold));
    record.as_bytes().to_vec()
}

fn seen(cookie: u64, state: u8) -> Seen {
    Seen {
        cookie,
        state,
        netns: NETNS,
        local: ([127, 0, 0, 1], 40_000).into(),
        remote: ([127, 0, 0, 1], port(cookie)).into(),
        activity: None,
    }
}

impl Model {
    fn new(late_room: usize) -> Self {
        Self {
            unused: COOKIES.collect(),
            conns: BTreeMap::new(),
            ring: Vec::new(),
            is_full: false,
            late: Vec::new(),
            late_room,
            overflow: Overflow {
                histograms: vec![0; (Histogram::COUNT * BUCKETS) as usize],
                counts: vec![0; Count::COUNT as usize],
            },
            skipped: None,
            tracker: Tracker::new(TrackerOptions::default()),
        }
    }

    /// True when the ring has room for the record.
    fn writes(&mut self, record: Vec<u8>) -> bool {
        if !self.is_full {
            self.ring.push(record);
        }
        !self.is_full
    }

    fn overflows(&mut self, count: Count) {
        self.overflow.counts[Count::Records as usize] += 1;
        self.overflow.counts[count as usize] += 1;
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Ring { is_full } => self.is_full = is_full,
            Happens::Opens(cookie) => self.opens(cookie),
            Happens::IsUsed(cookie) => self.is_used(cookie),
            Happens::Hides(cookie) => {
                if let Some(conn) = self.conns.get_mut(&cookie) {
                    conn.hidden = true;
                }
            }
            Happens::Closes(cookie) => self.closes(cookie),
        }
    }

    fn opens(&mut self, cookie: u64) {
        if !self.unused.remove(&cookie) {
            return;
        }
        let untold = !self.writes(connected(cookie));
        if untold {
            self.overflow.counts[Count::Records as usize] += 1;
            self.overflow.histograms[Histogram::Connect.slot(5) as usize] += 1;
        }
        let conn = Conn {
            untold,
            ..Conn::default()
        };
        self.conns.insert(cookie, conn);
    }

    fn is_used(&mut self, cookie: u64) {
        let Some(conn) = self.conns.get_mut(&cookie) else {
            return;
        };
        conn.turns += 1;
        let number = conn.turns;
        if !self.writes(used(cookie, number)) {
            self.overflows(Count::Requests);
            let first = u64::from(number == 1);
            self.overflow.counts[Count::RequestConnections as usize] += first;
        }
    }

    fn closes(&mut self, cookie: u64) {
        let Some(conn) = self.conns.remove(&cookie) else {
            return;
        };
        if self.writes(closed(cookie)) {
            return;
        }
        if !conn.untold && self.late.len() < self.late_room {
            self.late.push(closed(cookie));
        } else {
            self.overflows(Count::ClosedClient);
        }
    }

    fn reads(&mut self) {
        let late = std::mem::take(&mut self.late);
        for record in std::mem::take(&mut self.ring).into_iter().chain(late) {
            self.tracker.take(&record);
        }
        self.tracker.set_overflow(self.overflow.clone());
    }

    fn sweeps(&mut self, meanwhile: &[Happens]) {
        self.reads();
        meanwhile.iter().for_each(|&what| self.happens(what));
        let mut sweep = Vec::new();
        for (&cookie, conn) in self.conns.iter_mut().filter(|(_, conn)| !conn.hidden) {
            conn.found = true;
            sweep.extend(socket(cookie, *conn));
        }
        self.tracker.take_sweep(&sweep, false);
    }

    /// Gives as many listings as a look takes.
    fn lists(&mut self, meanwhile: &[Happens], skips: Option<u64>) {
        // What the kernel skips depends on who comes and goes: it is not the same one twice.
        self.skipped = skips.filter(|_| skips != self.skipped);
        for _ in 0..EACH {
            self.reads();
            meanwhile.iter().for_each(|&what| self.happens(what));
            let there = self
                .conns
                .keys()
                .filter(|&&cookie| Some(cookie) != self.skipped);
            let stranger = seen(1000, ESTABLISHED);
            let listing: Vec<Seen> = there
                .map(|&cookie| seen(cookie, ESTABLISHED))
                .chain([stranger])
                .collect();
            self.tracker.take_sockets(70, &listing);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::In(what) => self.happens(*what),
            Step::Reads => self.reads(),
            Step::Sweeps(meanwhile) => self.sweeps(meanwhile),
            Step::Lists(meanwhile, skips) => self.lists(meanwhile, *skips),
        }
    }

    /// Rows and totals agree with the kernel, but that rows lack the hidden ones whose beginning was lost.
    fn check(&self) -> Result<(), TestCaseError> {
        let snapshot = self.tracker.snapshot();
        let open = snapshot.totals.connections.open_now;
        prop_assert_eq!(open, self.conns.len() as u64);
        let known = |of: &dyn Fn(u64) -> bool| {
            let conns = self.conns.iter();
            let known = conns.filter(|(_, conn)| !conn.untold || conn.found);
            known.filter(|(cookie, _)| of(**cookie)).count() as u64
        };
        for host in &snapshot.hosts {
            let open = known(&|cookie| port(cookie) == host.key.port);
            prop_assert_eq!(host.group.connections.open_now, open);
            balances(&host.group)?;
        }
        for process in &snapshot.processes {
            let open = known(&|cookie| pid(cookie) == process.pid);
            prop_assert_eq!(process.group.connections.open_now, open);
            balances(&process.group)?;
        }
        balances(&snapshot.totals)?;
        // The kernel's own counters have told the totals.
        let connections = &snapshot.totals.connections;
        prop_assert_eq!((connections.opens_lost, connections.closes_lost), (0, 0));
        Ok(())
    }
}

/// Checks that every connection that began is over or open.
fn balances(group: &Group) -> Result<(), TestCaseError> {
    let connections = &group.connections;
    prop_assert_eq!(
        connections.established + connections.adopted + connections.opens_lost,
        connections.closed_by.total() + connections.closes_lost + connections.open_now
    );
    Ok(())
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        5 => COOKIES.prop_map(Happens::Opens),
        2 => COOKIES.prop_map(Happens::IsUsed),
        1 => COOKIES.prop_map(Happens::Hides),
        4 => COOKIES.prop_map(Happens::Closes),
        3 => any::<bool>().prop_map(|is_full| Happens::Ring { is_full }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => happens().prop_map(Step::In),
        1 => Just(Step::Reads),
        1 => vec(happens(), 0..4).prop_map(Step::Sweeps),
        1 => (vec(happens(), 0..4), option::of(COOKIES))
            .prop_map(|(meanwhile, skips)| Step::Lists(meanwhile, skips)),
    ]
}

proptest! {
    /// Whatever was lost: after a sweep and some listings rows and totals say what is open in the kernel, no
    /// connection that is open was taken for gone, and further ends are told as those of any other.
    #[test]
    fn rows_heal(steps in vec(step(), 0..80), late_room in 0..4_usize) {
        let mut model = Model::new(late_room);
        steps.iter().for_each(|step| model.step(step));
        model.sweeps(&[]);
        (0..LOOKS).for_each(|_| model.lists(&[], None));
        model.check()?;
        model.happens(Happens::Ring { is_full: false });
        for cookie in COOKIES {
            model.happens(Happens::Closes(cookie));
        }
        model.reads();
        model.check()?;
    }
}

/// A connection that was told and one whose beginning was lost; both are closed while the ring is full.
fn one_of_each(late_room: usize) -> Model {
    let mut model = Model::new(late_room);
    for what in [
        Happens::Opens(6),
        Happens::Ring { is_full: true },
        Happens::Opens(12),
        Happens::IsUsed(12),
    ] {
        model.happens(what);
    }
    model.sweeps(&[]);
    model.happens(Happens::Closes(6));
    model.happens(Happens::Closes(12));
    model.reads();
    model
}

/// Connections of the host that are established, found, gone and open; and those open in the totals.
fn figures(model: &Model) -> ([u64; 4], u64) {
    let snapshot = model.tracker.snapshot();
    let host = &snapshot.hosts[0].group.connections;
    let rows = [
        host.established,
        host.opens_lost,
        host.closes_lost,
        host.open_now,
    ];
    (rows, snapshot.totals.connections.open_now)
}

#[test]
fn a_close_that_comes_late_is_a_close() {
    let model = one_of_each(1);
    assert_eq!(figures(&model), ([1, 1, 0, 1], 0));
    let snapshot = model.tracker.snapshot();
    assert_eq!(snapshot.hosts[0].group.connections.closed_by.client, 1);
    assert_eq!(snapshot.totals.phases.lifetime.count(), 1);
}

#[test]
fn what_no_record_tells_the_listings_do() {
    let mut model = one_of_each(0);
    for _ in 1..LOOKS {
        model.lists(&[], None);
        assert_eq!(figures(&model), ([1, 1, 0, 2], 0));
    }
    model.lists(&[], None);
    assert_eq!(figures(&model), ([1, 1, 2, 0], 0));
    assert_eq!(model.tracker.open_connections(), 0);
}

/// Connections that are closed and in TIME_WAIT are gone too.
#[test]
fn what_is_in_time_wait_is_not_open() {
    let mut model = one_of_each(0);
    for _ in 0..EACH * LOOKS {
        model.tracker.take_sockets(70, &[seen(6, TIME_WAIT)]);
    }
    assert_eq!(model.tracker.open_connections(), 0);
}

#[test]
fn namespaces_that_are_not_listed_say_nothing() {
    let mut model = one_of_each(0);
    let elsewhere = Seen {
        netns: NETNS + 1,
        ..seen(1000, ESTABLISHED)
    };
    for listing in [&[elsewhere][..], &[]] {
        for _ in 0..3 * EACH * LOOKS {
            model.tracker.take_sockets(70, listing);
        }
        assert_eq!(model.tracker.open_connections(), 2);
    }
}

/// A connection whose beginning was lost counts as one that carried requests, once each in totals and rows.
#[test]
fn a_found_connection_that_carries_requests() {
    let mut model = Model::new(0);
    for what in [
        Happens::Ring { is_full: true },
        Happens::Opens(6),
        Happens::IsUsed(6),
        Happens::Ring { is_full: false },
    ] {
        model.happens(what);
    }
    model.sweeps(&[]);
    model.happens(Happens::IsUsed(6));
    model.happens(Happens::IsUsed(6));
    model.reads();
    let snapshot = model.tracker.snapshot();
    let requests = |group: &Group| (group.requests.count, group.requests.connections);
    assert_eq!(requests(&snapshot.totals), (3, 1));
    assert_eq!(requests(&snapshot.hosts[0].group), (2, 1));
}

/// The table of connections has no room: nobody will tell a row of the end of such a connection.
#[test]
fn evicted_connections_are_open_in_the_totals_only() {
    let mut tracker = Tracker::new(TrackerOptions {
        max_connections: 1,
        ..TrackerOptions::default()
    });
    tracker.take(&connected(6));
    tracker.take(&connected(12));
    let open = |tracker: &Tracker| {
        let snapshot = tracker.snapshot();
        let host = &snapshot.hosts[0].group.connections;
        let totals = &snapshot.totals.connections;
        (totals.open_now, host.open_now, host.closes_lost)
    };
    assert_eq!(open(&tracker), (2, 1, 1));
    tracker.take(&closed(12));
    tracker.take(&closed(6));
    assert_eq!(open(&tracker), (0, 0, 1));
}
