//! Latency histograms with the buckets of HdrHistogram at three significant digits, kept sparse: a host
//! with few samples costs a few bytes. Values are nanoseconds.

use hdrhistogram::Histogram;

/// Largest value that has a bucket, ns: 24 hours. Larger ones are recorded as this and counted.
pub const HIGHEST_NS: u64 = 24 * 3600 * 1_000_000_000;
/// Significant digits: no figure is off by more than 0.1 %.
pub const SIGNIFICANT_DIGITS: u8 = 3;
/// log2 of the sub-buckets of HdrHistogram for three digits (2048).
const SUB_BUCKET_BITS: u32 = 11;

/// A sparse histogram. All figures, minimum and maximum included, come from the buckets, so that adding,
/// taking away and merging lose nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// (lowest value of a bucket, count), ascending, no zero counts.
    buckets: Vec<(u64, u64)>,
    count: u64,
    beyond: u64,
}

/// What a histogram says, ns; all zero when it is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// Samples.
    pub count: u64,
    /// Smallest.
    pub min_ns: u64,
    /// Largest.
    pub max_ns: u64,
    /// Mean.
    pub mean_ns: f64,
    /// Standard deviation.
    pub stdev_ns: f64,
    /// Median.
    pub p50_ns: u64,
    /// 75th percentile.
    pub p75_ns: u64,
    /// 90th percentile.
    pub p90_ns: u64,
    /// 95th percentile.
    pub p95_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
}

impl Latency {
    /// Adds a sample.
    pub fn record(&mut self, value_ns: u64) {
        if value_ns > HIGHEST_NS {
            self.beyond += 1;
        }
        let bucket = bucket_of(value_ns);
        self.count += 1;
        match self.find(bucket) {
            Ok(at) => self.buckets[at].1 += 1,
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
    }

    /// Adds a sample `times` times.
    pub fn record_n(&mut self, value_ns: u64, times: u64) {
        let mut samples = Self::default();
        if times != 0 {
            samples.buckets.push((bucket_of(value_ns), times));
            samples.count = times;
            self.merge(&samples);
        }
    }

    /// Takes a sample away that was recorded before. False, and no change, when there is none like it.
    pub fn retract(&mut self, value_ns: u64) -> bool {
        let Ok(at) = self.find(bucket_of(value_ns)) else {
            return false;
        };
        self.buckets[at].1 -= 1;
        if self.buckets[at].1 == 0 {
            self.buckets.remove(at);
        }
        self.count -= 1;
        self.beyond -= u64::from(value_ns > HIGHEST_NS);
        true
    }

    /// Adds all samples of another.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            match self.find(bucket) {
                Ok(at) => self.buckets[at].1 += count,
                Err(at) => self.buckets.insert(at, (bucket, count)),
            }
        }
        self.count += other.count;
        self.beyond += other.beyond;
    }

    /// Samples.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Samples beyond [`HIGHEST_NS`].
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The same as a dense HdrHistogram, for its wire format and percentiles.
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr = empty_hdr();
        for &(bucket, count) in &self.buckets {
            hdr.saturating_record_n(bucket, count);
        }
        hdr
    }

    /// All figures at once.
    pub fn summary(&self) -> Summary {
        if self.count == 0 {
            return Summary::default();
        }
        let hdr = self.to_hdr();
        Summary {
            count: self.count,
            min_ns: hdr.min(),
            max_ns: hdr.max(),
            mean_ns: hdr.mean(),
            stdev_ns: hdr.stdev(),
            p50_ns: hdr.value_at_quantile(0.50),
            p75_ns: hdr.value_at_quantile(0.75),
            p90_ns: hdr.value_at_quantile(0.90),
            p95_ns: hdr.value_at_quantile(0.95),
            p99_ns: hdr.value_at_quantile(0.99),
            p999_ns: hdr.value_at_quantile(0.999),
        }
    }

    fn find(&self, bucket: u64) -> Result<usize, usize> {
        self.buckets
            .binary_search_by_key(&bucket, |&(lowest, _)| lowest)
    }
}

/// An HdrHistogram with this crate's bounds.
pub fn empty_hdr() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "constant bounds, tested")]
    Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS).expect("valid bounds")
}

/// Lowest value of the bucket that HdrHistogram puts a value into (its lowest equivalent value).
fn bucket_of(value_ns: u64) -> u64 {
    let value = value_ns.min(HIGHEST_NS);
    let bits = u64::BITS - (value | ((1 << SUB_BUCKET_BITS) - 1)).leading_zeros();
    let shift = bits - SUB_BUCKET_BITS;
    (value >> shift) << shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_is_all_zero() {
        assert_eq!(Latency::default().summary(), Summary::default());
    }

    #[test]
    fn beyond_the_range_is_counted() {
        let mut latency = Latency::default();
        latency.record(u64::MAX);
        assert_eq!((latency.count(), latency.beyond()), (1, 1));
        assert!(latency.retract(u64::MAX));
        assert_eq!(latency, Latency::default());
    }

    proptest! {
        #[test]
        fn same_as_hdr(values in proptest::collection::vec(0..HIGHEST_NS, 1..300)) {
            let mut latency = Latency::default();
            let mut hdr = empty_hdr();
            for &value in &values {
                latency.record(value);
                hdr.record(value).unwrap();
            }
            let summary = latency.summary();
            for (q, got) in [(0.5, summary.p50_ns), (0.9, summary.p90_ns), (0.999, summary.p999_ns)] {
                prop_assert_eq!(hdr.value_at_quantile(q), got);
            }
            prop_assert_eq!((hdr.min(), hdr.max()), (summary.min_ns, summary.max_ns));
            prop_assert_eq!(latency.to_hdr(), hdr);
        }

        #[test]
        fn retract_undoes_record(kept in proptest::collection::vec(0..HIGHEST_NS, 0..50), gone in 0..HIGHEST_NS) {
            let mut latency = Latency::default();
            kept.iter().for_each(|&value| latency.record(value));
            let before = latency.clone();
            latency.record(gone);
            prop_assert!(latency.retract(gone));
            prop_assert_eq!(before, latency);
        }

        #[test]
        fn merge_is_recording_both(a in proptest::collection::vec(0..HIGHEST_NS, 0..50), b in proptest::collection::vec(0..HIGHEST_NS, 0..50)) {
            let of = |values: &[u64]| {
                let mut latency = Latency::default();
                values.iter().for_each(|&value| latency.record(value));
                latency
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }
}
