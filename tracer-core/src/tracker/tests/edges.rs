//! Tests of connections that began before the trace, and of records that found the ring buffer full.

use tracer_common::{
    overflow::{BUCKETS, Count, Histogram},
    record::{CloseRecord, ConnectRecord, close, closer, connect, kind},
};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::header;

const MS: u64 = 1_000_000;

fn connected(start_ns: u64, outcome: u8) -> ConnectRecord {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, 1, 20 * MS);
    (record.endpoint.family, record.endpoint.remote_port) = (2, 443);
    (record.start_ns, record.outcome) = (start_ns, outcome);
    record.duration_ns = if start_ns == 0 { 0 } else { 20 * MS - start_ns };
    record
}

fn closed(flags: u8) -> CloseRecord {
    let mut record = CloseRecord::new_zeroed();
    record.header = header::<CloseRecord>(kind::CLOSE, 1, 50 * MS);
    record.established_ns = 20 * MS;
    (record.closer, record.flags) = (closer::CLIENT, flags);
    record
}

fn tracker(hosts: &[&str]) -> Tracker {
    Tracker::new(TrackerOptions {
        hosts: HostFilter::new(hosts.iter().map(|&host| host.to_owned()).collect()),
        ..TrackerOptions::default()
    })
}

#[test]
fn how_long_a_connect_took_that_began_before_is_not_known() {
    let mut tracker = tracker(&[]);
    tracker.take(connected(0, connect::ESTABLISHED).as_bytes());
    tracker.take(closed(0).as_bytes());
    let totals = tracker.snapshot().totals;
    let connections = &totals.connections;
    assert_eq!((connections.opened, connections.adopted), (0, 1));
    assert_eq!(totals.phases.connect.count(), 0);
    // The time of the establishment is known, and so is that it carried no request.
    assert_eq!(totals.phases.lifetime.summary().max_ns / MS, 30);
    assert_eq!(connections.never_used(), 1);
}

#[test]
fn nor_that_of_one_that_failed() {
    let mut tracker = tracker(&[]);
    tracker.take(connected(0, connect::FAILED).as_bytes());
    tracker.take(connected(15 * MS, connect::FAILED).as_bytes());
    let totals = tracker.snapshot().totals;
    assert_eq!(totals.connections.failed.total(), 2);
    assert_eq!(totals.phases.connect_failed.count(), 1);
}

#[test]
fn a_connection_whose_turns_were_not_told_was_used() {
    let mut tracker = tracker(&[]);
    tracker.take(connected(10 * MS, connect::ESTABLISHED).as_bytes());
    tracker.take(closed(close::USED).as_bytes());
    assert_eq!(tracker.snapshot().totals.connections.never_used(), 0);
}

/// Overflow figures with this number of records of connections and requests.
fn overflow(records: u64) -> Overflow {
    let mut counts = vec![0; Count::COUNT as usize];
    counts[Count::Records as usize] = records;
    counts[Count::Requests as usize] = records;
    Overflow {
        histograms: Vec::new(),
        counts,
    }
}

#[test]
fn with_a_host_filter_the_overflow_is_lost() {
    #[track_caller]
    fn check(hosts: &[&str], lost: u64, overflowed: u64, requests: u64) {
        let mut tracker = tracker(hosts);
        tracker.set_overflow(overflow(7));
        let snapshot = tracker.snapshot();
        let events = &snapshot.events;
        assert_eq!((events.lost, events.overflowed), (lost, overflowed));
        assert_eq!(snapshot.totals.requests.count, requests);
    }
    check(&[], 0, 7, 7);
    check(&["*.example"], 7, 0, 0);
}

#[test]
fn counters_of_a_damaged_recording() {
    let mut tracker = tracker(&[]);
    for round in 0..3 {
        tracker.set_kernel_counters([u64::MAX; Counter::COUNT as usize]);
        tracker.set_overflow(Overflow {
            histograms: vec![u64::MAX; (Histogram::COUNT * BUCKETS) as usize],
            counts: vec![u64::MAX; Count::COUNT as usize],
        });
        tracker.note_loss(u64::MAX);
        let snapshot = tracker.snapshot();
        // After a reset the counters do not grow any more.
        assert_eq!(snapshot.events.lost != 0, round == 0);
        assert_eq!(snapshot.totals.requests.count != 0, round == 0);
        tracker.reset();
    }
}

#[test]
fn what_the_host_filter_leaves_out_is_counted() {
    let left_out = |hosts: &[&str]| {
        let mut tracker = tracker(hosts);
        tracker.take(connected(10 * MS, connect::ESTABLISHED).as_bytes());
        tracker.take(closed(0).as_bytes());
        tracker.take(connected(10 * MS, connect::FAILED).as_bytes());
        let left_out = tracker.snapshot().left_out;
        (left_out.connections, left_out.hosts.len())
    };
    assert_eq!(left_out(&[]), (0, 0));
    assert_eq!(left_out(&["*"]), (0, 0));
    assert_eq!(left_out(&["nobody.example"]), (2, 1));
}
