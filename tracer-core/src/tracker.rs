//! Connection table: takes events in their order, keeps open connections, and adds to the figures of all connections,
//! of their process and of their host.

mod activity;
mod close_wait;
mod doubt;
mod early;
mod findings;
mod forward;
mod http2;
mod lost;
mod protocol;
mod reset;
mod responses;
mod samples;
mod sweep;
#[cfg(test)]
mod tests;
mod tunnels;
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
    record::{
        CloseRecord, ConnectRecord, Endpoint, Segments, TlsRecord, close, close_outcome, connect,
        note, tls,
    },
};

use crate::{
    connection::{Connection, Handshake},
    decode::{Event, Hello, decode},
    dns::DnsTracker,
    elapsed::Timed,
    endpoint::{comm, remote},
    entries::NumberHasher,
    finding::history::History,
    group::{Connect, Content, Group, Opening},
    host::{HostKey, Hosts},
    host_filter::HostFilter,
    http2::Signs,
    live::{Activity, LiveConnections},
    overflow::{MOST, Overflow},
    process::Processes,
    sample::Samples,
    series::{FIRST_INTERVAL_NS, Sampler, State},
    snapshot::{Events, LeftOut, Snapshot},
    ticket::TicketHistories,
    time_wait::{ClosedSocket, Seen, TimeWait},
    timeline::Timeline,
    tls::Side,
    unknown::Unknown,
};
use watch::carried;

/// Limits and filters of a tracker.
#[derive(Debug, Clone)]
pub struct TrackerOptions {
    /// Limit of the open connections followed.
    pub max_connections: usize,
    /// Limit of the hosts with figures of their own.
    pub max_hosts: usize,
    /// Globs of `--host`; an empty list admits all hosts.
    pub hosts: HostFilter,
    /// Share of the connections (0 to 1) that are followed one by one.
    pub traces: f64,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            max_connections: 1_000_000,
            max_hosts: 100_000,
            hosts: HostFilter::all(),
            traces: 0.0,
        }
    }
}

/// State of one trace.
#[derive(Debug)]
pub struct Tracker {
    options: TrackerOptions,
    /// Open connections by cookie. They are boxed because each record takes its connection out and puts it back.
    connections: HashMap<u64, Box<Connection>, BuildHasherDefault<NumberHasher>>,
    totals: Arc<Group>,
    /// Processes; the engine adds the data that only /proc has.
    pub processes: Processes,
    hosts: Hosts,
    /// Proxies that were asked for tunnels, each with the figures of the connections through it.
    proxies: Hosts,
    /// State of TIME_WAIT and ports; the engine passes snapshots of the sockets to it.
    time_wait: TimeWait,
    dns: DnsTracker,
    ticket_histories: TicketHistories,
    early: early::EarlyRecords,
    /// TLS objects of traced processes.
    objects: http2::objects::Objects,
    events: Events,
    overflow: Option<Overflow>,
    sampler: Sampler,
    base: reset::Base,
    namespaces: HashSet<u32>,
    new_namespaces: Vec<u32>,
    /// Traffic of followed sockets at the last listing; empty while no view needs it.
    activity: HashMap<u64, Activity>,
    live: Arc<LiveConnections>,
    open_activity: activity::OpenActivity,
    close_wait: close_wait::CloseWait,
    history: Arc<History>,
    /// Listings since it was looked which connections are gone.
    listings: u8,
    /// Connections that the filter of hosts has not let through so far.
    left_out: u64,
    /// Connections that are followed one by one; None if there are to be none.
    samples: Option<Samples>,
}

impl Tracker {
    /// Makes an empty tracker.
    pub fn new(options: TrackerOptions) -> Self {
        let has_samples = options.traces > 0.0;
        Self {
            hosts: Hosts::with_limit(options.max_hosts),
            proxies: Hosts::with_limit(options.max_hosts),
            dns: DnsTracker::new(options.hosts.clone(), has_samples),
            samples: has_samples.then(|| Samples::new(options.traces)),
            options,
            connections: HashMap::default(),
            totals: Arc::new(Group::of_all()),
            processes: Processes::default(),
            time_wait: TimeWait::default(),
            ticket_histories: TicketHistories::default(),
            early: early::EarlyRecords::default(),
            objects: http2::objects::Objects::default(),
            events: Events::default(),
            overflow: None,
            sampler: Sampler::default(),
            base: reset::Base::default(),
            namespaces: HashSet::new(),
            new_namespaces: Vec::new(),
            activity: HashMap::new(),
            live: Arc::default(),
            open_activity: activity::OpenActivity::default(),
            close_wait: close_wait::CloseWait::default(),
            history: Arc::default(),
            left_out: 0,
            listings: 0,
        }
    }

    /// Limits and filters, as given.
    pub fn options(&self) -> &TrackerOptions {
        &self.options
    }

    /// Sets another filter of hosts, and gives the one before. It decides about connections that are named from now on;
    /// what was counted stays.
    pub fn set_hosts(&mut self, hosts: HostFilter) -> HostFilter {
        self.dns.set_hosts(hosts.clone());
        std::mem::replace(&mut self.options.hosts, hosts)
    }

    /// Takes one record in the form written by the kernel.
    pub fn take(&mut self, bytes: &[u8]) {
        self.events.received += 1;
        match decode(bytes) {
            Ok(event) => self.apply(&event),
            Err(_) => self.events.undecodable += 1,
        }
    }

    /// Takes one decoded event.
    pub fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Connect(record) => self.connected(record),
            Event::Tls(record) => self.handshaken(record),
            Event::Hello(hello) => self.hello(hello),
            Event::Close(record, segments) => self.closed(record, *segments),
            Event::Fork(record) => {
                self.processes.forked(record.parent, record.tgid);
                self.dns.forked(record.parent, record.tgid);
            }
            Event::Exec(record) => self.processes.executed(record.tgid, comm(&record.filename)),
            Event::Exit(record) => self.objects.forget_process(record.tgid),
            Event::Socket(record, _) => self.open_socket(record),
            Event::Turn(record) => self.turn(record, None),
            Event::FirstTurn(record) => self.turn(&record.turn, Some(record)),
            Event::Turns(turns) => self.turns(*turns),
            Event::Tunnel(record) => self.tunnelled(record),
            Event::Http2Records(records) => self.http2_records(records),
            Event::Http2Frames(frames) => self.http2_frames(frames),
            Event::Http2Bind(record) => self.http2_bind(record),
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

    /// Takes an answer to a lookup at `time_ns` with these flags of the header (RFC 1035 4.1.1), of which the record
    /// found the ring buffer full.
    pub fn answer_lost(&mut self, time_ns: u64, cookie: u64, id: u16, flags: u16) {
        self.dns.answer_lost(time_ns, cookie, id, flags);
        self.count_lookups();
    }

    /// Counts inputs that are missing in a recording.
    pub fn note_loss(&mut self, inputs: u64) {
        self.events.not_recorded = self.events.not_recorded.saturating_add(inputs);
    }

    /// Ends the trace at `now_ns`: lookups without an answer end too.
    pub fn finish(&mut self, now_ns: u64) {
        self.dns.expire(now_ns);
        self.dns.finish(now_ns);
        self.count_lookups();
    }

    /// Name of a connection's remote end before it has sent a ClientHello.
    fn host_key(&self, endpoint: &Endpoint, remote: SocketAddr) -> HostKey {
        match self.dns.name(endpoint.tgid, remote.ip()) {
            Some(name) => HostKey::dns(name, remote.port()),
            None => HostKey::address(remote),
        }
    }

    fn connected(&mut self, record: &ConnectRecord) {
        self.connects_no_more(record.header.cookie);
        let early = self.early.take(record.header.cookie);
        let remote = remote(&record.endpoint);
        self.note_destination(&record.endpoint, remote);
        if record.outcome == connect::ESTABLISHED {
            if self.connections.contains_key(&record.header.cookie) {
                // A sweep has found the connection before this record was read.
                return;
            }
            let opening = Opening {
                connect: connect_took(record).map_or(Connect::Before, Connect::Seen),
                syn_retransmits: u64::from(record.syn_retransmits),
                content: Content {
                    unwatched: record.unwatched == 1,
                    ..Content::NONE
                },
            };
            self.open(record.header.cookie, &record.endpoint, opening);
            self.sample_opened(record, remote);
            self.apply_early(record.header.cookie, &early);
        } else if self.admits(&self.host_key(&record.endpoint, remote).host) {
            self.failed(record, remote);
        } else {
            self.left_out += 1;
        }
    }

    fn failed(&mut self, record: &ConnectRecord, remote: SocketAddr) {
        let process = self.processes.of(&record.endpoint);
        let key = self.host_key(&record.endpoint, remote);
        let proxy = self.proxies.known(&key.as_proxy());
        let host = self.hosts.of(key, Some(remote.ip()));
        let aborted = u64::from(record.outcome == connect::ABORTED);
        let not_sent = u64::from(record.outcome == connect::NOT_SENT);
        let again = u64::from(record.syn_retransmits);
        let took = connect_took(record);
        let count = |group: &mut Group| {
            group.fail(record.error, took, again);
            group.connections.aborted_connects += aborted;
            group.connections.not_sent += not_sent;
        };
        self.each_group(process, host, count);
        self.sample_failed(record, remote, host);
        if let Some(proxy) = proxy {
            count(self.proxies.group_mut(proxy));
        }
    }

    fn open(&mut self, cookie: u64, endpoint: &Endpoint, mut opening: Opening) {
        let remote = remote(endpoint);
        let unwatched = opening.content.unwatched;
        opening.content = Content::of(remote.port(), opening.connect, unwatched);
        let process = self.processes.of(endpoint);
        let host = self.host_key(endpoint, remote);
        let host = self.hosts.of(host, Some(remote.ip()));
        let counted = self.options.hosts.is_all();
        if counted {
            self.each_group(process, host, |group| group.open(&opening));
        } else {
            self.left_out += 1;
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
            hello_ns: None,
            address: Some(remote.ip()),
            port: remote.port(),
            netns: endpoint.netns,
            counted,
            path: None,
            hello: None,
            handshake_over: false,
            tls: None,
            last_turn: None,
            read_late_us: 0,
            held_turn: None,
            doubtful: Vec::new(),
            forwarded: None,
            recount: None,
            missed: 0,
            offers_h2: false,
            http2: None,
            signs: Signs::default(),
            asks_h2c: false,
            asks_compression: None,
            heads_only: false,
            server_closes: false,
            first_response: None,
            follow: None,
            sampled: None,
        });
        self.connections.insert(cookie, connection);
    }

    fn hello(&mut self, hello: &Hello<'_>) {
        if self.early.keeps_hello(hello) {
            return;
        }
        let Some(mut connection) = self.take_connection(hello.cookie) else {
            if hello.tells_clear {
                self.of_unknown(|group| Handshake::NotTls.apply(group));
            }
            return;
        };
        if let Some(note) = hello.note {
            match note {
                note::TUNNEL if hello.side == Side::Client => {
                    connection.ask_proxy(hello.offset, hello.bytes);
                }
                note::FORWARDED if hello.side == Side::Client => {
                    self.note_forwarded(&mut connection, hello.offset, hello.bytes);
                }
                note::RESPONSE => {
                    let is_bodyless = connection.heads_only;
                    self.response(&mut connection, hello.offset, hello.bytes, is_bodyless);
                }
                note::HEAD_RESPONSE => {
                    self.response(&mut connection, hello.offset, hello.bytes, true);
                }
                note::READ_LATE => connection.read_late_us = hello.offset,
                _ => self.note(&mut connection, note),
            }
            self.connections.insert(hello.cookie, connection);
            return;
        }
        if hello.is_clear() {
            if !self.note_forwarded(&mut connection, 1, hello.bytes) {
                self.name_host_by_request(&mut connection, hello.bytes);
            }
            self.settle_host(&mut connection);
            self.note_request_in_clear(&mut connection, hello.bytes);
        } else if connection.take_hello(hello) && connection.counted {
            self.of_connection(&connection, |group| group.tls.unfinished += 1);
        }
        self.name_host(&mut connection);
        if hello.tells_clear && !connection.handshake_over {
            self.finish_handshake(&mut connection, Handshake::NotTls);
        }
        self.connections.insert(hello.cookie, connection);
    }

    /// Takes a note on what a connection carries, one of `record::note`.
    fn note(&mut self, connection: &mut Connection, note: u8) {
        if matches!(note, note::MIDDLE | note::HTTP_2 | note::TLS_INSIDE) {
            self.take_back_turns(connection);
        }
        if note == note::TLS_INSIDE {
            return self.requests_unknown(connection, Unknown::TlsInside);
        }
        if note == note::MIDDLE {
            let reason = match connection.opening.connect {
                Connect::Before => Unknown::OpenBefore,
                Connect::Seen(_) | Connect::Unseen => Unknown::Tunnel,
            };
            return self.requests_unknown(connection, reason);
        }
        if note == note::HTTP_2 {
            return self.speaks_http2(connection);
        }
        if note == note::UPGRADED && connection.asks_h2c {
            self.speaks_http2(connection);
        }
        let is_http2 = connection.http2 == Some(true) && !connection.asks_h2c;
        let content = &mut connection.opening.content;
        let is_new = match note {
            // Records of HTTP/2 are short.
            note::UPGRADED if is_http2 => false,
            note::OTHER => !std::mem::replace(&mut content.other_protocol, true),
            note::UPGRADED => !std::mem::replace(&mut content.upgraded, true),
            note::ONE_WAY => !std::mem::replace(&mut content.one_way, true),
            _ => false,
        };
        if is_new && connection.counted {
            self.of_connection(connection, |group| {
                let connections = &mut group.connections;
                match note {
                    note::OTHER => connections.other_protocol += 1,
                    note::ONE_WAY => connections.one_way += 1,
                    _ => connections.upgraded += 1,
                }
            });
        }
    }

    /// Notes that requests of a connection are not known. The first reason counts.
    fn requests_unknown(&mut self, connection: &mut Connection, reason: Unknown) {
        let content = &mut connection.opening.content;
        if !content.counts_requests() || content.unknown.is_some() {
            return;
        }
        content.unknown = Some(reason);
        if connection.counted {
            self.of_connection(connection, |group| {
                *group.connections.requests_unknown.slot(reason) += 1;
            });
        }
    }

    /// Names the host by the request in clear, unless it has a better name already.
    fn name_host_by_request(&mut self, connection: &mut Connection, bytes: &[u8]) {
        if !self.hosts.key(connection.host).is_address() {
            return;
        }
        if let Some(name) = crate::http::host(bytes) {
            self.move_to(connection, HostKey::http(&name, connection.port));
        }
    }

    /// Moves the connection to the host that its ClientHello names.
    fn name_host(&mut self, connection: &mut Connection) {
        if let Some(name) = connection.server_name() {
            self.move_to(connection, HostKey::sni(&name, connection.port));
        }
    }

    /// Moves the connection to a host, with its opening, its tunnels and a handshake under way.
    fn move_to(&mut self, connection: &mut Connection, key: HostKey) {
        let host = self.hosts.of(key, connection.address);
        let path = connection.path.as_deref();
        if let Some(path) = path {
            self.hosts.note_via(host, &path.opened_by);
        }
        if host == connection.host {
            return;
        }
        if connection.counted {
            let tunnels = path.map_or(&[][..], |path| &path.opened);
            let unfinished = u64::from(connection.hello.is_some());
            self.of_host(connection.process, connection.host, |old| {
                old.take_back(&connection.opening);
                old.tls.unfinished = old.tls.unfinished.saturating_sub(unfinished);
                tunnels.iter().for_each(|(_, tunnel)| tunnel.take_back(old));
            });
            self.of_host(connection.process, host, |new| {
                new.open(&connection.opening);
                new.tls.unfinished += unfinished;
                tunnels.iter().for_each(|(_, tunnel)| tunnel.apply(new));
            });
        }
        connection.host = host;
    }

    fn handshaken(&mut self, record: &TlsRecord) {
        if self.early.keeps_tls(record) {
            return;
        }
        let Some(mut connection) = self.take_connection(record.header.cookie) else {
            self.of_unknown(|group| Handshake::of(record, None).apply(group));
            return;
        };
        if !connection.handshake_over {
            let handshake = Handshake::of(record, connection.hello.as_deref());
            self.sample_handshake(&connection, record, handshake);
            self.finish_handshake(&mut connection, handshake);
        }
        if record.outcome == tls::UNKNOWN {
            self.requests_unknown(&mut connection, Unknown::Handshake);
        }
        self.connections.insert(record.header.cookie, connection);
    }

    fn finish_handshake(&mut self, connection: &mut Connection, handshake: Handshake) {
        let begun = connection.hello.is_some() && connection.counted;
        self.settle_host(connection);
        connection.handshake_over = true;
        self.note_protocol(connection);
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

    /// Counts a connection that waited for the name of its host, if the host filter admits the name it has now.
    fn settle_host(&mut self, connection: &mut Connection) {
        if !connection.counted && self.admits(&self.hosts.key(connection.host).host) {
            self.count_at_last(connection);
        }
    }

    /// Counts a connection that waited for that, if it did.
    fn count_at_last(&mut self, connection: &mut Connection) {
        if std::mem::replace(&mut connection.counted, true) {
            return;
        }
        self.left_out = self.left_out.saturating_sub(1);
        let opening = connection.opening;
        self.of_connection(connection, |group| group.open(&opening));
        if let Some(path) = &mut connection.path {
            for (host, proxy, tunnel) in path.take_waiting(connection.host) {
                self.count_tunnel(connection.process, host, Some(proxy), tunnel);
            }
        }
    }

    fn closed(&mut self, record: &CloseRecord, segments: Option<&Segments>) {
        let cookie = record.header.cookie;
        drop(self.early.take(cookie));
        let known = record.established_ns != 0;
        let lifetime = known.then(|| Timed::between(record.established_ns, record.header.time_ns));
        let enters = u64::from(record.close_outcome == close_outcome::TIME_WAIT);
        let Some(mut connection) = self.take_connection(cookie) else {
            self.of_unknown(|group| {
                group.close(record, lifetime);
                group.tcp.count(segments);
                group.tcp.time_wait_entered += enters;
            });
            return;
        };
        self.settle_host(&mut connection);
        self.end_handshake_unseen(&mut connection);
        self.release_turn(&mut connection, false);
        let carried = carried(&connection);
        self.close_http2(&mut connection, record);
        self.sample_closed(&connection, record);
        if !connection.counted {
            return;
        }
        self.of_connection(&connection, |group| {
            group.close(record, lifetime);
            group.tcp.count(segments);
            group.requests.per_connection.count(carried);
            group.tcp.time_wait_entered += enters;
            match connection.last_turn {
                Some(turn) => {
                    let (late_us, first) = (connection.read_late_us, connection.first_response);
                    turn.apply(late_us, first, record, group);
                }
                // The turns may be in the overflow figures, or belong to a time before the figures began.
                None if record.flags & close::USED != 0 => {}
                None if !connection.opening.content.tells_use() => {}
                None if connection.was_refused() => {}
                None if known => group.connections.never_used += 1,
                // Requests of an adopted connection before tracing began are not known.
                None => {}
            }
        });
        if record.close_outcome != close_outcome::NONE {
            let left = ClosedSocket {
                process: connection.process,
                host: connection.host,
                netns: connection.netns,
                closed_ns: record.header.time_ns,
                orphan: record.close_outcome == close_outcome::ORPHAN,
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
        self.note_close_wait(begun_ns, sockets);
        for entered in self.time_wait.observe(begun_ns, sockets) {
            self.each_group(entered.process, entered.host, |group| {
                group.tcp.time_wait_entered += 1;
            });
        }
    }

    /// Adds a namespace with its port range, the number of reserved ports in it, and that of its sockets in TIME_WAIT.
    pub fn add_namespace(&mut self, netns: u32, range: (u16, u16), reserved: u32, time_wait: u64) {
        self.time_wait.namespace(netns, range, time_wait);
        self.time_wait.reserve(netns, reserved);
    }

    /// Adds a namespace without a listing of sockets.
    pub fn add_unseen_namespace(&mut self, netns: u32) {
        self.time_wait.unseen_namespace(netns);
    }

    /// Notes that a joined namespace was removed. Another one may get its inode number, so connections there make
    /// [`Self::take_namespaces`] return the number once more.
    pub fn remove_namespace(&mut self, netns: u32) {
        self.namespaces.remove(&netns);
        self.time_wait.removed_namespace(netns);
    }

    /// Namespaces in which connections were made; each is returned once.
    pub fn take_namespaces(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.new_namespaces)
    }

    /// Number of open connections in the table.
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }

    /// Sets the current values of the kernel's counters.
    pub fn set_kernel_counters(&mut self, kernel: [u64; Counter::COUNT as usize]) {
        // Only a damaged recording has larger ones.
        let kernel = self.base.counters(kernel.map(|count| count.min(MOST)));
        self.events.kernel = kernel;
        self.events.lost =
            kernel[Counter::RingFull as usize] + kernel[Counter::SkippedRun as usize];
        self.events.map_full = kernel[Counter::StorageFull as usize]
            + kernel[Counter::ProcessesFull as usize]
            + kernel[Counter::OutOfOrderFull as usize];
    }

    /// Sets the current figures of records that found the ring buffer full.
    pub fn set_overflow(&mut self, overflow: Overflow) {
        let overflow = self.base.overflow(overflow.bounded());
        self.events.overflowed = overflow.records();
        self.overflow = Some(overflow);
    }

    /// Figures of the ring buffer's overflow, if the filters allow their use. With a host filter they do not, because
    /// the host of these records is unknown; the records then count as lost.
    fn usable_overflow(&self) -> Option<&Overflow> {
        let overflow = self.overflow.as_ref();
        overflow.filter(|overflow| overflow.records() != 0 && self.options.hosts.is_all())
    }

    /// Figures of all connections, including records that found the ring buffer full.
    fn complete_totals(&self) -> Arc<Group> {
        let mut totals = Arc::clone(&self.totals);
        if let Some(overflow) = self.usable_overflow() {
            overflow.apply(Arc::make_mut(&mut totals));
        }
        totals
    }

    /// Number of orphans that may still enter TIME_WAIT.
    pub fn orphans(&self) -> usize {
        self.time_wait.orphans()
    }

    /// Ends the points of the series that are due at `now_ns`.
    pub fn sample(&mut self, now_ns: u64) {
        let has_begun = |timeline: &Timeline| timeline.has_begun();
        if !self
            .totals
            .requests
            .timeline
            .as_deref()
            .is_some_and(has_begun)
        {
            self.of_timeline(|timeline| timeline.begin(now_ns, FIRST_INTERVAL_NS));
        }
        if self.sampler.is_due(now_ns) {
            let state = State {
                totals: self.complete_totals(),
                events: self.events.received,
                time_wait: self.time_wait.current(),
            };
            self.sampler.sample(now_ns, state);
            let interval_ns = self.sampler.series().interval_ns;
            self.of_timeline(|timeline| timeline.follow(interval_ns));
            self.note_history(now_ns);
        }
    }

    fn of_timeline(&mut self, change: impl FnOnce(&mut Timeline)) {
        if let Some(timeline) = &mut Arc::make_mut(&mut self.totals).requests.timeline {
            change(timeline);
        }
    }

    /// Current state of the trace.
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
            proxies: self.proxies.views(),
            proxies_folded: self.proxies.folded(),
            time_wait: self.time_wait.view(),
            dns_names: self.dns.names(),
            dns_names_folded: self.dns.names_folded(),
            connections: Arc::clone(&self.live),
            has_activity: self.open_activity.is_known(),
            series: self.sampler.series(),
            history: Arc::clone(&self.history),
            left_out: LeftOut {
                connections: self.left_out,
                hosts: match self.left_out {
                    0 => Vec::new(),
                    _ => self.hosts.left_out(),
                },
            },
        }
    }

    fn note_destination(&mut self, endpoint: &Endpoint, remote: SocketAddr) {
        self.time_wait.destination(endpoint.netns, remote);
        if self.namespaces.insert(endpoint.netns) {
            self.new_namespaces.push(endpoint.netns);
        }
    }

    fn admits(&self, host: &str) -> bool {
        self.options.hosts.admits(host)
    }

    /// Removes a connection for a change; counts records of unknown ones.
    fn take_connection(&mut self, cookie: u64) -> Option<Box<Connection>> {
        let connection = self.connections.remove(&cookie);
        if connection.is_none() {
            self.events.unmatched += 1;
        }
        connection
    }

    /// Adds records of a connection that is not in the table, because its open record was dropped, to the totals only.
    fn of_unknown(&mut self, change: impl Fn(&mut Group)) {
        if self.options.hosts.is_all() {
            change(Arc::make_mut(&mut self.totals));
        }
    }

    fn of_connection(&mut self, connection: &Connection, change: impl Fn(&mut Group)) {
        change(Arc::make_mut(&mut self.totals));
        self.of_connection_rows(connection, change);
    }

    /// Changes the figures of a connection's process, its host and the proxies on the way there.
    fn of_connection_rows(&mut self, connection: &Connection, change: impl Fn(&mut Group)) {
        self.of_rows(connection.process, connection.host, &change);
        for &proxy in connection.proxies() {
            change(self.proxies.group_mut(proxy));
        }
    }

    fn each_group(&mut self, process: u32, host: u32, change: impl Fn(&mut Group)) {
        change(Arc::make_mut(&mut self.totals));
        self.of_rows(process, host, change);
    }

    fn of_rows(&mut self, process: u32, host: u32, change: impl Fn(&mut Group)) {
        change(self.processes.group_mut(process));
        self.of_host(process, host, change);
    }

    /// Changes the figures of a host by what a process does there.
    fn of_host(&mut self, process: u32, host: u32, change: impl FnOnce(&mut Group)) {
        let processes = &self.processes;
        self.hosts.use_by(host, process, change, || {
            let pid = processes.pid(process).unwrap_or(0);
            (pid, processes.comm(process).unwrap_or_default().into())
        });
    }
}

/// Duration of a connect; None when it began before the trace.
fn connect_took(record: &ConnectRecord) -> Option<Timed> {
    let (start_ns, end_ns) = (record.start_ns, record.header.time_ns);
    (start_ns != 0).then(|| Timed::told(record.duration_ns, start_ns, end_ns))
}
