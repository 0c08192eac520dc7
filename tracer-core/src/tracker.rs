//! The connection table: takes events in their order, keeps open connections, adds what is known of
//! them to the figures of all, of their process and of their host.

#[cfg(test)]
mod clear;
mod doing;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod fixture;
mod lost;
mod reset;
#[cfg(test)]
mod stamps;
mod sweep;
mod turns;
mod watch;

use std::{
    collections::{HashMap, HashSet},
    hash::BuildHasherDefault,
    net::SocketAddr,
    sync::Arc,
};

use tracer_common::{
    counter::Counter,
    record::{CloseRecord, ConnectRecord, Endpoint, TlsRecord, close, connect, remains},
};

use crate::{
    connection::{Connection, Handshake},
    decode::{Event, Hello, decode},
    dns::DnsTracker,
    elapsed::Timed,
    endpoint::{comm, remote},
    entries::NumberHasher,
    glob::host_matches,
    group::{Connect, Group, Opening},
    host::{HostKey, HostSource, Hosts},
    live::{Activity, LiveConnections},
    overflow::{MOST, Overflow},
    process::Processes,
    series::{Sampler, State},
    snapshot::{Events, Snapshot},
    ticket::Habits,
    time_wait::{Remains, Seen, TimeWait},
};

/// TCP states, include/net/tcp_states.h.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;

/// Bounds and user-space filters.
#[derive(Debug, Clone)]
pub struct TrackerOptions {
    /// Open connections followed at most.
    pub max_connections: usize,
    /// Hosts with figures of their own at most.
    pub max_hosts: usize,
    /// `--host` globs; empty admits all.
    pub hosts: Vec<String>,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            max_connections: 1_000_000,
            max_hosts: 100_000,
            hosts: Vec::new(),
        }
    }
}

/// Everything one trace knows.
#[derive(Debug)]
pub struct Tracker {
    options: TrackerOptions,
    /// Boxed: a record takes its connection out and puts it back.
    connections: HashMap<u64, Box<Connection>, BuildHasherDefault<NumberHasher>>,
    totals: Arc<Group>,
    /// Processes; the engine resolves what only /proc knows.
    pub processes: Processes,
    hosts: Hosts,
    /// TIME_WAIT and ports; the engine feeds it snapshots.
    time_wait: TimeWait,
    dns: DnsTracker,
    habits: Habits,
    events: Events,
    overflow: Option<Overflow>,
    sampler: Sampler,
    base: reset::Base,
    namespaces: HashSet<u32>,
    new_namespaces: Vec<u32>,
    /// Traffic of followed sockets at the last listing; empty while nobody looks.
    activity: HashMap<u64, Activity>,
    live: Arc<LiveConnections>,
    doing: doing::Known,
    /// Listings since it was looked which connections are gone.
    listings: u8,
}

impl Tracker {
    /// An empty one.
    pub fn new(options: TrackerOptions) -> Self {
        Self {
            hosts: Hosts::with_limit(options.max_hosts),
            dns: DnsTracker::new(options.hosts.clone()),
            options,
            connections: HashMap::default(),
            totals: Arc::new(Group::roomy()),
            processes: Processes::default(),
            time_wait: TimeWait::default(),
            habits: Habits::default(),
            events: Events::default(),
            overflow: None,
            sampler: Sampler::default(),
            base: reset::Base::default(),
            namespaces: HashSet::new(),
            new_namespaces: Vec::new(),
            activity: HashMap::new(),
            live: Arc::default(),
            doing: doing::Known::default(),
            listings: 0,
        }
    }

    /// Bounds and filters, as they were given.
    pub fn options(&self) -> &TrackerOptions {
        &self.options
    }

    /// Takes one record as the kernel wrote it.
    pub fn take(&mut self, bytes: &[u8]) {
        self.events.received += 1;
        match decode(bytes) {
            Ok(event) => self.apply(&event),
            Err(_) => self.events.undecodable += 1,
        }
    }

    /// Takes one event.
    pub fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Connect(record) => self.connected(record),
            Event::Tls(record) => self.handshaken(record),
            Event::Hello(hello) => self.hello(hello),
            Event::Close(record) => self.closed(record),
            Event::Fork(record) => {
                self.processes.forked(record.parent, record.tgid);
                self.dns.forked(record.parent, record.tgid);
            }
            Event::Exec(record) => self.processes.executed(record.tgid, comm(&record.filename)),
            Event::Exit(_) => {}
            Event::Socket(record) => self.open_socket(record),
            Event::Turn(record) => self.turn(record, None),
            Event::FirstTurn(record) => self.turn(&record.turn, Some(record)),
            Event::Turns(turns) => self.turns(*turns),
            Event::Dns(packet) => {
                let process = self.processes.of(packet.endpoint);
                self.dns.take(packet, process);
                self.count_lookups();
            }
            Event::DnsRelease(record) => self
                .dns
                .released(record.header.time_ns, record.header.cookie),
        }
    }

    fn count_lookups(&mut self) {
        for (process, change) in self.dns.take_changes() {
            Arc::make_mut(&mut self.totals).look_up(change);
            self.processes.group_mut(process).look_up(change);
        }
    }

    /// A lookup was answered at `time_ns` with these flags of the header (RFC 1035 4.1.1); the answer itself found
    /// the ring full.
    pub fn answer_lost(&mut self, time_ns: u64, cookie: u64, id: u16, flags: u16) {
        self.dns.answer_lost(time_ns, cookie, id, flags);
        self.count_lookups();
    }

    /// Inputs are missing: the recording lacks them.
    pub fn note_loss(&mut self, inputs: u64) {
        self.events.not_recorded = self.events.not_recorded.saturating_add(inputs);
    }

    /// The trace ends at `now_ns`: nothing more is waited for.
    pub fn finish(&mut self, now_ns: u64) {
        self.dns.expire(now_ns);
        self.dns.finish(now_ns);
        self.count_lookups();
    }

    /// What a connection's other end is called before it has sent a ClientHello.
    fn host_key(&self, endpoint: &Endpoint, remote: SocketAddr) -> HostKey {
        match self.dns.name(endpoint.tgid, remote.ip()) {
            Some(name) => HostKey::dns(name, remote.port()),
            None => HostKey::address(remote),
        }
    }

    fn connected(&mut self, record: &ConnectRecord) {
        self.connects_no_more(record.header.cookie);
        let remote = remote(&record.endpoint);
        self.note_destination(&record.endpoint, remote);
        if record.outcome == connect::ESTABLISHED {
            if self.connections.contains_key(&record.header.cookie) {
                // A sweep has found it before this was read.
                return;
            }
            let opening = Opening {
                connect: connect_took(record).map_or(Connect::Before, Connect::Seen),
                syn_retransmits: u64::from(record.syn_retransmits),
            };
            self.open(record.header.cookie, &record.endpoint, opening);
        } else if self.admits(&self.host_key(&record.endpoint, remote).host) {
            self.failed(record, remote);
        }
    }

    fn failed(&mut self, record: &ConnectRecord, remote: SocketAddr) {
        let process = self.processes.of(&record.endpoint);
        let host = self.host_key(&record.endpoint, remote);
        let host = self.hosts.of(host, remote.ip());
        let aborted = u64::from(record.outcome == connect::ABORTED);
        let not_sent = u64::from(record.outcome == connect::NOT_SENT);
        let again = u64::from(record.syn_retransmits);
        let took = connect_took(record);
        self.each_group(process, host, |group| {
            group.fail(record.error, took, again);
            group.connections.aborted_connects += aborted;
            group.connections.not_sent += not_sent;
        });
    }

    fn open(&mut self, cookie: u64, endpoint: &Endpoint, opening: Opening) {
        let remote = remote(endpoint);
        let process = self.processes.of(endpoint);
        let host = self.host_key(endpoint, remote);
        let host = self.hosts.of(host, remote.ip());
        let counted = self.options.hosts.is_empty();
        if counted {
            self.each_group(process, host, |group| group.open(&opening));
        }
        if self.connections.len() >= self.options.max_connections {
            self.events.evicted += 1;
            if counted {
                // Its end will be told to the totals, and to no row.
                self.of_rows(process, host, Group::lose);
            }
            return;
        }
        let connection = Box::new(Connection {
            process,
            host,
            opening,
            round_trip_ns: opening.round_trip_ns(),
            address: remote.ip(),
            port: remote.port(),
            netns: endpoint.netns,
            counted,
            hello: None,
            handshake_over: false,
            tls: None,
            last_turn: None,
            held_turn: None,
            recount: None,
            missed: 0,
            offers_h2: false,
        });
        self.connections.insert(cookie, connection);
    }

    fn hello(&mut self, hello: &Hello<'_>) {
        let Some(mut connection) = self.take_connection(hello.cookie) else {
            if hello.tells_clear {
                self.of_unknown(|group| Handshake::NotTls.apply(group));
            }
            return;
        };
        if hello.is_clear() {
            self.name_host_by_request(&mut connection, hello.bytes);
            self.settle_host(&mut connection);
        } else if connection.take_hello(hello.side, hello.offset, hello.bytes) && connection.counted
        {
            self.of_connection(&connection, |group| group.tls.unfinished += 1);
        }
        self.name_host(&mut connection);
        if hello.tells_clear && !connection.handshake_over {
            self.finish_handshake(&mut connection, Handshake::NotTls);
        }
        self.connections.insert(hello.cookie, connection);
    }

    /// Names the host by the request in clear, unless a better name is known.
    fn name_host_by_request(&mut self, connection: &mut Connection, bytes: &[u8]) {
        if self.hosts.key(connection.host).source != HostSource::Address {
            return;
        }
        let Some(name) = crate::http::host(bytes) else {
            return;
        };
        let key = HostKey::http(&name, connection.port);
        let host = self.hosts.of(key, connection.address);
        if connection.counted && host != connection.host {
            self.hosts
                .group_mut(connection.host)
                .take_back(&connection.opening);
            self.hosts.group_mut(host).open(&connection.opening);
        }
        connection.host = host;
    }

    /// Moves the connection to the host that its ClientHello names.
    fn name_host(&mut self, connection: &mut Connection) {
        let Some(name) = connection.server_name() else {
            return;
        };
        let key = HostKey::sni(&name, connection.port);
        let host = self.hosts.of(key, connection.address);
        if host == connection.host {
            return;
        }
        if connection.counted {
            let old = self.hosts.group_mut(connection.host);
            old.take_back(&connection.opening);
            old.tls.unfinished = old.tls.unfinished.saturating_sub(1);
            let new = self.hosts.group_mut(host);
            new.open(&connection.opening);
            new.tls.unfinished += 1;
        }
        connection.host = host;
    }

    fn handshaken(&mut self, record: &TlsRecord) {
        let Some(mut connection) = self.take_connection(record.header.cookie) else {
            self.of_unknown(|group| Handshake::of(record, None).apply(group));
            return;
        };
        if !connection.handshake_over {
            let handshake = Handshake::of(record, connection.hello.as_deref());
            self.finish_handshake(&mut connection, handshake);
        }
        self.connections.insert(record.header.cookie, connection);
    }

    fn finish_handshake(&mut self, connection: &mut Connection, handshake: Handshake) {
        let begun = connection.hello.is_some() && connection.counted;
        self.settle_host(connection);
        connection.handshake_over = true;
        connection.note_protocol();
        connection.tls = handshake.session();
        if connection.counted {
            self.of_connection(connection, |group| {
                if begun {
                    group.tls.unfinished = group.tls.unfinished.saturating_sub(1);
                }
                handshake.apply(group);
            });
        }
        connection.hello = None;
    }

    /// With a host filter: the host is as well known as it will be; count the connection or leave it out.
    fn settle_host(&mut self, connection: &mut Connection) {
        if connection.counted || !self.admits(&self.hosts.key(connection.host).host) {
            return;
        }
        connection.counted = true;
        let opening = connection.opening;
        self.of_connection(connection, |group| group.open(&opening));
    }

    fn closed(&mut self, record: &CloseRecord) {
        let cookie = record.header.cookie;
        let known = record.established_ns != 0;
        let lifetime = known.then(|| Timed::between(record.established_ns, record.header.time_ns));
        let enters = u64::from(record.remains == remains::TIME_WAIT);
        let Some(mut connection) = self.take_connection(cookie) else {
            self.of_unknown(|group| {
                group.close(record, lifetime);
                group.tcp.time_wait_entered += enters;
            });
            return;
        };
        self.settle_host(&mut connection);
        self.end_handshake_unseen(&mut connection);
        self.release_turn(&mut connection, false);
        if !connection.counted {
            return;
        }
        self.of_connection(&connection, |group| {
            group.close(record, lifetime);
            group.tcp.time_wait_entered += enters;
            match connection.last_turn {
                Some(turn) => turn.apply(record, group),
                // Its turns may be in the overflow figures, or belong to a time before the figures began.
                None if record.flags & close::USED != 0 => {}
                None if known => group.connections.never_used += 1,
                // What an adopted connection carried before is not known.
                None => {}
            }
        });
        if record.remains != remains::NONE {
            let left = Remains {
                process: connection.process,
                host: connection.host,
                netns: connection.netns,
                closed_ns: record.header.time_ns,
                orphan: record.remains == remains::ORPHAN,
            };
            self.time_wait.left(cookie, left);
        }
    }

    /// Takes a snapshot of the sockets of the traced namespaces, begun at `begun_ns`.
    pub fn take_sockets(&mut self, begun_ns: u64, sockets: &[Seen]) {
        self.dns.expire(begun_ns);
        self.count_lookups();
        self.note_activity(sockets);
        self.note_missing(sockets);
        for entered in self.time_wait.observe(begun_ns, sockets) {
            self.each_group(entered.process, entered.host, |group| {
                group.tcp.time_wait_entered += 1;
            });
        }
    }

    /// A namespace joins: its port range, and how many sockets it has in TIME_WAIT.
    pub fn add_namespace(&mut self, netns: u32, range: (u16, u16), time_wait: u64) {
        self.time_wait.namespace(netns, range, time_wait);
    }

    /// A namespace joins whose sockets cannot be listed.
    pub fn add_unseen_namespace(&mut self, netns: u32) {
        self.time_wait.unseen_namespace(netns);
    }

    /// Namespaces that connections were made in; each is given once.
    pub fn take_namespaces(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.new_namespaces)
    }

    /// Open connections in the table.
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }

    /// The kernel's counters, as read now.
    pub fn set_kernel_counters(&mut self, kernel: [u64; Counter::COUNT as usize]) {
        // Only a damaged recording has more.
        let kernel = self.base.counters(kernel.map(|count| count.min(MOST)));
        self.events.kernel = kernel;
        self.events.lost = kernel[Counter::RingFull as usize];
        self.events.map_full = kernel[Counter::StorageFull as usize]
            + kernel[Counter::ProcessesFull as usize]
            + kernel[Counter::HeldFull as usize];
    }

    /// Figures of records that found the ring full, as read now.
    pub fn set_overflow(&mut self, overflow: Overflow) {
        let overflow = self.base.overflow(overflow.bounded());
        self.events.overflowed = overflow.records();
        self.overflow = Some(overflow);
    }

    /// Figures of the ring's overflow, if they can be told from others: with a host filter they cannot, and count as lost.
    fn usable_overflow(&self) -> Option<&Overflow> {
        let overflow = self.overflow.as_ref();
        overflow.filter(|overflow| overflow.records() != 0 && self.options.hosts.is_empty())
    }

    /// All connections, those whose records found the ring full included.
    fn complete_totals(&self) -> Arc<Group> {
        let mut totals = Arc::clone(&self.totals);
        if let Some(overflow) = self.usable_overflow() {
            overflow.apply(Arc::make_mut(&mut totals));
        }
        totals
    }

    /// Orphans that may still enter TIME_WAIT.
    pub fn orphans(&self) -> usize {
        self.time_wait.orphans()
    }

    /// It is `now_ns`: ends the points of the series that are due.
    pub fn sample(&mut self, now_ns: u64) {
        if self.sampler.is_due(now_ns) {
            let state = State {
                totals: self.complete_totals(),
                events: self.events.received,
                time_wait: self.time_wait.current(),
            };
            self.sampler.sample(now_ns, state);
        }
    }

    /// Everything, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let usable = self.usable_overflow().map_or(0, Overflow::records);
        Snapshot {
            events: Events {
                lost: self.events.lost + self.events.overflowed - usable,
                overflowed: usable,
                evicted: self.events.evicted + self.dns.evicted(),
                negative_durations: self.events.kernel[Counter::NegativeDuration as usize]
                    + self.totals.negative_durations,
                ..self.events
            },
            totals: self.complete_totals(),
            processes: self.processes.views(),
            hosts: self.hosts.views(),
            processes_folded: self.processes.folded(),
            hosts_folded: self.hosts.folded(),
            time_wait: self.time_wait.view(),
            dns_names: self.dns.names(),
            dns_names_folded: self.dns.names_folded(),
            connections: Arc::clone(&self.live),
            knows_doing: self.doing.is_known(),
            series: self.sampler.series(),
        }
    }

    fn note_destination(&mut self, endpoint: &Endpoint, remote: SocketAddr) {
        self.time_wait.destination(endpoint.netns, remote);
        if self.namespaces.insert(endpoint.netns) {
            self.new_namespaces.push(endpoint.netns);
        }
    }

    fn admits(&self, host: &str) -> bool {
        let globs = &self.options.hosts;
        globs.is_empty() || globs.iter().any(|glob| host_matches(glob, host))
    }

    /// Removes a connection for a change; counts records of unknown ones.
    fn take_connection(&mut self, cookie: u64) -> Option<Box<Connection>> {
        let connection = self.connections.remove(&cookie);
        if connection.is_none() {
            self.events.unmatched += 1;
        }
        connection
    }

    /// A connection whose beginning found the ring full: nobody's but the totals'.
    fn of_unknown(&mut self, change: impl Fn(&mut Group)) {
        if self.options.hosts.is_empty() {
            change(Arc::make_mut(&mut self.totals));
        }
    }

    fn of_connection(&mut self, connection: &Connection, change: impl Fn(&mut Group)) {
        self.each_group(connection.process, connection.host, change);
    }

    fn each_group(&mut self, process: u32, host: u32, change: impl Fn(&mut Group)) {
        change(Arc::make_mut(&mut self.totals));
        self.of_rows(process, host, change);
    }

    fn of_rows(&mut self, process: u32, host: u32, change: impl Fn(&mut Group)) {
        change(self.processes.group_mut(process));
        change(self.hosts.group_mut(host));
    }
}

/// How long a connect took; None when it began before the trace.
fn connect_took(record: &ConnectRecord) -> Option<Timed> {
    let (start_ns, end_ns) = (record.start_ns, record.header.time_ns);
    (start_ns != 0).then(|| Timed::told(record.duration_ns, start_ns, end_ns))
}
