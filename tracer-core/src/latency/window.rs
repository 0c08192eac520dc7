//! Parts of a histogram: the samples since an earlier state of it, single percentiles, and its buckets for a plot.

use super::{Buckets, Latency, bounds_of, highest_of, rank};

/// Bucket with samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Lowest value of the bucket, ns.
    pub low_ns: u64,
    /// Highest value of the bucket, ns.
    pub high_ns: u64,
    /// Number of samples.
    pub count: u64,
}

impl Latency {
    /// Samples that `earlier`, an older state of this histogram, does not contain. For buckets from which samples were
    /// removed since, the result has none: counts do not go below zero.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rest = Self::default();
        let mut old = earlier.buckets().peekable();
        for (index, count) in self.buckets() {
            while old.next_if(|&(at, _)| at < index).is_some() {}
            let before = old.next_if(|&(at, _)| at == index).map_or(0, |(_, n)| n);
            if count > before {
                rest.add(index, count - before);
            }
        }
        rest
    }

    /// Values at or below which the given shares (0 to 1, ascending) of the samples lie, ns; None when empty. They
    /// equal those in [`super::Summary`], at a lower cost.
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[u64; N]> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let mut found = [0; N];
        let (mut below, mut next) = (0, 0);
        for (index, here) in self.buckets() {
            below += here;
            while next < N && below >= rank(shares[next], total as f64) {
                found[next] = highest_of(index);
                next += 1;
            }
            if next == N {
                break;
            }
        }
        Some(found)
    }

    /// Value of a single share, as in [`Self::quantiles`].
    pub fn quantile(&self, share: f64) -> Option<u64> {
        self.quantiles([share]).map(|[value]| value)
    }

    /// Sum of all samples, ns, each counted as the middle of its bucket.
    pub fn sum_ns(&self) -> f64 {
        let middles = self
            .buckets()
            .map(|(index, count)| super::middle_of(index) as f64 * count as f64);
        middles.sum()
    }

    /// Buckets with samples, ascending.
    pub fn bars(&self) -> impl Iterator<Item = Bar> + '_ {
        self.buckets().map(|(index, count)| {
            let (low_ns, shift) = bounds_of(index);
            Bar {
                low_ns,
                high_ns: low_ns + (1 << shift) - 1,
                count,
            }
        })
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Buckets::Handful(handful) => handful.used().is_empty(),
            Buckets::Few(few) => few.is_empty(),
            Buckets::Many(pages) => pages.count() == 0,
        }
    }
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

    proptest! {
        #[test]
        fn since_is_what_was_added(
            early in prop::collection::vec(0..1u64 << 40, 0..1500),
            late in prop::collection::vec(0..1u64 << 40, 0..200),
        ) {
            let before = of(&early);
            let mut after = before.clone();
            late.iter().for_each(|&value| after.record(value));
            prop_assert_eq!(after.since(&before), of(&late));
        }

        #[test]
        fn quantiles_are_those_of_the_summary(values in prop::collection::vec(0..1u64 << 36, 1..300)) {
            let latency = of(&values);
            let summary = latency.summary();
            prop_assert_eq!(latency.quantiles([0.5, 0.99]), Some([summary.p50_ns, summary.p99_ns]));
            prop_assert!((latency.sum_ns() - summary.mean_ns * values.len() as f64).abs() <= latency.sum_ns() * 1e-9);
            let bars: u64 = latency.bars().map(|bar| bar.count).sum();
            prop_assert_eq!(bars, latency.count());
        }
    }

    #[test]
    fn nothing_is_none() {
        assert_eq!(Latency::default().quantile(0.5), None);
        assert!(Latency::default().is_empty());
        assert_eq!(of(&[5]).since(&of(&[5, 5])), Latency::default());
    }
}
