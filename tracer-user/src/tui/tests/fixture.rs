//! Moments made by hand, equal in every run.

use std::{net::SocketAddr, sync::Arc};

use tracer_common::record::Traffic;
use tracer_core::{
    client::{Client, Sign},
    dns::figures::NameFigures,
    finding::evaluate,
    group::Group,
    host::{Host, HostKey, Via},
    live::{LiveConnection, LiveConnections, LiveState, LiveTls},
    phase::Phase,
    process::Process,
    series::{Point, Series},
    snapshot::{Events, Snapshot},
    time_wait::{Destination, TimeWaitView},
    tls::TlsVersion,
};

use crate::{
    trace::{
        capture::{Line, Scrollback, Stream},
        live::Moment,
    },
    tui::About,
};

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

pub(super) fn about() -> About {
    About {
        target: "crawler --depth 3 https://example.org/".into(),
        kernel: "6.12.1".into(),
        http2: Some(
            "auto chose wire: frames are not read, because a probe takes 9.22 µs a hit here, more than 3.00 µs; \
             --http2 frames reads them all the same"
                .into(),
        ),
    }
}

/// Pseudo-random numbers, equal in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Figures of `requests` requests, three on each connection.
pub(super) fn group(requests: u64, seed: u64) -> Group {
    let mut group = Group::default();
    let mut dice = Dice::new(seed);
    let connections = requests.div_ceil(3);
    group.requests.count = requests;
    group.requests.connections = connections;
    group.connections.opened = connections + 1;
    group.connections.established = connections;
    group.connections.open_now = connections.min(3);
    group.connections.failed.refused = u64::from(requests % 5 == 4);
    group.connections.closed_by.client = connections.saturating_sub(3);
    group.tcp.time_wait_entered = connections.saturating_sub(3);
    (0..connections).for_each(|at| group.requests.per_connection.count(1 + at % 5));
    group.tcp.segments_lost_in = requests / 50;
    group.tcp.bytes_sent = requests * 512;
    group.tcp.bytes_received = requests * 20_000;
    group.tls.full = connections.div_ceil(2);
    group.tls.resumed = connections / 2;
    group.tls.versions.v1_3 = connections;
    for at in 0..connections {
        group.phases.connect.record(20 * MS + dice.roll(5 * MS));
        let phase = if at % 2 == 0 {
            &mut group.phases.tls
        } else {
            &mut group.phases.tls_resumed
        };
        phase.record((if at % 2 == 0 { 45 } else { 22 }) * MS + dice.roll(10 * MS));
        group.phases.lifetime.record(2 * S + dice.roll(S));
    }
    for at in 0..requests {
        let ttfb = 30 * MS + dice.roll(90 * MS) + if at % 50 == 7 { S } else { 0 };
        let phase = if at % 3 == 0 {
            &mut group.phases.ttfb_first
        } else {
            &mut group.phases.ttfb_reused
        };
        phase.record(ttfb);
        group.phases.ttfb.record(ttfb);
        group.phases.transfer.record(200 * US + dice.roll(8 * MS));
        group.phases.pickup.record(5 * US + dice.roll(60 * US));
        group.phases.idle.record(100 * MS + dice.roll(400 * MS));
    }
    group
}

pub(super) fn host(name: &str, requests: u64) -> Host {
    Host {
        key: Arc::new(HostKey::sni(name, 443)),
        addresses: Arc::new([[192, 0, 2, 1].into(), [192, 0, 2, 2].into()]),
        via: Arc::default(),
        users: Arc::default(),
        group: Arc::new(group(requests, requests)),
    }
}

pub(super) fn process(pid: u32, comm: &str, requests: u64) -> Process {
    Process {
        pid,
        comm: comm.into(),
        exe: Some(format!("/usr/bin/{comm}")),
        container: None,
        cgroup: 1,
        client_sign: None,
        group: Arc::new(group(requests, u64::from(pid))),
    }
}

fn address(last: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, last], port).into()
}

fn connection(at: u8, state: LiveState) -> LiveConnection {
    LiveConnection {
        cookie: u64::from(at),
        pid: 4242,
        comm: "crawler".into(),
        host: Arc::new(HostKey::sni("www.example.org", 443)),
        via: Vec::new(),
        local: ([10, 0, 0, 1], 40_000 + u16::from(at)).into(),
        remote: address(at, 443),
        state,
        age_ns: Some(u64::from(at) * S),
        idle_ns: Some(u64::from(at) * 90 * MS),
        turns: Some(u32::from(at) * 2),
        http2: None,
        rtt_ns: Some(20 * MS),
        tls: Some(LiveTls {
            version: Some(TlsVersion::TLS_1_3),
            resumed: at.is_multiple_of(2),
        }),
        adopted: false,
        traffic: Some(Traffic {
            bytes_sent: 700 * u64::from(at),
            bytes_received: 123_456 * u64::from(at),
            ..Traffic::default()
        }),
    }
}

fn name(name: &str, queries: u64) -> NameFigures {
    let mut figures = NameFigures {
        name: name.into(),
        queries,
        failures: queries / 10,
        answered: Default::default(),
    };
    (0..queries).for_each(|at| figures.answered.record((2 + at % 7) * MS));
    figures
}

pub(super) fn series(points: u64) -> Series {
    let mut dice = Dice::new(points);
    let mut series = Series::default();
    for at in 0..points {
        let mut point = Point {
            events: 900 + dice.roll(400),
            requests: 100 + dice.roll(50),
            connections_opened: 30,
            time_wait: at * 3,
            open: 20 + dice.roll(20),
            ..Point::default()
        };
        for phase in [
            Phase::Connect,
            Phase::Tls,
            Phase::TtfbFirst,
            Phase::TtfbReused,
            Phase::Transfer,
        ] {
            point = point.with_p99(phase, 20 * MS + dice.roll(100 * MS));
        }
        series.points.push(point);
    }
    series
}

/// A trace with these hosts.
pub(super) fn moment_of(hosts: Vec<Host>) -> Moment {
    let requests = hosts
        .iter()
        .map(|host| host.group.requests.count)
        .sum::<u64>();
    let mut totals = group(requests.min(3000), 7);
    totals.requests.count = requests;
    // One of each state below.
    totals.requests.in_flight_now = 1;
    totals.connections.connecting_now = 1;
    totals.connections.idle_now = 1;
    totals.connections.half_closed_now = 1;
    let states = [
        LiveState::Connecting,
        LiveState::Handshake,
        LiveState::InFlight,
        LiveState::Unread,
        LiveState::Idle,
        LiveState::HalfClosed,
        LiveState::Closing,
    ];
    let shown = (1..)
        .zip(states)
        .map(|(at, state)| connection(at, state))
        .collect();
    let destination = |last, ports_used: u64| Destination {
        source: [10, 0, 0, 1].into(),
        netns: 4_026_531_833,
        remote: address(last, 443),
        time_wait: ports_used - 3,
        ports_used,
        ports_used_ratio: Some(ports_used as f64 / 28_232.0),
    };
    judged(Moment {
        number: 1,
        elapsed_ns: 83 * S,
        snapshot: Snapshot {
            events: Events {
                received: requests * 9,
                ..Events::default()
            },
            totals: totals.into(),
            processes: vec![process(4242, "crawler", 300), process(4250, "resolver", 4)],
            hosts,
            time_wait: TimeWaitView {
                current: 240,
                peak: 260,
                at_start: 2,
                port_range: Some((32_768, 60_999)),
                destinations: vec![destination(1, 240), destination(2, 12)],
                ..TimeWaitView::default()
            },
            dns_names: vec![name("www.example.org", 40), name("cdn.example.net", 12)],
            connections: Arc::new(LiveConnections {
                at_ns: 83 * S,
                shown,
                further: 0,
            }),
            has_activity: true,
            series: Arc::new(series(40)),
            ..Snapshot::default()
        },
        ..Moment::default()
    })
}

/// Adds what the rules say.
pub(super) fn judged(mut moment: Moment) -> Moment {
    moment.findings = Arc::new(evaluate(&moment.snapshot, moment.elapsed_ns));
    moment
}

/// A trace of a crawler that opens a connection for each request, with lookups that fail.
pub(super) fn faulty() -> Moment {
    let mut moment = usual();
    let snapshot = &mut moment.snapshot;
    let naive = |group: &mut Arc<Group>| {
        let group = Arc::make_mut(group);
        group.requests.connections = group.requests.count;
        group.connections.established = group.requests.count;
        group.connections.closed_by.client = group.requests.count;
        group.connections.peak_open = 1;
    };
    naive(&mut snapshot.totals);
    snapshot
        .hosts
        .iter_mut()
        .for_each(|host| naive(&mut host.group));
    for process in &mut snapshot.processes {
        process.client_sign = Some(Sign::Named(Client::Go));
        naive(&mut process.group);
    }
    let totals = Arc::make_mut(&mut snapshot.totals);
    totals.tcp.syn_retransmits = 12;
    judged(moment)
}

/// A typical trace.
pub(super) fn usual() -> Moment {
    let hosts = [
        ("www.example.org", 240),
        ("cdn.example.net", 120),
        ("images.example.com", 77),
        ("api.example.org", 34),
        ("192.0.2.77", 9),
        ("tracker.example.com", 1),
    ];
    moment_of(hosts.map(|(name, requests)| host(name, requests)).into())
}

/// A trace whose requests go through proxies.
pub(super) fn through_proxies() -> Moment {
    let mut moment = usual();
    let snapshot = &mut moment.snapshot;
    let proxies = [("one.proxy.example", 3128), ("two.proxy.example", 1080)];
    let proxies = proxies.map(|(name, port)| Arc::new(HostKey::dns(name, port)));
    let open = |group: &mut Arc<Group>| {
        let group = Arc::make_mut(group);
        group.tunnels.opened = 3;
        group.tunnels.by_kind.connect = 2;
        group.tunnels.by_kind.socks5 = 1;
        group.tunnels.failed.auth = 1;
        (1..4).for_each(|at| group.phases.tunnel.record(at * 900 * MS));
    };
    open(&mut snapshot.totals);
    for (at, host) in snapshot.hosts.iter_mut().enumerate() {
        open(&mut host.group);
        host.via = Arc::new(Via {
            proxies: proxies[..1 + at % 2].to_vec(),
            is_cut: at == 1,
        });
    }
    snapshot.proxies = snapshot.hosts.iter().take(2).cloned().collect();
    for (row, key) in snapshot.proxies.iter_mut().zip(&proxies) {
        row.key = Arc::clone(key);
        row.via = Arc::default();
    }
    let connections = Arc::make_mut(&mut snapshot.connections);
    for (connection, state) in connections.shown.iter_mut().zip([LiveState::Tunnel]) {
        connection.state = state;
    }
    for connection in connections.shown.iter_mut().skip(1) {
        connection.via = proxies.to_vec();
    }
    moment
}

/// A later moment of the same trace.
pub(super) fn later(earlier: &Moment, times: u64) -> Moment {
    let mut moment = earlier.clone();
    moment.number += 1;
    moment.elapsed_ns += 60 * S;
    let snapshot = &mut moment.snapshot;
    let more = |group: &mut Arc<Group>| {
        let group = Arc::make_mut(group);
        for at in 0..30 {
            group.requests.count += 1;
            group.phases.ttfb.record((60 + at) * MS * times);
            group.phases.ttfb_reused.record((60 + at) * MS * times);
        }
    };
    more(&mut snapshot.totals);
    snapshot
        .hosts
        .iter_mut()
        .take(3)
        .for_each(|host| more(&mut host.group));
    moment
}

/// A moment with `count` hosts.
pub(super) fn thousands(count: u64) -> Moment {
    let mut dice = Dice::new(count);
    let hosts = (0..count).map(|at| host(&format!("host-{at:05}.example"), 1 + dice.roll(30)));
    moment_of(hosts.collect())
}

/// Names that are hostile or hard to show.
pub(super) fn hostile() -> Moment {
    let mut moment = moment_of(vec![
        host("\x1b[2j\x1b[31mgone.example", 9),
        host("a\u{202e}gpj.elpmaxe", 8),
        host("例え.テスト.example", 7),
        host("👩‍👩‍👧.example", 6),
        host(&"long.".repeat(60), 5),
        host("bell\x07\r\nnewline", 4),
        host("", 3),
    ]);
    moment.snapshot.processes = vec![
        process(1, "\x1b]0;title\x07", 3),
        process(2, "ネコ", 2),
        process(3, "e\u{301}e\u{301}", 1),
    ];
    moment
}

pub(super) fn output() -> Scrollback {
    let line = |stream, text: &str| {
        Arc::new(Line {
            stream,
            text: text.into(),
        })
    };
    Scrollback {
        lines: [
            line(Stream::Out, "fetched https://www.example.org/ 200"),
            line(
                Stream::Err,
                "\x1b[31merror\x1b[0m: \x1b[2J cannot read 例え",
            ),
            line(Stream::Out, "column\tcolumn"),
        ]
        .into(),
        ..Scrollback::default()
    }
}
