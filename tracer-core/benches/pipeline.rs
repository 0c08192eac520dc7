//! Benchmark on one core: records per second through decoding and the tracker, and the times of a snapshot and of the
//! findings of many hosts.

mod stream;

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use stream::{RECORDS_A_CONNECTION, Stream};
use tracer_core::{
    finding::evaluate,
    tracker::{Tracker, TrackerOptions},
};

const CONNECTIONS: u64 = 20_000;

fn take(tracker: &mut Tracker, stream: &Stream) {
    for record in stream.records() {
        tracker.take(black_box(record));
    }
}

/// Tracker that has seen every host of the stream twice.
fn filled(hosts: u64) -> Tracker {
    let mut tracker = Tracker::new(TrackerOptions {
        max_hosts: 300_000,
        ..TrackerOptions::default()
    });
    for part in 0..2 * hosts / CONNECTIONS.min(hosts) {
        let from = 1 + part * CONNECTIONS.min(hosts);
        take(
            &mut tracker,
            &Stream::of(from, CONNECTIONS.min(hosts), hosts),
        );
    }
    tracker
}

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("records");
    for hosts in [1, 1_000, 100_000] {
        let mut tracker = filled(hosts);
        let streams: Vec<Stream> = (0..5)
            .map(|part| Stream::of(10_000_000 + part * CONNECTIONS, CONNECTIONS, hosts))
            .collect();
        let mut next = streams.iter().cycle();
        group.throughput(Throughput::Elements(CONNECTIONS * RECORDS_A_CONNECTION));
        group.bench_function(format!("{hosts} hosts"), |bencher| {
            bencher.iter(|| next.next().map(|stream| take(&mut tracker, stream)));
        });
        let snapshot = tracker.snapshot();
        assert_eq!(
            (snapshot.events.undecodable, snapshot.events.unmatched),
            (0, 0)
        );
        assert_eq!(snapshot.totals.tls.unknown, 0);
    }
}

fn snapshots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    let mut tracker = filled(100_000);
    let some = Stream::of(20_000_000, 1000, 100_000);
    group.bench_function("100000 hosts", |bencher| {
        bencher.iter(|| drop(tracker.snapshot()));
    });
    // A snapshot in use costs the tracker one copy of each figure that changes.
    let held = tracker.snapshot();
    group.throughput(Throughput::Elements(1000 * RECORDS_A_CONNECTION));
    group.bench_function("records while one is held", |bencher| {
        bencher.iter_batched(
            || held.clone(),
            |held| {
                take(&mut tracker, &some);
                held
            },
            BatchSize::LargeInput,
        );
    });
}

fn findings(criterion: &mut Criterion) {
    const MINUTE_NS: u64 = 60_000_000_000;
    let mut group = criterion.benchmark_group("findings");
    // Each host is seen so often. Without marks, the whole trace is judged alone; with them, its last minutes too.
    for (hosts, times, minutes) in [
        (100_000, 2, 0),
        (100_000, 12, 0),
        (100_000, 12, 10),
        (1000, 12, 10),
    ] {
        let mut tracker = filled(hosts);
        for part in 0..(times - 2) * hosts / CONNECTIONS.min(hosts) {
            take(
                &mut tracker,
                &Stream::of(
                    50_000_000 + part * CONNECTIONS,
                    CONNECTIONS.min(hosts),
                    hosts,
                ),
            );
        }
        for minute in 0..=minutes {
            tracker.sample((1 + minute) * MINUTE_NS);
            let from = 90_000_000 + minute * CONNECTIONS;
            take(
                &mut tracker,
                &Stream::of(from, CONNECTIONS.min(hosts), hosts),
            );
        }
        let snapshot = tracker.snapshot();
        let name = format!("{hosts} hosts, {times} connections each, {minutes} minutes");
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(evaluate(&snapshot, (1 + minutes) * MINUTE_NS)));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    targets = records, snapshots, findings
}
criterion_main!(benches);
