//! Benchmark of the table of seen URLs: time of a check, and bytes per URL.

#![allow(
    clippy::expect_used,
    reason = "a benchmark ends where something is not as it has to be"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::time::{ClockId, clock_gettime};
use tracer_crawler::dedup::{Dedup, Fingerprint, HashKey};
use tracer_crawler::files::Files;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const URLS: u64 = 1_000_000;

fn fingerprint(number: u64) -> Fingerprint {
    Fingerprint::from_raw(xxh3_64_with_seed(&number.to_le_bytes(), 3))
}

fn filled(mut dedup: Dedup) -> Dedup {
    for number in 0..URLS {
        dedup.insert(fingerprint(number)).expect("insert");
    }
    println!(
        "{} bytes a URL at {URLS} URLs",
        dedup.bytes() as f64 / URLS as f64
    );
    dedup
}

/// CPU time of this thread, so that other load on the machine does not count.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("clock");
    Duration::from(now)
}

/// Time of `count` checks, each at another place in the table.
fn checked(dedup: &Dedup, count: u64, of: impl Fn(u64) -> u64) -> Duration {
    let begin = cpu_time();
    for number in 0..count {
        black_box(dedup.contains(fingerprint(of(number))));
    }
    cpu_time() - begin
}

fn checks(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("directory");
    let file = Dedup::open(
        &directory.path().join("seen"),
        HashKey(1),
        &Files::default(),
    )
    .expect("open")
    .0;
    for (name, dedup) in [
        ("memory", filled(Dedup::in_memory(HashKey(1)))),
        ("file", filled(file)),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.bench_function("check of a seen URL", |bench| {
            bench.iter_custom(|count| checked(&dedup, count, |number| number * 7_919 % URLS));
        });
        group.bench_function("check of a new URL", |bench| {
            bench.iter_custom(|count| checked(&dedup, count, |number| URLS + number));
        });
        group.finish();
    }
    criterion.bench_function("insert a million", |bench| {
        bench.iter(|| filled_quietly().len())
    });
    let url = "https://www.example.com/a/path/of/usual/length?with=query&and=more";
    criterion.bench_function("fingerprint of a URL", |bench| {
        bench.iter(|| HashKey(1).fingerprint(black_box(url)))
    });
}

fn filled_quietly() -> Dedup {
    let mut dedup = Dedup::in_memory(HashKey(1));
    for number in 0..URLS {
        dedup.insert(fingerprint(number)).expect("insert");
    }
    dedup
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = checks }
criterion_main!(benches);
