//! Tests of connections without TLS, recognised by their first request, or in recordings of earlier builds by a
//! separate record.

use tracer_common::record::{ConnectRecord, HelloRecord, TlsRecord, connect, kind, tls};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::header;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n";

fn connected() -> Vec<u8> {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, 1, 20);
    (record.endpoint.family, record.endpoint.remote_port) = (2, 80);
    record.outcome = connect::ESTABLISHED;
    record.as_bytes().to_vec()
}

fn request(clear: u8) -> Vec<u8> {
    let header = header::<HelloRecord<64>>(kind::HELLO, 1, 20);
    let length = (REQUEST.len() as u16).to_ne_bytes();
    let mut record = [header.as_bytes(), &[0; 4], &length, &[0, clear], REQUEST].concat();
    record.resize(size_of::<HelloRecord<64>>(), 0);
    record
}

fn not_tls() -> Vec<u8> {
    let mut record = TlsRecord::new_zeroed();
    record.header = header::<TlsRecord>(kind::TLS, 1, 20);
    record.outcome = tls::NOT_TLS;
    record.as_bytes().to_vec()
}

/// Checks the number of connections without TLS after these records, and that no handshake is under way.
#[track_caller]
fn check(records: &[Vec<u8>], not_tls: u64, named: bool) {
    let mut tracker = Tracker::new(TrackerOptions::default());
    for record in records {
        let mut words = vec![0_u64; record.len().div_ceil(8)];
        words.as_mut_bytes()[..record.len()].copy_from_slice(record);
        tracker.take(&words.as_bytes()[..record.len()]);
    }
    let snapshot = tracker.snapshot();
    let seen = &snapshot.totals.tls;
    assert_eq!((seen.not_tls, seen.unfinished), (not_tls, 0));
    assert_eq!(snapshot.events.undecodable, 0);
    let mut hosts = snapshot.hosts.iter();
    assert_eq!(hosts.any(|host| &*host.key.host == "www.example"), named);
}

#[test]
fn the_first_request_tells() {
    check(&[connected(), request(1)], 1, true);
}

#[test]
fn a_record_of_its_own_tells() {
    check(&[connected(), request(0)], 0, true);
    check(&[connected(), request(0), not_tls()], 1, true);
    check(&[connected(), not_tls()], 1, false);
}

#[test]
fn told_twice_is_told_once() {
    check(&[connected(), request(1), not_tls()], 1, true);
}

#[test]
fn of_a_connection_that_nobody_knows() {
    check(&[request(1)], 1, false);
}
