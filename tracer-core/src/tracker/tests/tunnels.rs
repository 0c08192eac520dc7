//! Tests of connections that go through proxies.

use tracer_common::record::{
    CloseRecord, ConnectRecord, HelloRecord, TlsRecord, TunnelRecord, TurnRecord, UNMEASURED,
    closer, connect, kind, note, tls, tunnel, turn,
};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::super::*;
use super::fixture::header;
use crate::{group::tunnels::Tunnels, host::Host};

const COOKIE: u64 = 5;
const PROXY: &str = "10.0.0.9:3128";

fn connected() -> Vec<u8> {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, COOKIE, 20);
    (record.endpoint.family, record.endpoint.remote_port) = (2, 3128);
    record.endpoint.remote[..4].copy_from_slice(&[10, 0, 0, 9]);
    (record.start_ns, record.duration_ns) = (10, 10);
    record.outcome = connect::ESTABLISHED;
    record.as_bytes().to_vec()
}

fn sent(clear: u8, offset: u32, bytes: &[u8]) -> Vec<u8> {
    let header = header::<HelloRecord<0>>(kind::HELLO, COOKIE, 30);
    let length = (bytes.len() as u16).to_ne_bytes();
    let parts = [header.as_bytes(), &offset.to_ne_bytes(), &length];
    [parts.concat(), vec![0, clear], bytes.to_vec()].concat()
}

fn asks(bytes: &[u8]) -> Vec<u8> {
    sent(note::TUNNEL, 0, bytes)
}

fn asks_for(authority: &str) -> Vec<u8> {
    asks(format!("CONNECT {authority} HTTP/1.1\r\n\r\n").as_bytes())
}

/// An exchange that took this long, with the proxy's answer.
fn answers(outcome: u8, status: u16, took_ns: u64) -> Vec<u8> {
    let mut record = TunnelRecord::new_zeroed();
    record.header = header::<TunnelRecord>(kind::TUNNEL, COOKIE, 1030);
    (record.start_ns, record.duration_ns) = (30, took_ns);
    (record.kind, record.outcome, record.status) = (tunnel::CONNECT, outcome, status);
    record.as_bytes().to_vec()
}

fn opens() -> Vec<u8> {
    answers(tunnel::OPENED, 200, 7)
}

/// A ClientHello that names a server.
fn client_hello(name: &str) -> Vec<u8> {
    let be = |length: usize| (length as u16).to_be_bytes();
    let entry = [&[0][..], &be(name.len()), name.as_bytes()].concat();
    let list = [&be(entry.len())[..], &entry].concat();
    let extension = [&[0, 0][..], &be(list.len()), &list].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 1, 1, 0],
        &be(extension.len()),
        &extension,
    ]
    .concat();
    let message = [&[1, 0][..], &be(body.len()), &body].concat();
    let record = [&[22, 3, 1][..], &be(message.len()), &message].concat();
    sent(0, 0, &record)
}

fn handshaken() -> Vec<u8> {
    let mut record = TlsRecord::new_zeroed();
    record.header = header::<TlsRecord>(kind::TLS, COOKIE, 1100);
    (record.start_ns, record.duration_ns, record.outcome) = (1050, 50, tls::DONE);
    record.flow = tls::FLOW_12;
    record.as_bytes().to_vec()
}

fn used() -> Vec<u8> {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, COOKIE, 1300);
    (record.start_ns, record.first_ns, record.last_ns) = (1200, 1250, 1260);
    (record.number, record.ended) = (1, turn::NEXT);
    record.as_bytes().to_vec()
}

fn closed() -> Vec<u8> {
    let mut record = CloseRecord::new_zeroed();
    record.header = header::<CloseRecord>(kind::CLOSE, COOKIE, 1400);
    (record.established_ns, record.closing_ns) = (20, 1400);
    record.closer = closer::CLIENT;
    record.as_bytes().to_vec()
}

fn take(tracker: &mut Tracker, records: &[Vec<u8>]) {
    for record in records {
        let mut words = vec![0_u64; record.len().div_ceil(8)];
        words.as_mut_bytes()[..record.len()].copy_from_slice(record);
        tracker.take(&words.as_bytes()[..record.len()]);
    }
}

fn after(records: &[Vec<u8>]) -> Snapshot {
    let mut tracker = Tracker::new(TrackerOptions::default());
    take(&mut tracker, records);
    let snapshot = tracker.snapshot();
    assert_eq!(snapshot.events.undecodable, 0);
    snapshot
}

fn filtered(host: &str, records: &[Vec<u8>]) -> Snapshot {
    let mut tracker = Tracker::new(TrackerOptions {
        hosts: HostFilter::new(vec![host.to_owned()]),
        ..TrackerOptions::default()
    });
    take(&mut tracker, records);
    tracker.snapshot()
}

/// Name, source, connections established, tunnels opened, and proxies of a row.
fn row(host: &Host) -> (String, &'static str, u64, u64, Vec<String>) {
    let via = host.via.proxies.iter().map(ToString::to_string);
    (
        host.key.to_string(),
        host.key.source.as_str(),
        host.group.connections.established,
        host.group.tunnels.opened,
        via.collect(),
    )
}

/// Checks the only host, and gives it.
#[track_caller]
fn only_host<'a>(
    snapshot: &'a Snapshot,
    name: &str,
    source: &'static str,
    via: &[&str],
) -> &'a Host {
    let rows: Vec<_> = snapshot.hosts.iter().map(row).collect();
    let tunnels = via.len() as u64;
    let via = via.iter().map(ToString::to_string).collect();
    assert_eq!(rows, [(name.to_owned(), source, 1, tunnels, via)]);
    &snapshot.hosts[0]
}

fn failed(tunnels: &Tunnels) -> [u64; 6] {
    let failed = tunnels.failed;
    [
        failed.auth,
        failed.refused,
        failed.unreachable,
        failed.closed,
        failed.given_up,
        failed.other,
    ]
}

#[test]
fn the_connection_belongs_to_the_target() {
    let snapshot = after(&[connected(), asks_for("Site.Example.:8443"), opens()]);
    let host = only_host(&snapshot, "site.example:8443", "tunnel", &[PROXY]);
    assert_eq!(host.group.phases.connect.count(), 1);
    assert_eq!(host.group.phases.tunnel.summary().max_ns, 7);
    assert!(host.addresses.is_empty(), "only the proxy knows it");
    assert_eq!(snapshot.totals.tunnels.by_kind.connect, 1);
    assert_eq!(snapshot.totals.phases.tunnel.count(), 1);
}

#[test]
fn inside_everything_begins_anew() {
    let snapshot = after(&[
        connected(),
        asks_for("10.1.1.1:8443"),
        opens(),
        client_hello("www.site.example"),
        handshaken(),
        used(),
        closed(),
    ]);
    let host = only_host(&snapshot, "www.site.example:8443", "sni", &[PROXY]);
    assert_eq!(host.addresses.len(), 1);
    for group in [&host.group, &snapshot.totals] {
        assert_eq!((group.tls.full, group.tls.unfinished), (1, 0));
        assert_eq!((group.requests.count, group.requests.connections), (1, 1));
        assert_eq!(group.connections.open_now, 0);
        assert_eq!(group.phases.tunnel.count(), 1);
    }
    let [proxy] = &snapshot.proxies[..] else {
        panic!("{:?}", snapshot.proxies);
    };
    assert_eq!(proxy.key.to_string(), PROXY);
    let group = &proxy.group;
    assert_eq!(
        (group.connections.established, group.tunnels.opened),
        (1, 1)
    );
    assert_eq!((group.connections.open_now, group.requests.count), (0, 1));
    assert_eq!((group.tls.full, group.phases.tunnel.count()), (1, 1));
}

#[test]
fn a_request_in_clear_names_an_address() {
    let request = sent(1, 0, b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n");
    let socks = b"\x05\x01\0\x05\x01\0\x01\x0a\x01\x01\x01\0\x50";
    let snapshot = after(&[connected(), asks(socks), opens(), request.clone()]);
    only_host(&snapshot, "site.example:80", "http", &[PROXY]);
    let snapshot = after(&[connected(), asks_for("real.example:80"), opens(), request]);
    only_host(&snapshot, "real.example:80", "tunnel", &[PROXY]);
}

#[test]
fn a_second_try_may_succeed() {
    let snapshot = after(&[
        connected(),
        asks_for("site.example:443"),
        answers(tunnel::REFUSED, 407, 3),
        asks_for("site.example:443"),
        opens(),
        closed(),
    ]);
    let totals = &snapshot.totals;
    assert_eq!(failed(&totals.tunnels), [1, 0, 0, 0, 0, 0]);
    assert_eq!(totals.tunnels.opened, 1);
    assert_eq!(totals.phases.tunnel_failed.summary().max_ns, 3);
    let rows: Vec<_> = snapshot.hosts.iter().map(row).collect();
    let via = vec![PROXY.to_owned()];
    assert_eq!(
        rows,
        [
            (PROXY.to_owned(), "address", 0, 0, vec![]),
            ("site.example:443".to_owned(), "tunnel", 1, 1, via),
        ]
    );
    assert_eq!(failed(&snapshot.hosts[0].group.tunnels), [1, 0, 0, 0, 0, 0]);
    assert_eq!(failed(&snapshot.hosts[1].group.tunnels), [0; 6]);
    assert_eq!(
        failed(&snapshot.proxies[0].group.tunnels),
        [1, 0, 0, 0, 0, 0]
    );
    assert_eq!(snapshot.proxies[0].group.connections.established, 1);
}

#[test]
fn what_the_proxy_refuses_is_its_own() {
    let refused = answers(tunnel::REFUSED, 403, 3);
    let snapshot = after(&[connected(), asks_for("site.example:443"), refused, closed()]);
    let host = only_host(&snapshot, PROXY, "address", &[]);
    assert_eq!(failed(&host.group.tunnels), [0, 1, 0, 0, 0, 0]);
    assert_eq!(host.group.connections.never_used, 0);
    assert_eq!(host.group.requests.count, 0);
    assert_eq!(snapshot.totals.phases.tunnel.count(), 0);
}

#[test]
fn a_request_may_follow_a_refusal() {
    let snapshot = after(&[
        connected(),
        asks_for("site.example:443"),
        answers(tunnel::REFUSED, 405, 3),
        sent(
            1,
            0,
            b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        ),
        used(),
    ]);
    assert_eq!(snapshot.totals.requests.count, 1);
    assert_eq!(snapshot.totals.tls.not_tls, 1);
    assert_eq!(failed(&snapshot.totals.tunnels), [0, 1, 0, 0, 0, 0]);
}

#[test]
fn a_close_or_a_lost_end_opens_nothing() {
    let asked = || vec![connected(), asks_for("site.example:443")];
    let end = |outcome| [asked(), vec![answers(outcome, 0, 3), closed()]].concat();
    let snapshot = after(&end(tunnel::CLOSED));
    assert_eq!(failed(&snapshot.totals.tunnels), [0, 0, 0, 1, 0, 0]);
    let bytes = answers(tunnel::CLOSED, 0, 3);
    let mut by_client = TunnelRecord::read_from_bytes(&bytes).unwrap();
    by_client.closer = closer::CLIENT;
    let given_up = [asked(), vec![by_client.as_bytes().to_vec(), closed()]].concat();
    let snapshot = after(&given_up);
    assert_eq!(failed(&snapshot.totals.tunnels), [0, 0, 0, 0, 1, 0]);
    let snapshot = after(&end(tunnel::UNKNOWN));
    let tunnels = snapshot.totals.tunnels;
    assert_eq!((tunnels.unknown, tunnels.total()), (1, 1));
    assert_eq!(snapshot.totals.phases.tunnel_failed.count(), 0);
}

#[test]
fn a_chain_leads_to_the_innermost_target() {
    let snapshot = after(&[
        connected(),
        asks_for("second.example:1080"),
        opens(),
        asks(b"\x05\x01\0"),
        sent(note::TUNNEL, 3, b"\x05\x01\0\x03\x0csite.example\x01\xbb"),
        opens(),
        closed(),
    ]);
    let second = "second.example:1080";
    let host = only_host(&snapshot, "site.example:443", "tunnel", &[PROXY, second]);
    assert_eq!(host.group.phases.tunnel.count(), 2);
    let proxies: Vec<_> = snapshot.proxies.iter().map(row).collect();
    assert_eq!(
        proxies,
        [
            (PROXY.to_owned(), "address", 1, 1, vec![]),
            (second.to_owned(), "address", 1, 1, vec![PROXY.to_owned()]),
        ]
    );
}

#[test]
fn a_proxy_has_one_row_whatever_names_it() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    take(
        &mut tracker,
        &[connected(), asks_for("a.example:1"), opens()],
    );
    take(
        &mut tracker,
        &[closed(), connected(), asks_for(PROXY), opens()],
    );
    take(&mut tracker, &[asks_for("a.example:1"), opens(), closed()]);
    let snapshot = tracker.snapshot();
    let proxies: Vec<_> = snapshot.proxies.iter().map(row).collect();
    let expected = (PROXY.to_owned(), "address", 3, 3, vec![PROXY.to_owned()]);
    assert_eq!(proxies, [expected]);
    let host = snapshot.hosts.last().map(row).unwrap();
    assert_eq!(host.4, [PROXY]);
}

#[test]
fn a_target_that_cannot_be_read_leaves_the_connection_where_it_is() {
    let mut records = vec![connected(), asks(b"\x05\x01\x81"), opens()];
    let snapshot = after(&records);
    let rows: Vec<_> = snapshot.hosts.iter().map(row).collect();
    assert_eq!(rows, [(PROXY.to_owned(), "address", 1, 1, vec![])]);
    records.push(client_hello("site.example"));
    only_host(&after(&records), "site.example:0", "sni", &[PROXY]);
}

#[test]
fn bytes_that_only_look_like_socks_make_no_proxy() {
    let asked = asks(b"\x05\x01\0");
    let snapshot = after(&[connected(), asked, sent(note::OTHER, 0, b""), closed()]);
    let connections = &only_host(&snapshot, PROXY, "address", &[])
        .group
        .connections;
    assert_eq!((connections.other_protocol, connections.never_used), (1, 0));
    assert!(snapshot.proxies.is_empty());
    assert_eq!(snapshot.totals.tunnels, Tunnels::default());
}

#[test]
fn an_exchange_whose_end_was_lost_leaves_nothing_to_the_next() {
    let first = asks_for("first.example:443");
    let snapshot = after(&[connected(), first, asks_for("site.example:80"), opens()]);
    only_host(&snapshot, "site.example:80", "tunnel", &[PROXY]);
}

#[test]
fn the_host_filter_sees_the_target() {
    let opened = [connected(), asks_for("site.example:443"), opens(), closed()];
    let snapshot = filtered("site.example", &opened);
    only_host(&snapshot, "site.example:443", "tunnel", &[PROXY]);
    assert_eq!(snapshot.proxies[0].group.connections.established, 1);
    assert_eq!(snapshot.proxies[0].group.tunnels.opened, 1);
    assert!(snapshot.proxies[0].group.connections.open_now == 0);
    for other in ["other.example", "10.0.0.9"] {
        let snapshot = filtered(other, &opened);
        assert!(snapshot.totals.is_empty(), "{other}");
        assert!(snapshot.hosts.is_empty() && snapshot.proxies.is_empty());
    }
}

#[test]
fn the_host_filter_sees_what_was_refused() {
    let refused = answers(tunnel::REFUSED, 502, 3);
    let records = [connected(), asks_for("site.example:443"), refused, closed()];
    for host in ["site.example", "10.0.0.9"] {
        let totals = filtered(host, &records).totals;
        assert_eq!(failed(&totals.tunnels), [0, 0, 1, 0, 0, 0], "{host}");
        assert_eq!(totals.connections.established, 1, "{host}");
    }
    assert!(filtered("other.example", &records).totals.is_empty());
}

#[test]
fn records_may_come_before_the_connect() {
    let early = sent(note::IN_SYN, 0, b"");
    let asked = asks_for("site.example:443");
    let snapshot = after(&[early, asked, opens(), connected(), closed()]);
    only_host(&snapshot, "site.example:443", "tunnel", &[PROXY]);
    assert_eq!(snapshot.events.unmatched, 0);
}

#[test]
fn of_a_connection_that_nobody_knows() {
    let snapshot = after(&[asks_for("site.example:443"), opens()]);
    assert_eq!(snapshot.totals.tunnels.opened, 1);
    assert!(snapshot.hosts.is_empty() && snapshot.proxies.is_empty());
}

#[test]
fn the_figures_may_begin_anew() {
    let mut tracker = Tracker::new(TrackerOptions::default());
    take(
        &mut tracker,
        &[connected(), asks_for("10.1.1.1:443"), opens()],
    );
    tracker.reset();
    take(
        &mut tracker,
        &[client_hello("site.example"), handshaken(), used()],
    );
    let snapshot = tracker.snapshot();
    let [host] = &snapshot.hosts[..] else {
        panic!("{:?}", snapshot.hosts);
    };
    assert_eq!(host.key.to_string(), "site.example:443");
    assert_eq!(host.group.connections.adopted, 1);
    assert_eq!(host.group.tunnels, Tunnels::default());
    let proxy = &snapshot.proxies[0].group;
    assert_eq!((proxy.connections.adopted, proxy.requests.count), (1, 1));
}

#[test]
fn a_time_that_is_not_known_is_none() {
    let end = |took_ns| after(&[connected(), asks_for("a:1"), answers(1, 200, took_ns)]);
    let snapshot = end(UNMEASURED);
    assert_eq!(snapshot.totals.tunnels.opened, 1);
    assert_eq!(snapshot.totals.phases.tunnel.count(), 0);
    assert_eq!(end(5000).events.negative_durations, 1);
}

#[test]
fn proxies_kept_per_host_are_bounded() {
    let mut hosts = Hosts::with_limit(10);
    let host = hosts.of(HostKey::tunnel("a", 1), None);
    for port in 0..100 {
        let proxy = Arc::new(HostKey::tunnel("proxy", port));
        hosts.note_via(host, &[proxy]);
    }
    hosts.group_mut(host).connections.opened = 1;
    let via = &hosts.views()[0].via;
    assert_eq!(
        (via.proxies.len(), via.is_cut),
        (crate::host::MAX_PROXIES, true)
    );
    assert!(via.proxies.is_sorted());
}

#[test]
fn so_are_the_proxies_of_a_connection() {
    let mut records = vec![connected()];
    for port in 1..20 {
        records.extend([asks_for(&format!("proxy.example:{port}")), opens()]);
    }
    records.push(closed());
    let snapshot = after(&records);
    assert_eq!(snapshot.totals.tunnels.opened, 19);
    assert!(snapshot.proxies.len() < 10);
    let open = snapshot.hosts.iter().chain(&snapshot.proxies);
    assert!(
        open.into_iter()
            .all(|row| row.group.connections.open_now == 0)
    );
}
