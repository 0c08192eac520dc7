//! Tests of connections that speak HTTP/2, or do not although some of their records look like it.

use tracer_common::record::{
    ConnectRecord, FirstTurnRecord, TlsRecord, TurnRecord, connect, direction, kind, note, tls,
    turn,
};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::{captured, header, take};

/// ClientHello that offers these protocols.
fn client_hello(protocols: &[&str]) -> Vec<u8> {
    let names: Vec<u8> = protocols
        .iter()
        .flat_map(|name| [&[name.len() as u8], name.as_bytes()].concat())
        .collect();
    let list = [&(names.len() as u16).to_be_bytes(), &names[..]].concat();
    let alpn = [&[0, 16], &(list.len() as u16).to_be_bytes()[..], &list].concat();
    let fixed = [&[3, 3][..], &[0; 33], &[0, 2, 0x13, 1, 1, 0]].concat();
    let body = [&fixed[..], &(alpn.len() as u16).to_be_bytes(), &alpn].concat();
    handshake_record(1, &body)
}

/// ServerHello of TLS 1.3, and the header of an encrypted record of this length.
fn server_flight(encrypted: u16) -> Vec<u8> {
    let version = [0, 43, 0, 2, 3, 4];
    let body = [&[3, 3][..], &[0; 33], &[0x13, 1, 0, 0, 6], &version].concat();
    let next = [&[20, 3, 3, 0, 1, 1, 23, 3, 3][..], &encrypted.to_be_bytes()].concat();
    [handshake_record(2, &body), next].concat()
}

fn handshake_record(message: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u16;
    let outer = [&[22, 3, 1][..], &(length + 4).to_be_bytes()].concat();
    [&outer[..], &[message, 0], &length.to_be_bytes(), body].concat()
}

/// Tracker with connection 1, established.
fn open() -> Tracker {
    let mut tracker = Tracker::new(TrackerOptions::default());
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, 1, 20);
    (record.endpoint.family, record.endpoint.remote_port) = (2, 443);
    (record.start_ns, record.duration_ns) = (10, 10);
    record.endpoint.comm[..4].copy_from_slice(b"curl");
    record.outcome = connect::ESTABLISHED;
    take(&mut tracker, record.as_bytes());
    tracker
}

/// Tracker after a handshake of TLS 1.3 that offered HTTP/2.
pub(super) fn handshaken(encrypted: u16) -> Tracker {
    let mut tracker = open();
    let offer = client_hello(&["h2", "http/1.1"]);
    take(&mut tracker, &captured(direction::EGRESS, 0, 30, &offer));
    let answer = server_flight(encrypted);
    take(&mut tracker, &captured(direction::INGRESS, 0, 40, &answer));
    let mut record = TlsRecord::new_zeroed();
    record.header = header::<TlsRecord>(kind::TLS, 1, 50);
    (record.start_ns, record.duration_ns) = (30, 20);
    (record.outcome, record.flow) = (tls::DONE, tls::FLOW_13);
    take(&mut tracker, record.as_bytes());
    tracker
}

fn turn(number: u32, h2: u8, protocol: u8) -> TurnRecord {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, 1, 900);
    let start_ns = 100 * u64::from(number);
    (record.start_ns, record.first_ns, record.last_ns) = (start_ns, start_ns + 10, start_ns + 20);
    (record.number, record.protocol, record.h2) = (number, protocol, h2);
    record.ended = turn::NEXT;
    record
}

/// First turn over TLS 1.3 with the length of the client's first record and those of the server's.
fn first_turn(h2: u8, sent_length: u16, received: &[u16]) -> Vec<u8> {
    let mut record = FirstTurnRecord::new_zeroed();
    record.turn = turn(1, h2, turn::TLS_13);
    record.turn.header = header::<FirstTurnRecord>(kind::FIRST_TURN, 1, 900);
    record.sent_length = sent_length;
    record.records = received.len() as u32;
    for (at, &length) in received.iter().enumerate() {
        (record.lengths[at], record.times_ns[at]) = (length, 110);
    }
    record.as_bytes().to_vec()
}

/// Checks connections of HTTP/2, its turns, and requests; the host must have the same.
#[track_caller]
fn check(tracker: &Tracker, expected: (u64, u64, u64)) {
    let snapshot = tracker.snapshot();
    assert_eq!(snapshot.events.undecodable, 0);
    for group in [&snapshot.totals, &snapshot.hosts[0].group] {
        let (connections, requests) = (&group.connections, &group.requests);
        let found = (connections.http2, requests.h2_turns, requests.count);
        assert_eq!(found, expected);
    }
}

#[test]
fn known_from_the_handshake() {
    let mut tracker = handshaken(32);
    check(&tracker, (1, 0, 0));
    take(&mut tracker, &first_turn(0, 300, &[2000]));
    take(&mut tracker, turn(2, 0, turn::TLS_13).as_bytes());
    check(&tracker, (1, 2, 0));
}

/// The server has chosen HTTP/1.1, and the client sends a body of nine bytes.
#[test]
fn known_not_to_be() {
    let mut tracker = handshaken(38);
    take(&mut tracker, &first_turn(1, 26 + 24, &[26, 44]));
    take(&mut tracker, turn(2, 1, turn::TLS_13).as_bytes());
    check(&tracker, (0, 0, 2));
}

/// The certificate is in the same record as EncryptedExtensions.
#[test]
fn told_by_the_sizes_of_records() {
    let mut tracker = handshaken(900);
    // A preface with SETTINGS, and the acknowledgement in a later turn: the first turn waits for it.
    take(&mut tracker, &first_turn(0, 24 + 9 + 18 + 13 + 17, &[2000]));
    check(&tracker, (0, 0, 0));
    take(&mut tracker, turn(2, 1, turn::TLS_13).as_bytes());
    check(&tracker, (1, 2, 0));
    // A body of nine bytes is no acknowledgement.
    let mut tracker = handshaken(900);
    take(&mut tracker, &first_turn(1, 230, &[2000]));
    take(&mut tracker, turn(2, 1, turn::TLS_13).as_bytes());
    check(&tracker, (0, 0, 2));
}

#[test]
fn in_clear() {
    let mut tracker = open();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    take(&mut tracker, &captured(direction::EGRESS, 1, 30, preface));
    take(&mut tracker, turn(1, 1, turn::CLEAR).as_bytes());
    check(&tracker, (1, 1, 0));
}

/// A request with `Upgrade: h2c` makes it HTTP/2 only if the server switches.
#[test]
fn by_upgrade() {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for (switches, expected) in [(false, (0, 0, 1)), (true, (1, 1, 0))] {
        let mut tracker = open();
        take(&mut tracker, &captured(direction::EGRESS, 1, 30, request));
        if switches {
            take(
                &mut tracker,
                &captured(direction::EGRESS, note::UPGRADED, 40, &[]),
            );
        }
        take(&mut tracker, turn(1, 0, turn::CLEAR).as_bytes());
        check(&tracker, expected);
    }
}

/// Records of HTTP/2 are as short as messages after a change of protocols, whether or not it is known by then.
#[test]
fn short_records_are_no_upgrade() {
    for encrypted in [32, 900] {
        let mut tracker = handshaken(encrypted);
        for note in [note::UPGRADED, note::HTTP_2] {
            take(&mut tracker, &captured(direction::EGRESS, note, 60, &[]));
        }
        let connections = &tracker.snapshot().totals.connections;
        assert_eq!((connections.http2, connections.upgraded), (1, 0));
    }
}

/// Lengths of HTTP/2 that look like TLS inside of TLS say nothing: the connection is counted once, as one of HTTP/2.
#[test]
fn no_tls_inside_of_http2() {
    let mut tracker = handshaken(32);
    take(
        &mut tracker,
        &captured(direction::EGRESS, note::TLS_INSIDE, 60, &[]),
    );
    let connections = &tracker.snapshot().totals.connections;
    assert_eq!(
        (connections.http2, connections.requests_unknown.total()),
        (1, 0)
    );
}
