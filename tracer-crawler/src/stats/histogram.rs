//! Histogram of times in buckets that double from 1 us to 16 s, in the form of Prometheus' classic histograms. The
//! usual buckets begin at 5 ms, which shows nothing about a fast link.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

/// Number of buckets with an upper bound; one more has none.
pub const BUCKETS: usize = 25;

/// Upper bound of bucket `index`, in seconds: 1 us times 2 to the power of `index`.
pub fn upper_bound_s(index: usize) -> f64 {
    (1u64 << index.min(BUCKETS)) as f64 / 1e6
}

/// Histogram of times; adding takes no lock.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS + 1],
    sum_ns: AtomicU64,
}

/// Content of a [`Histogram`] at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistogramSnapshot {
    /// Number of times in each bucket, without those in lower ones.
    #[serde(skip)]
    pub buckets: [u64; BUCKETS + 1],
    /// Number of times.
    pub count: u64,
    /// Sum of all times, ns.
    pub sum_ns: u64,
    /// Median, ns: the upper bound of its bucket.
    pub p50_ns: u64,
    /// 99th percentile, ns: the upper bound of its bucket.
    pub p99_ns: u64,
}

impl Histogram {
    /// Adds a time in nanoseconds.
    pub fn add_ns(&self, ns: u64) {
        let us = ns.div_ceil(1000).max(1);
        // The bucket with the bound 2^i us holds times up to and including it.
        let index = (64 - (us - 1).leading_zeros()) as usize;
        self.buckets[index.min(BUCKETS)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Adds a time.
    pub fn add(&self, time: Duration) {
        self.add_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Current content.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let buckets: [u64; BUCKETS + 1] =
            std::array::from_fn(|i| self.buckets[i].load(Ordering::Relaxed));
        let count = buckets.iter().sum();
        HistogramSnapshot {
            count,
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
            p50_ns: quantile(&buckets, count, 50),
            p99_ns: quantile(&buckets, count, 99),
            buckets,
        }
    }
}

/// Upper bound of the bucket that holds the percentile; 0 without times.
fn quantile(buckets: &[u64], count: u64, percent: u64) -> u64 {
    let rank = (count * percent).div_ceil(100);
    let mut seen = 0;
    for (index, bucket) in buckets.iter().enumerate() {
        seen += bucket;
        if seen >= rank && rank > 0 {
            return (1000u64) << index;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_bucket_whose_bound_holds_them() {
        for (ns, bucket) in [
            (0, 0),
            (1, 0),
            (1000, 0),
            (1001, 1),
            (2000, 1),
            (2001, 2),
            (16_777_216_000, 24),
            (16_777_216_001, 25),
            (u64::MAX, 25),
        ] {
            let histogram = Histogram::default();
            histogram.add_ns(ns);
            let found = histogram
                .snapshot()
                .buckets
                .iter()
                .position(|count| *count == 1);
            assert_eq!(found, Some(bucket), "{ns}");
            if bucket < BUCKETS {
                assert!(ns as f64 / 1e9 <= upper_bound_s(bucket), "{ns}");
            }
        }
    }

    #[test]
    fn percentiles() {
        let histogram = Histogram::default();
        assert_eq!(histogram.snapshot().p99_ns, 0);
        for _ in 0..99 {
            histogram.add_ns(900);
        }
        histogram.add_ns(1_000_000);
        let snapshot = histogram.snapshot();
        assert_eq!(
            (snapshot.count, snapshot.p50_ns, snapshot.p99_ns),
            (100, 1000, 1000)
        );
        assert_eq!(snapshot.sum_ns, 99 * 900 + 1_000_000);
    }
}
