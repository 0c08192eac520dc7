//! Tests of requests to a forward proxy: each counts for the host that it asks for.

use tracer_common::record::{
    BriefTurn, ConnectRecord, HELLO_LARGE, HelloRecord, TurnRecord, TurnsRecord, connect,
    direction, kind, note, turn,
};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::{captured, header, take};

fn line(host: &str) -> Vec<u8> {
    format!("GET http://{host}/page HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

fn connected() -> Vec<u8> {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, 1, 20);
    (record.endpoint.family, record.endpoint.remote_port) = (2, 3128);
    record.endpoint.remote[..4].copy_from_slice(&[192, 0, 2, 1]);
    record.outcome = connect::ESTABLISHED;
    record.as_bytes().to_vec()
}

/// Beginning of a later request.
fn forwarded(number: u32, host: &str) -> Vec<u8> {
    let header = header::<HelloRecord<HELLO_LARGE>>(kind::HELLO, 1, 900);
    let bytes = line(host);
    let length = (bytes.len() as u16).to_ne_bytes();
    let marks = [direction::EGRESS, note::FORWARDED];
    let mut record = [
        header.as_bytes(),
        &number.to_ne_bytes(),
        &length,
        &marks,
        &bytes,
    ]
    .concat();
    record.resize(size_of::<HelloRecord<HELLO_LARGE>>(), 0);
    record
}

fn first_turn() -> Vec<u8> {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, 1, 900);
    (record.start_ns, record.first_ns, record.last_ns) = (100, 110, 120);
    (record.number, record.ended, record.protocol) = (1, turn::NEXT, turn::CLEAR);
    record.as_bytes().to_vec()
}

/// Turns with the numbers 2, 3 and 4.
fn later_turns() -> Vec<u8> {
    let mut record = TurnsRecord::new_zeroed();
    record.head.header = header::<TurnsRecord>(kind::TURNS, 1, 900);
    (record.head.previous_ns, record.head.number) = (120, 2);
    (record.head.count, record.head.protocol) = (3, turn::CLEAR);
    record.turns = [BriefTurn {
        idle_ns: 1,
        ttfb_ns: 20,
        transfer_ns: 3,
        pickup_ns: 4,
    }; 8];
    record.as_bytes().to_vec()
}

fn tracker(hosts: HostFilter) -> Tracker {
    let mut tracker = Tracker::new(TrackerOptions {
        hosts,
        ..TrackerOptions::default()
    });
    let records = [
        connected(),
        captured(direction::EGRESS, 1, 100, &line("a.example")),
        forwarded(2, "b.example:8080"),
        first_turn(),
        forwarded(3, "A.example."),
        forwarded(4, "[2001:db8::1]:81"),
        later_turns(),
    ];
    for record in records {
        take(&mut tracker, &record);
    }
    tracker
}

/// Requests and connections with requests of each host, with its port.
fn requests(tracker: &Tracker) -> Vec<(String, u64, u64)> {
    let snapshot = tracker.snapshot();
    let mut hosts: Vec<_> = snapshot
        .hosts
        .iter()
        .map(|host| {
            let requests = &host.group.requests;
            let name = format!("{}:{}", host.key.host, host.key.port);
            (name, requests.count, requests.connections)
        })
        .collect();
    hosts.sort();
    hosts
}

#[test]
fn each_request_counts_for_its_host() {
    let tracker = tracker(HostFilter::all());
    let expected = [
        ("192.0.2.1:3128", 0, 0),
        ("2001:db8::1:81", 1, 1),
        ("a.example:80", 2, 1),
        ("b.example:8080", 1, 1),
    ];
    let expected = expected.map(|(name, count, used)| (name.to_owned(), count, used));
    assert_eq!(requests(&tracker), expected);
    let snapshot = tracker.snapshot();
    let totals = &snapshot.totals.requests;
    assert_eq!((totals.count, totals.connections, totals.failed), (4, 1, 0));
    let [proxy] = &snapshot.proxies[..] else {
        panic!("{} proxies", snapshot.proxies.len());
    };
    assert_eq!(
        (&*proxy.key.host, proxy.group.requests.count),
        ("192.0.2.1", 4)
    );
    let via: Vec<_> = snapshot
        .hosts
        .iter()
        .map(|host| host.via.proxies.len())
        .collect();
    assert_eq!(via.iter().sum::<usize>(), 3);
}
