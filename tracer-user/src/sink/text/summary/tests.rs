use std::sync::Arc;

use proptest::prelude::*;
use tracer_core::{
    finding::evaluate,
    host::{Host, HostKey, Via},
    process::Process,
};
use unicode_width::UnicodeWidthStr;

use super::{super::lines::WIDTH, *};

#[test]
fn tunnels_have_a_line_when_there_were_any() {
    let mut all = Tunnels::default();
    let mut text = String::new();
    tunnels(&mut text, &all);
    assert_eq!(text, "");
    all.opened = 3;
    (all.by_kind.connect, all.by_kind.socks5) = (2, 1);
    tunnels(&mut text, &all);
    let opened = "tunnels       3 opened (2 CONNECT, 1 SOCKS 5)\n";
    assert_eq!(text, opened);
    (all.failed.auth, all.failed.closed) = (4, 5);
    text.clear();
    tunnels(&mut text, &all);
    let failed = "              failed: 4 auth, 5 closed\n";
    assert_eq!(text, format!("{opened}{failed}"));
}

#[test]
fn a_zero_is_said_only_where_it_is_news() {
    let mut text = String::new();
    let mut snapshot = Snapshot::default();
    Arc::make_mut(&mut snapshot.totals).requests.count = 3;
    counts(&mut text, &snapshot);
    let expected = "\
connections   0 opened, none never used
requests      3 on 0 connections, 100 % on a reused connection
failed        none
";
    assert_eq!(text, expected);
}

/// A group in which every count is `count` and every time is long.
fn full(count: u64) -> Group {
    let mut group = Group::default();
    let connections = &mut group.connections;
    for slot in [
        &mut connections.opened,
        &mut connections.established,
        &mut connections.adopted,
        &mut connections.dns,
        &mut connections.dns_unread,
        &mut connections.unwatched,
        &mut connections.other_protocol,
        &mut connections.upgraded,
        &mut connections.one_way,
        &mut connections.http2,
        &mut connections.open_now,
        &mut connections.peak_open,
        &mut connections.never_used,
        &mut connections.failed.refused,
        &mut connections.failed.other,
        &mut connections.closed_by.client,
        &mut connections.closed_by.server_reset,
        &mut group.requests.count,
        &mut group.requests.connections,
        &mut group.requests.failed,
        &mut group.requests.stale,
        &mut group.requests.slow_pickups,
        &mut group.requests.pickups_unseen,
        &mut group.requests.h2_turns,
        &mut group.http2.source.none,
        &mut group.http2.none_because.lost_sync,
        &mut group.tunnels.opened,
        &mut group.tunnels.by_kind.connect,
        &mut group.tls.full,
        &mut group.tls.unknown,
        &mut group.dns.queries,
        &mut group.dns.answered,
        &mut group.dns.failed.nxdomain,
        &mut group.tcp.time_wait_entered,
    ] {
        *slot = count;
    }
    for phase in tracer_core::phase::Phase::ALL {
        group.phases.get_mut(phase).record_n(u64::MAX, count);
    }
    group
}

fn named_all(name: &str, count: u64) -> Snapshot {
    let group = Arc::new(full(count));
    let proxy = Arc::new(HostKey::dns(name, 3128));
    let host = Host {
        key: Arc::new(HostKey::sni(name, 65_535)),
        addresses: Arc::default(),
        users: Arc::default(),
        via: Arc::new(Via {
            proxies: vec![proxy.clone(), proxy],
            is_cut: true,
        }),
        group: Arc::clone(&group),
    };
    let process = Process {
        pid: u32::MAX,
        comm: name.into(),
        exe: None,
        container: None,
        cgroup: 1,
        client_sign: None,
        group: Arc::clone(&group),
    };
    let mut snapshot = Snapshot {
        totals: group,
        proxies: vec![host.clone(); 2],
        hosts: vec![host; 12],
        processes: vec![process; 12],
        ..Snapshot::default()
    };
    snapshot.events.lost = count;
    snapshot.events.map_full = count;
    snapshot
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_line_is_wider_than_80_columns(
        name in "\\PC{0,120}",
        count in prop::sample::select(vec![1u64, 60, 12_345, 123_456_789_012]),
        elapsed_ns in 1u64..1 << 50,
    ) {
        let snapshot = named_all(&name, count);
        let text = summary(&Summary {
            findings: &evaluate(&snapshot, elapsed_ns),
            snapshot: &snapshot,
            target: name,
            filter: String::new(),
            duration_ns: elapsed_ns,
            color: false,
        });
        for line in text.lines() {
            prop_assert!(line.width() <= WIDTH, "{} columns: {line}", line.width());
        }
    }
}

#[test]
fn a_filter_that_lets_nothing_through_says_what_there_was() {
    let text_of = |snapshot: &Snapshot, filter: &str| nothing(snapshot, filter);
    let mut snapshot = Snapshot::default();
    let none = "no connection was made, and none was open";
    assert_eq!(text_of(&snapshot, ""), none);
    let expected =
        "no connection was made that the filter (port 81) lets through, and none was open";
    assert_eq!(text_of(&snapshot, "port 81"), expected);
    snapshot.left_out.connections = 12;
    snapshot.left_out.hosts = ["a.example", "b.example"]
        .map(|name| Arc::new(HostKey::sni(name, 443)))
        .into();
    let expected = "the filter (host x) let nothing through: 12 connections were left out, among them to a.example:443, b.example:443";
    assert_eq!(text_of(&snapshot, "host x"), expected);
}
