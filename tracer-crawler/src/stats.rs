//! Figures of a crawl, counted while it runs and read by progress, metrics, control interface and summary. Every URL
//! that did not become a page is counted under a reason.

mod histogram;
mod snapshot;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use self::{
    histogram::{BUCKETS, Histogram, HistogramSnapshot, upper_bound_s},
    snapshot::{FinishReason, Snapshot, exit},
};
use crate::outcome::{Class, Failure};

/// Number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// Adds a number.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Number that can be set.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds one until the guard is dropped.
    pub fn enter(&self) -> Inside<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(self)
    }

    /// Raises the value to at least this one.
    pub fn raise_to(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// Guard of [`Gauge::enter`].
#[derive(Debug)]
pub struct Inside<'a>(&'a Gauge);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Phase of a crawl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CrawlPhase {
    /// State and outputs are being opened.
    Starting,
    /// Pages are being fetched.
    Running,
    /// The crawl was stopped; requests under way may end.
    Stopping,
    /// The crawl has ended.
    Ended,
}

impl CrawlPhase {
    const ALL: [Self; 4] = [Self::Starting, Self::Running, Self::Stopping, Self::Ended];

    /// Name of the phase in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }
}

/// All figures of a crawl, shared by reference. Counters take no lock; counts by name take one for a moment.
#[derive(Debug)]
pub struct Stats {
    started: Instant,
    phase: AtomicU8,
    /// Requests sent.
    pub requests: Counter,
    /// Tries after a failure.
    pub retries: Counter,
    /// Redirects followed.
    pub redirects: Counter,
    /// Body bytes from the wire.
    pub wire_bytes: Counter,
    /// Body bytes after decompression.
    pub decoded_bytes: Counter,
    /// Links found in pages.
    pub links: Counter,
    /// Links that had been seen before.
    pub duplicates: Counter,
    /// Pages found unchanged by a conditional request (304).
    pub not_modified: Counter,
    /// Connections opened.
    pub connections: Counter,
    /// Requests sent on a connection that had carried one before.
    pub reused: Counter,
    /// Names looked up.
    pub lookups: Counter,
    /// Names found in the cache.
    pub lookup_hits: Counter,
    /// Hook commands that ended with 0.
    pub hooks_done: Counter,
    /// Hook commands that failed, could not be started or were killed.
    pub hooks_failed: Counter,
    /// Panics caught; each failed one page.
    pub panics: Counter,
    /// URLs that wait in the queue.
    pub queued: Gauge,
    /// Requests under way.
    pub in_flight: Gauge,
    /// Hosts ever seen by the crawl, which is what the frontier counts.
    pub hosts: Gauge,
    /// Connections that are open and idle.
    pub idle_connections: Gauge,
    /// Page workers.
    pub workers: Gauge,
    /// Depth of the deepest page fetched.
    pub depth: Gauge,
    statuses: [Counter; 6],
    failures: [Counter; Class::ALL.len()],
    first_failure: OnceLock<String>,
    skipped: Mutex<BTreeMap<&'static str, u64>>,
    /// Duration of name look-ups for new connections.
    pub dns: Histogram,
    /// Duration of TCP connects.
    pub connect: Histogram,
    /// Duration of TLS handshakes.
    pub tls: Histogram,
    /// Time from sending a request to the first byte of its answer.
    pub ttfb: Histogram,
    /// Duration of whole requests.
    pub total: Histogram,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            phase: AtomicU8::new(CrawlPhase::Starting as u8),
            requests: Counter::default(),
            retries: Counter::default(),
            redirects: Counter::default(),
            wire_bytes: Counter::default(),
            decoded_bytes: Counter::default(),
            links: Counter::default(),
            duplicates: Counter::default(),
            not_modified: Counter::default(),
            connections: Counter::default(),
            reused: Counter::default(),
            lookups: Counter::default(),
            lookup_hits: Counter::default(),
            hooks_done: Counter::default(),
            hooks_failed: Counter::default(),
            panics: Counter::default(),
            queued: Gauge::default(),
            in_flight: Gauge::default(),
            hosts: Gauge::default(),
            idle_connections: Gauge::default(),
            workers: Gauge::default(),
            depth: Gauge::default(),
            statuses: Default::default(),
            failures: std::array::from_fn(|_| Counter::default()),
            first_failure: OnceLock::new(),
            skipped: Mutex::default(),
            dns: Histogram::default(),
            connect: Histogram::default(),
            tls: Histogram::default(),
            ttfb: Histogram::default(),
            total: Histogram::default(),
        }
    }
}

impl Stats {
    /// Counts a page by the status of its final answer, after redirects and retries.
    pub fn page(&self, status: u16) {
        let class = usize::from(status / 100);
        self.statuses[if class < 6 { class } else { 0 }].add_one();
    }

    /// Counts a URL that was given up: without an answer, or with a status that counts as a failure.
    pub fn failure(&self, class: Class) {
        self.failures[class as usize].add_one();
    }

    /// Keeps what is wrong with the first URL that was given up.
    pub fn keep_first(&self, failure: &Failure) {
        self.first_failure.get_or_init(|| failure.advice());
    }

    /// Fault of the first URL that was given up, with what to do.
    pub fn first_failure(&self) -> Option<&str> {
        self.first_failure.get().map(String::as_str)
    }

    /// Counts URLs left out, by the name of the reason.
    pub fn skip(&self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.skips().entry(reason).or_default() += count;
        }
    }

    /// Current phase of the crawl.
    pub fn phase(&self) -> CrawlPhase {
        CrawlPhase::ALL[usize::from(self.phase.load(Ordering::Acquire))]
    }

    /// Sets the phase of the crawl.
    pub fn set_phase(&self, phase: CrawlPhase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Time since the begin.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Number of pages fetched, whatever their status.
    pub fn pages(&self) -> u64 {
        self.statuses.iter().map(Counter::get).sum()
    }

    /// Number of URLs given up.
    pub fn failed(&self) -> u64 {
        self.failures.iter().map(Counter::get).sum()
    }

    fn skips(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
