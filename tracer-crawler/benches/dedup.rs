//! The table of seen URLs: time of a check, bytes of a URL.

#![allow(
    clippy::expect_used,
    reason = "a benchmark ends where something is not as it has to be"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tracer_crawler::dedup::{Dedup, Fingerprint, Seed};
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

fn checks(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("directory");
    let file = Dedup::open(&directory.path().join("seen"), Seed(1))
        .expect("open")
        .0;
    for (name, dedup) in [
        ("memory", filled(Dedup::in_memory(Seed(1)))),
        ("file", filled(file)),
    ] {
        let mut group = criterion.benchmark_group(name);
        let mut number = 0_u64;
        group.bench_function("check of a seen URL", |bench| {
            bench.iter(|| {
                number = (number + 7_919) % URLS;
                black_box(dedup.contains(fingerprint(number)))
            });
        });
        group.bench_function("check of a new URL", |bench| {
            bench.iter(|| {
                number += 1;
                black_box(dedup.contains(fingerprint(URLS + number)))
            });
        });
        group.finish();
    }
    criterion.bench_function("insert a million", |bench| {
        bench.iter(|| filled_quietly().len())
    });
    let url = "https://www.example.com/a/path/of/usual/length?with=query&and=more";
    criterion.bench_function("fingerprint of a URL", |bench| {
        bench.iter(|| Seed(1).fingerprint(black_box(url)))
    });
}

fn filled_quietly() -> Dedup {
    let mut dedup = Dedup::in_memory(Seed(1));
    for number in 0..URLS {
        dedup.insert(fingerprint(number)).expect("insert");
    }
    dedup
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = checks }
criterion_main!(benches);
