//! Tests of first turns over TLS 1.3 through a proxy nearby, where the connect takes no time.

use tracer_common::record::{
    ConnectRecord, FirstTurnRecord, TlsRecord, connect, direction, kind, tls, turn,
};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::{captured, header, take};

const MS: u64 = 1_000_000;
/// Time that a connect to the proxy takes, ns.
const CONNECT_NS: u64 = MS / 10;

/// First turn behind a handshake from 1 ms to 42 ms: a request at 43 ms, and the records received, each with time (ms)
/// and length.
fn first_turn(records: &[(u64, u16)]) -> Snapshot {
    let mut tracker = Tracker::new(TrackerOptions::default());
    let mut open = ConnectRecord::new_zeroed();
    open.header = header::<ConnectRecord>(kind::CONNECT, 1, MS);
    (open.endpoint.family, open.endpoint.remote_port) = (2, 443);
    open.outcome = connect::ESTABLISHED;
    (open.start_ns, open.duration_ns) = (MS - CONNECT_NS, CONNECT_NS);
    take(&mut tracker, open.as_bytes());
    take(&mut tracker, &captured(direction::EGRESS, 0, MS, &[22]));
    take(
        &mut tracker,
        &captured(direction::INGRESS, 0, 41 * MS, &[22]),
    );
    let mut done = TlsRecord::new_zeroed();
    done.header = header::<TlsRecord>(kind::TLS, 1, 42 * MS);
    (done.start_ns, done.duration_ns) = (MS, 41 * MS);
    (done.outcome, done.flow) = (tls::DONE, tls::FLOW_13);
    take(&mut tracker, done.as_bytes());
    let mut record = FirstTurnRecord::new_zeroed();
    record.turn.header = header::<FirstTurnRecord>(kind::FIRST_TURN, 1, 900 * MS);
    (record.finished_ns, record.turn.start_ns) = (42 * MS, 43 * MS);
    (record.turn.number, record.turn.protocol) = (1, turn::TLS_13);
    (record.turn.ended, record.records) = (turn::CLOSE, records.len() as u32);
    for (at, &(time_ms, length)) in records.iter().enumerate() {
        (record.times_ns[at], record.lengths[at]) = (time_ms * MS, length);
    }
    record.turn.first_ns = record.times_ns[0];
    record.turn.last_ns = record.times_ns[records.len() - 1];
    take(&mut tracker, record.as_bytes());
    assert_eq!(tracker.snapshot().events.undecodable, 0);
    tracker.snapshot()
}

#[test]
fn a_ticket_is_no_first_byte_where_the_connect_ends_at_a_proxy() {
    let totals = first_turn(&[(83, 250), (183, 900)]).totals;
    let ttfb = totals.phases.ttfb.summary();
    assert!((139 * MS..141 * MS).contains(&ttfb.p50_ns), "{ttfb:?}");
    assert_eq!(totals.requests.first_inferred, 1);
}

#[test]
fn a_record_that_may_be_a_ticket_is_unknown() {
    let totals = first_turn(&[(83, 250)]).totals;
    assert_eq!(totals.phases.ttfb.count(), 0);
    assert_eq!(totals.requests.first_unknown, 1);
}
