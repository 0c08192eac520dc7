//! Counts of packets on the link, and how late they were written.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Width of a bucket of lateness.
const BUCKET: Duration = Duration::from_micros(10);
/// Number of buckets, which cover 10 ms; the last one takes everything later.
const BUCKETS: usize = 1000;

/// Totals of both directions.
#[derive(Debug)]
pub struct LinkCounts {
    /// Packets handed to the other side, duplicates included.
    pub forwarded: AtomicU64,
    /// Packets dropped on purpose.
    pub lost: AtomicU64,
    /// Data packets of the server among the packets dropped on purpose.
    pub lost_from_server: AtomicU64,
    /// Packets sent a second time on purpose.
    pub duplicated: AtomicU64,
    /// Packets overtaken on purpose.
    pub reordered: AtomicU64,
    /// Packets held for reordering that nothing overtook in time.
    pub not_overtaken: AtomicU64,
    /// Packets dropped because too many were on the way: the link was overloaded.
    pub overflowed: AtomicU64,
    /// Packets dropped because they would have waited too long for the bandwidth.
    pub queue_full: AtomicU64,
    /// Packets that the kernel refused.
    pub refused: AtomicU64,
    lateness: Box<[AtomicU64]>,
}

impl Default for LinkCounts {
    fn default() -> Self {
        Self {
            forwarded: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            lost_from_server: AtomicU64::new(0),
            duplicated: AtomicU64::new(0),
            reordered: AtomicU64::new(0),
            not_overtaken: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            queue_full: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lateness: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl LinkCounts {
    /// Adds one to a counter.
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Notes how late a packet was written.
    pub(super) fn note_lateness(&self, late: Duration) {
        let bucket = (late.as_nanos() / BUCKET.as_nanos()) as usize;
        Self::add(&self.lateness[bucket.min(BUCKETS - 1)]);
    }

    /// Lateness of packets at a quantile from 0 to 1, rounded up to 10 us; 10 ms stands for 10 ms or more.
    /// `None` before the first packet.
    pub fn lateness(&self, quantile: f64) -> Option<Duration> {
        let counts: Vec<u64> = self
            .lateness
            .iter()
            .map(|count| count.load(Relaxed))
            .collect();
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(BUCKET * (bucket as u32 + 1))
    }
}
