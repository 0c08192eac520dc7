//! Benchmark of the tracker's memory: resident bytes of 100,000 hosts that have every phase, and growth over a million
//! connections.

mod stream;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use stream::{RECORDS_A_CONNECTION, Stream};
use tracer_core::tracker::{Tracker, TrackerOptions};

const HOSTS: u64 = 100_000;
const PART: u64 = 20_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Bytes allocated and not yet freed. Resident memory would not show growth into freed pages.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: all calls are passed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the layout is the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: pointer and layout are the caller's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Relaxed);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: pointer, layout and size are the caller's.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    // `cargo test` runs benches only to check that they start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    hosts();
    growth();
}

fn hosts() {
    let before = resident_bytes();
    let mut tracker = Tracker::new(TrackerOptions {
        max_hosts: 2 * HOSTS as usize,
        ..TrackerOptions::default()
    });
    for visits in 1..=4 {
        feed(&mut tracker, (visits - 1) * HOSTS, HOSTS, HOSTS);
        let grown = resident_bytes() - before;
        println!(
            "{HOSTS} hosts, {visits} connections and {} turns each: {:.0} MiB, {:.0} bytes a host",
            2 * visits,
            grown / MIB,
            grown / HOSTS as f64
        );
    }
    let begun = Instant::now();
    let snapshot = tracker.snapshot();
    println!(
        "snapshot of {} hosts: {:.1} ms",
        snapshot.hosts.len(),
        begun.elapsed().as_secs_f64() * 1e3
    );
    let all = snapshot.hosts.iter().all(|host| {
        let phases = &host.group.phases;
        let found = [
            &phases.connect,
            &phases.tls,
            &phases.ttfb_first,
            &phases.ttfb_reused,
            &phases.idle,
            &phases.lifetime,
        ];
        found.iter().all(|phase| phase.count() != 0)
    });
    assert!(all, "every host has every phase");
}

fn growth() {
    for hosts in [100, HOSTS] {
        let mut tracker = Tracker::new(TrackerOptions::default());
        let mut early = 0.0;
        for tenth in 0..10 {
            feed(&mut tracker, tenth * HOSTS, HOSTS, hosts);
            if tenth == 0 {
                early = LIVE.load(Relaxed) as f64;
            }
        }
        println!(
            "{} records of 1,000,000 connections to {hosts} hosts: {:.1} MiB after the first 100,000, then {:+.1} MiB",
            10 * HOSTS * RECORDS_A_CONNECTION,
            early / MIB,
            (LIVE.load(Relaxed) as f64 - early) / MIB
        );
    }
}

/// Feeds connections in parts, so that the records themselves take little memory.
fn feed(tracker: &mut Tracker, from: u64, count: u64, hosts: u64) {
    for part in 0..count / PART {
        let stream = Stream::of(1 + from + part * PART, PART, hosts);
        stream.records().for_each(|record| tracker.take(record));
    }
}

/// Resident memory: the second field of /proc/self/statm, in pages of 4 KiB; NaN when it cannot be read.
fn resident_bytes() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(f64::NAN) * 4096.0
}
