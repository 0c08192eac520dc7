//! Records whose times are in any order, as a damaged recording has them, or two processors that stamp at once.

use proptest::{collection::vec, prelude::*};
use tracer_common::{
    dns::{DNS_HEAD, transport},
    record::{
        BriefTurn, CloseRecord, ConnectRecord, FirstTurnRecord, TlsRecord, TunnelRecord,
        TurnRecord, TurnsRecord, UNMEASURED, connect, direction, kind, tls, tunnel, turn,
    },
};
use zerocopy::{FromZeros, IntoBytes};

use super::super::*;
use super::fixture::header;
use crate::{latency::Latency, phase::Phases};

/// The trace lasts from here on for so long, ns.
const BEGIN_NS: u64 = 1_000_000_000_000;
const LENGTH_NS: u64 = 10_000_000_000;

/// A time of the trace.
fn time() -> impl Strategy<Value = u64> {
    BEGIN_NS..=BEGIN_NS + LENGTH_NS
}

/// A time of the trace, or none.
fn maybe() -> impl Strategy<Value = u64> {
    prop_oneof![3 => time(), 1 => Just(0)]
}

/// A duration that the kernel programs tell: right, wrapped or not measured.
fn told() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => 0..=LENGTH_NS,
        1 => (1..=LENGTH_NS).prop_map(|ns| 0_u64.wrapping_sub(ns)),
        1 => Just(UNMEASURED),
    ]
}

fn connected() -> impl Strategy<Value = Vec<u8>> {
    let outcome = prop_oneof![3 => Just(connect::ESTABLISHED), 1 => Just(connect::FAILED)];
    (1..4_u64, time(), maybe(), told(), outcome).prop_map(
        |(cookie, now_ns, start_ns, took, outcome)| {
            let mut record = ConnectRecord::new_zeroed();
            record.header = header::<ConnectRecord>(kind::CONNECT, cookie, now_ns);
            (record.endpoint.family, record.endpoint.remote_port) = (2, 443);
            (record.start_ns, record.duration_ns, record.outcome) = (start_ns, took, outcome);
            record.as_bytes().to_vec()
        },
    )
}

fn handshaken() -> impl Strategy<Value = Vec<u8>> {
    (1..4_u64, time(), maybe(), told(), 0..2_u8).prop_map(
        |(cookie, now_ns, start_ns, took, resumed)| {
            let mut record = TlsRecord::new_zeroed();
            record.header = header::<TlsRecord>(kind::TLS, cookie, now_ns);
            (record.start_ns, record.duration_ns) = (start_ns, took);
            (record.outcome, record.flow, record.resumed) = (tls::DONE, tls::FLOW_12, resumed);
            record.as_bytes().to_vec()
        },
    )
}

fn tunnelled() -> impl Strategy<Value = Vec<u8>> {
    (1..4_u64, time(), maybe(), told(), 1..5_u8).prop_map(
        |(cookie, now_ns, start_ns, took, outcome)| {
            let mut record = TunnelRecord::new_zeroed();
            record.header = header::<TunnelRecord>(kind::TUNNEL, cookie, now_ns);
            (record.start_ns, record.duration_ns) = (start_ns, took);
            (record.kind, record.outcome) = (tunnel::CONNECT, outcome);
            record.as_bytes().to_vec()
        },
    )
}

fn turn_record(kind: u8, size: usize) -> impl Strategy<Value = TurnRecord> {
    let times = (time(), maybe(), maybe(), maybe(), maybe());
    (1..4_u64, times, told(), told(), 1..4_u32, 1..4_u8).prop_map(
        move |(cookie, times, pickup_ns, pickup_run_queue_ns, number, ended)| {
            let mut record = TurnRecord::new_zeroed();
            record.header = header::<TurnRecord>(kind, cookie, times.0);
            record.header.size = size as u32;
            (record.start_ns, record.first_ns) = (times.1, times.2);
            (record.last_ns, record.previous_ns) = (times.3, times.4);
            (record.pickup_ns, record.pickup_run_queue_ns) = (pickup_ns, pickup_run_queue_ns);
            (record.number, record.ended, record.protocol) = (number, ended, turn::CLEAR);
            record
        },
    )
}

fn turned() -> impl Strategy<Value = Vec<u8>> {
    turn_record(kind::TURN, size_of::<TurnRecord>()).prop_map(|record| record.as_bytes().to_vec())
}

fn first_turned() -> impl Strategy<Value = Vec<u8>> {
    let turn = turn_record(kind::FIRST_TURN, size_of::<FirstTurnRecord>());
    let evidence =
        prop::array::uniform8((maybe(), prop_oneof![Just(0_u16), Just(200), Just(5000)]));
    (turn, maybe(), evidence, 0..9_u32).prop_map(|(turn, finished_ns, evidence, records)| {
        let mut record = FirstTurnRecord::new_zeroed();
        (record.turn, record.finished_ns, record.records) = (turn, finished_ns, records);
        record.times_ns = evidence.map(|(at_ns, _)| at_ns);
        record.lengths = evidence.map(|(_, length)| length);
        record.as_bytes().to_vec()
    })
}

fn turns() -> impl Strategy<Value = Vec<u8>> {
    let each = vec(any::<[u32; 4]>(), 1..=turn::TURNS);
    (1..4_u64, time(), time(), each).prop_map(|(cookie, now_ns, previous_ns, each)| {
        let mut record = TurnsRecord::new_zeroed();
        record.head.header = header::<TurnsRecord>(kind::TURNS, cookie, now_ns);
        (record.head.previous_ns, record.head.number) = (previous_ns, 2);
        (record.head.count, record.head.protocol) = (each.len() as u8, turn::CLEAR);
        for (brief, [idle_ns, ttfb_ns, transfer_ns, pickup_ns]) in record.turns.iter_mut().zip(each)
        {
            *brief = BriefTurn {
                idle_ns,
                ttfb_ns,
                transfer_ns,
                pickup_ns,
            };
        }
        record.as_bytes().to_vec()
    })
}

fn closed() -> impl Strategy<Value = Vec<u8>> {
    (1..4_u64, time(), maybe(), maybe(), 0..6_u8).prop_map(
        |(cookie, now_ns, established_ns, closing_ns, closer)| {
            let mut record = CloseRecord::new_zeroed();
            record.header = header::<CloseRecord>(kind::CLOSE, cookie, now_ns);
            (record.established_ns, record.closing_ns) = (established_ns, closing_ns);
            record.closer = closer;
            record.as_bytes().to_vec()
        },
    )
}

/// A query or its answer, by UDP.
fn looked_up() -> impl Strategy<Value = Vec<u8>> {
    (4..6_u64, time(), any::<bool>(), 0..4_u8).prop_map(|(cookie, now_ns, is_answer, rcode)| {
        let question = [1, b'a', 0, 0, 1, 0, 1];
        let flags = if is_answer {
            [0x81, 0x80 | rcode]
        } else {
            [1, 0]
        };
        let message = [&[0, 7], &flags[..], &[0, 1, 0, 0, 0, 0, 0, 0], &question].concat();
        let mut bytes = vec![0; DNS_HEAD];
        let mut head = header::<[u8; DNS_HEAD]>(kind::DNS, cookie, now_ns);
        head.size += message.len() as u32;
        bytes[..24].copy_from_slice(head.as_bytes());
        let length = message.len() as u32;
        bytes[100..104].copy_from_slice(&length.to_ne_bytes());
        bytes[104..106].copy_from_slice(&(length as u16).to_ne_bytes());
        bytes[106] = if is_answer {
            direction::INGRESS
        } else {
            direction::EGRESS
        };
        bytes[107] = transport::UDP;
        bytes.extend(message);
        bytes
    })
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => connected(),
        1 => handshaken(),
        1 => tunnelled(),
        2 => turned(),
        1 => first_turned(),
        1 => turns(),
        1 => closed(),
        2 => looked_up(),
    ]
}

/// After these records, which are eight-byte aligned as all are.
fn after(records: &[Vec<u8>]) -> Snapshot {
    let mut tracker = Tracker::new(TrackerOptions::default());
    for record in records {
        let mut words = vec![0_u64; record.len().div_ceil(8)];
        words.as_mut_bytes()[..record.len()].copy_from_slice(record);
        tracker.take(&words.as_bytes()[..record.len()]);
    }
    tracker.finish(BEGIN_NS + LENGTH_NS);
    tracker.snapshot()
}

fn all(phases: &Phases) -> [(&'static str, &Latency); 18] {
    [
        ("dns", &phases.dns),
        ("dns failed", &phases.dns_failed),
        ("connect", &phases.connect),
        ("connect failed", &phases.connect_failed),
        ("tunnel", &phases.tunnel),
        ("tunnel failed", &phases.tunnel_failed),
        ("tls", &phases.tls),
        ("tls resumed", &phases.tls_resumed),
        ("ttfb", &phases.ttfb),
        ("ttfb first", &phases.ttfb_first),
        ("ttfb reused", &phases.ttfb_reused),
        ("transfer", &phases.transfer),
        ("pickup", &phases.pickup),
        ("pickup cpu", &phases.pickup_cpu),
        ("idle", &phases.idle),
        ("idle at close", &phases.idle_at_close),
        ("aborted", &phases.aborted),
        ("lifetime", &phases.lifetime),
    ]
}

proptest! {
    /// No phase is longer than the trace, in the totals, of a process, of a host or of a name.
    #[test]
    fn nothing_takes_longer_than_the_trace(records in vec(record(), 1..40)) {
        let snapshot = after(&records);
        prop_assert_eq!(snapshot.events.undecodable, 0);
        let rows = snapshot.hosts.iter().map(|host| &host.group);
        let rows = rows.chain(snapshot.processes.iter().map(|process| &process.group));
        for group in rows.chain([&snapshot.totals]) {
            for (name, latency) in all(&group.phases) {
                // The edge of a bucket of three digits.
                let longest_ns = latency.summary().max_ns;
                prop_assert!(longest_ns <= LENGTH_NS + LENGTH_NS / 500, "{}: {} ns", name, longest_ns);
            }
        }
        for name in &snapshot.dns_names {
            prop_assert!(name.answered.summary().max_ns <= LENGTH_NS + LENGTH_NS / 500);
        }
    }
}

/// A turn of a connection in clear, by when its request and response began and ended, and its pickup, ns.
fn one_turn(
    [previous_ns, start_ns, first_ns, last_ns, now_ns]: [u64; 5],
    pickup_ns: u64,
) -> Snapshot {
    let mut record = TurnRecord::new_zeroed();
    record.header = header::<TurnRecord>(kind::TURN, 1, now_ns);
    (record.previous_ns, record.start_ns) = (previous_ns, start_ns);
    (record.first_ns, record.last_ns, record.pickup_ns) = (first_ns, last_ns, pickup_ns);
    (record.number, record.ended, record.protocol) = (2, turn::NEXT, turn::CLEAR);
    (record.pickup_run_queue_ns, record.adopted) = (UNMEASURED, 0);
    after(&[record.as_bytes().to_vec()])
}

/// A negative duration is in no phase and is counted, and the request is counted all the same.
#[test]
fn a_negative_duration_is_counted() {
    #[track_caller]
    fn check(times: [u64; 5], pickup_ns: u64, samples: [u64; 4], negative: u64) {
        let snapshot = one_turn(times, pickup_ns);
        let phases = &snapshot.totals.phases;
        let all = [&phases.idle, &phases.ttfb, &phases.transfer, &phases.pickup];
        assert_eq!(all.map(Latency::count), samples);
        assert_eq!(snapshot.events.negative_durations, negative);
        assert_eq!(snapshot.events.losses(), negative);
        assert_eq!(snapshot.totals.requests.count, 1);
    }
    check([10, 20, 30, 40, 50], 5, [1; 4], 0);
    check([20, 20, 20, 20, 20], 0, [1; 4], 0);
    check([21, 20, 30, 40, 50], 5, [0, 1, 1, 1], 1);
    check([10, 20, 19, 40, 50], 5, [1, 0, 1, 1], 1);
    check([10, 20, 30, 29, 50], 5, [1, 1, 0, 1], 1);
    // As earlier builds have recorded a wait that was negative.
    check([10, 20, 30, 40, 50], 5_u64.wrapping_sub(7), [1, 1, 1, 0], 1);
}

/// The kernel programs count what they find out, and the tracker does not count it once more.
#[test]
fn what_the_kernel_has_counted_is_not_counted_again() {
    let mut record = ConnectRecord::new_zeroed();
    record.header = header::<ConnectRecord>(kind::CONNECT, 1, 20);
    (record.endpoint.family, record.outcome) = (2, connect::ESTABLISHED);
    (record.start_ns, record.duration_ns) = (21, UNMEASURED);
    let mut tracker = Tracker::new(TrackerOptions::default());
    tracker.take(record.as_bytes());
    let mut kernel = [0; Counter::COUNT as usize];
    kernel[Counter::NegativeDuration as usize] = 1;
    tracker.set_kernel_counters(kernel);
    let snapshot = tracker.snapshot();
    assert_eq!(snapshot.events.negative_durations, 1);
    assert_eq!(snapshot.totals.phases.connect.count(), 0);
    let connections = &snapshot.totals.connections;
    assert_eq!((connections.established, connections.open_now), (1, 1));
}

/// A run of a program that the kernel skipped has written no record.
#[test]
fn a_skipped_run_is_lost() {
    let mut kernel = [0; Counter::COUNT as usize];
    kernel[Counter::RingFull as usize] = 2;
    kernel[Counter::SkippedRun as usize] = 3;
    let mut tracker = Tracker::new(TrackerOptions::default());
    tracker.set_kernel_counters(kernel);
    assert_eq!(tracker.snapshot().events.lost, 5);
}
