//! Native histograms of Prometheus: buckets whose bounds are powers of 2^(2^-schema).

use std::collections::BTreeMap;

use tracer_core::latency::Latency;

/// Finest schema that is used: buckets 2.2 % wide.
pub(super) const FINEST: i32 = 5;
/// Coarsest schema that Prometheus knows.
const COARSEST: i32 = -4;
/// Limit of the used buckets. With more, the schema gets coarser.
pub(super) const MAX_USED: usize = 320;
/// Values up to this one, in seconds, are in the bucket of zero.
pub(super) const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// Native histogram of durations in seconds.
#[derive(Debug, PartialEq)]
pub(super) struct Native {
    /// Schema of the buckets.
    pub(super) schema: i32,
    /// Number of samples that are zero.
    pub(super) zero: u64,
    /// Number of samples by bucket. Bucket i holds what is above base^(i - 1), up to base^i.
    pub(super) buckets: BTreeMap<i32, u64>,
}

impl Native {
    /// Makes a histogram of samples, with the finest schema that needs no more than [`MAX_USED`] buckets.
    pub(super) fn of(samples: &Latency) -> Self {
        let mut native = Self::with_schema(samples, FINEST);
        while native.buckets.len() > MAX_USED && native.schema > COARSEST {
            native = native.coarser();
        }
        native
    }

    fn with_schema(samples: &Latency, schema: i32) -> Self {
        let mut native = Self {
            schema,
            zero: 0,
            buckets: BTreeMap::new(),
        };
        for bar in samples.bars() {
            let middle_ns = (bar.low_ns + bar.high_ns) as f64 / 2.0;
            if middle_ns == 0.0 {
                native.zero += bar.count;
            } else {
                let index = index_of(middle_ns / 1e9, schema);
                *native.buckets.entry(index).or_default() += bar.count;
            }
        }
        native
    }

    /// Histogram of these samples in buckets twice as wide.
    fn coarser(self) -> Self {
        let mut buckets = BTreeMap::new();
        for (index, count) in self.buckets {
            *buckets.entry((index + 1).div_euclid(2)).or_default() += count;
        }
        Self {
            schema: self.schema - 1,
            zero: self.zero,
            buckets,
        }
    }
}

/// Bucket of a value, which is above zero.
fn index_of(value_s: f64, schema: i32) -> i32 {
    (value_s.log2() * f64::from(schema).exp2()).ceil() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Latency {
        let mut latency = Latency::default();
        values.iter().for_each(|&value| latency.record(value));
        latency
    }

    #[test]
    fn indices_are_those_of_prometheus() {
        // From the documentation of the data model: with schema 0, bucket 0 ends at 1 and bucket 1 at 2.
        assert_eq!(
            (index_of(1.0, 0), index_of(1.01, 0), index_of(2.0, 0)),
            (0, 1, 1)
        );
        assert_eq!(
            (index_of(1.0, 5), index_of(1.01, 5), index_of(2.0, 5)),
            (0, 1, 32)
        );
    }

    proptest! {
        #[test]
        fn each_sample_is_in_its_bucket(values in prop::collection::vec(0..1u64 << 45, 1..500)) {
            let native = Native::of(&of(&values));
            let count: u64 = native.buckets.values().sum();
            prop_assert_eq!(native.zero + count, values.len() as u64);
            prop_assert!(native.buckets.len() <= MAX_USED && native.schema <= FINEST);
            let base = f64::from(-native.schema).exp2().exp2();
            for value_s in values.into_iter().filter(|&it| it != 0).map(|it| it as f64 / 1e9) {
                // A sample is known to 0.1 %, so it may be in the bucket beside.
                let near = |&index: &i32| {
                    let upper = base.powi(index);
                    value_s <= upper * 1.001 && value_s >= upper / base / 1.001
                };
                prop_assert!(native.buckets.keys().any(near), "{}", value_s);
            }
        }

        #[test]
        fn coarser_buckets_are_those_of_the_coarser_schema(values in prop::collection::vec(1..1u64 << 45, 1..200)) {
            let samples = of(&values);
            prop_assert_eq!(Native::with_schema(&samples, 4).coarser(), Native::with_schema(&samples, 3));
        }
    }
}
