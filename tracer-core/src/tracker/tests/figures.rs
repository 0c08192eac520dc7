//! Figures that several records of a connection give together: segments, bytes of open connections, requests for each
//! connection, requests in flight over time, and the processes of a host.

use proptest::{collection::vec, prelude::*};
use tracer_common::record::{
    CloseRecord, ClosedRecord, ConnectRecord, OpenRecord, Segments, SocketRecord, Traffic,
    TurnRecord, closer, connect, kind, turn,
};
use tracer_common::tcp_state::ESTABLISHED;
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::header;

const MS: u64 = 1_000_000;
const S: u64 = FIRST_INTERVAL_NS;

fn connected(cookie: u64, pid: u32) -> ConnectRecord {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, cookie, S + 20 * MS);
    (record.endpoint.family, record.endpoint.remote_port) = (2, 80);
    record.endpoint.tgid = pid;
    record.endpoint.comm[..2].copy_from_slice(b"p\0");
    (record.start_ns, record.outcome) = (S, connect::ESTABLISHED);
    record
}

fn asked(cookie: u64, number: u32, start_ns: u64, last_ns: u64) -> TurnRecord {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, cookie, last_ns);
    (record.start_ns, record.first_ns, record.last_ns) = (start_ns, last_ns, last_ns);
    (record.number, record.ended, record.protocol) = (number, turn::NEXT, turn::CLEAR);
    record
}

fn closed(cookie: u64, segments: Segments) -> ClosedRecord {
    let mut close = CloseRecord::new_zeroed();
    close.header = header::<ClosedRecord>(kind::CLOSE, cookie, 50 * S);
    close.established_ns = S;
    close.closer = closer::CLIENT;
    ClosedRecord { close, segments }
}

fn open(cookie: u64, traffic: Traffic) -> OpenRecord {
    let mut socket = SocketRecord::new_zeroed();
    socket.header = header::<OpenRecord>(kind::SOCKET, cookie, 30 * S);
    (socket.endpoint.family, socket.endpoint.remote_port) = (2, 80);
    socket.state = ESTABLISHED;
    OpenRecord { socket, traffic }
}

fn tracker() -> Tracker {
    let mut tracker = Tracker::new(TrackerOptions::default());
    tracker.sample(S);
    tracker
}

#[test]
fn segments_of_closed_connections_are_summed() {
    let mut tracker = tracker();
    for cookie in 1..=3 {
        let segments = Segments {
            received: 100,
            sent: 50,
            out_of_order: 9,
            missing: 4,
        };
        tracker.take(connected(cookie, 1).as_bytes());
        tracker.take(closed(cookie, segments).as_bytes());
    }
    let snapshot = tracker.snapshot();
    for group in [&snapshot.totals, &snapshot.hosts[0].group] {
        let tcp = &group.tcp;
        assert_eq!((tcp.segments_in, tcp.segments_out), (300, 150));
        assert_eq!((tcp.segments_out_of_order, tcp.segments_lost_in), (27, 12));
        assert!(tcp.has_segments());
    }
}

/// Records of earlier versions end before the segments and the traffic, and all else is read as ever.
#[test]
fn records_of_earlier_versions_lack_them() {
    let mut tracker = tracker();
    tracker.take(connected(1, 1).as_bytes());
    let mut old = closed(1, Segments::default()).close;
    old.header = header::<CloseRecord>(kind::CLOSE, 1, 50 * S);
    (old.header.version, old.bytes_received) = (4, 1000);
    tracker.take(connected(2, 1).as_bytes());
    let mut socket = open(2, Traffic::default()).socket;
    socket.header = header::<SocketRecord>(kind::SOCKET, 2, 30 * S);
    socket.header.version = 4;
    tracker.watch(31 * S, socket.as_bytes());
    tracker.take(old.as_bytes());
    let snapshot = tracker.snapshot();
    assert_eq!(snapshot.events.undecodable, 0);
    assert_eq!(snapshot.totals.connections.closed_by.client, 1);
    assert!(!snapshot.totals.tcp.has_segments());
    assert!(!snapshot.totals.tells_open_bytes());
    assert_eq!(snapshot.connections.shown[0].traffic, None);
}

#[test]
fn bytes_of_open_connections_are_those_of_the_last_pass() {
    let mut tracker = tracker();
    tracker.take(connected(1, 1).as_bytes());
    for bytes_received in [10, 4000] {
        let traffic = Traffic {
            bytes_sent: 70,
            bytes_received,
            segments: Segments::default(),
        };
        tracker.watch(31 * S, open(1, traffic).as_bytes());
        let snapshot = tracker.snapshot();
        let tcp = &snapshot.processes[0].group.tcp;
        assert_eq!(
            (tcp.open_bytes_sent, tcp.open_bytes_received),
            (70, bytes_received)
        );
        assert_eq!(snapshot.connections.shown[0].traffic, Some(traffic));
        assert_eq!(tcp.bytes_received, 0, "closed ones only");
    }
    tracker.take(closed(1, Segments::default()).as_bytes());
    tracker.watch(32 * S, &[]);
    assert_eq!(tracker.snapshot().totals.tcp.open_bytes_received, 0);
}

proptest! {
    /// Connections of two processes to one host, each with its number of requests.
    #[test]
    fn requests_of_each_connection_and_process(numbers in vec((1..3u32, 0..40u32), 1..30)) {
        let mut tracker = tracker();
        let mut expected = [(0, 0, 0); 2];
        for (cookie, &(pid, requests)) in (1..).zip(&numbers) {
            tracker.take(connected(cookie, pid).as_bytes());
            for number in 1..=requests {
                tracker.take(asked(cookie, number, 2 * S, 2 * S + MS).as_bytes());
            }
            tracker.take(closed(cookie, Segments::default()).as_bytes());
            let of = &mut expected[pid as usize - 1];
            *of = (of.0 + u64::from(requests), of.1 + u64::from(requests != 0), of.2 + 1);
        }
        let snapshot = tracker.snapshot();
        let per_connection = &snapshot.totals.requests.per_connection;
        let used = numbers.iter().filter(|(_, requests)| *requests != 0).count();
        prop_assert_eq!(per_connection.total() as usize, used);
        for user in snapshot.hosts[0].users.shown() {
            let figures = user.figures;
            let got = (figures.requests, figures.carriers, figures.connections);
            prop_assert_eq!(got, expected[user.pid as usize - 1]);
        }
        let sums: u64 = snapshot.hosts[0].users.shown().iter().map(|user| user.figures.requests).sum();
        prop_assert_eq!(sums, snapshot.totals.requests.count);
    }

    /// A request counts where it was in flight, although it is reported later, and whatever is sampled meanwhile.
    #[test]
    fn in_flight_over_time(requests in vec((0..20_000u64, 0..3000u64), 0..30)) {
        let mut tracker = tracker();
        for (cookie, &(start_ms, took_ms)) in (1..).zip(&requests) {
            let start_ns = S + start_ms * MS;
            tracker.take(connected(cookie, 1).as_bytes());
            tracker.take(asked(cookie, 1, start_ns, start_ns + took_ms * MS).as_bytes());
            tracker.sample(S + cookie * S);
        }
        tracker.sample(60 * S);
        let snapshot = tracker.snapshot();
        let timeline = snapshot.totals.requests.timeline.clone().unwrap();
        let expected = |second: u64| -> u64 {
            let (from, to) = (second * 1000, (second + 1) * 1000);
            let within = |&(start, took): &(u64, u64)| {
                (start + took).min(to).saturating_sub(start.max(from)) * MS
            };
            requests.iter().map(within).sum()
        };
        let points = snapshot.series.points.len();
        for (second, got) in (0..).zip(timeline.first(points)) {
            prop_assert_eq!(got, expected(second), "second {}", second);
        }
    }
}
