//! Tests whether the change of a figure may be chance.
//!
//! Percentiles: Mood's median test, taken at the percentile in question instead of the median (Conover, Practical
//! Nonparametric Statistics, 4.3; as in scipy.stats.median_test). The samples of both exports are pooled, and each side's
//! samples above the pooled percentile are counted. If both sides were alike, each would have its share of them. How far
//! from that they are is told by Fisher's exact test, which holds for any number of samples. Both need counts alone, which
//! the buckets of the histograms give. Shares of requests are such counts themselves.
//!
//! The tests take samples as independent. Those of one connection are not quite, so a small p promises a little too much.

use tracer_core::latency::Latency;
use tracer_export::{Export, HdrReader, Histogram, Phase};

/// Level of the tests: differences that chance makes more often than this are not taken for changes.
pub(super) const LEVEL: f64 = 0.05;

/// Result of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Chance {
    /// Probability of a difference as large as this, or larger, if nothing had changed.
    pub(crate) p: f64,
    /// Number of samples of each export.
    pub(crate) samples: [u64; 2],
}

impl Chance {
    /// True if the difference may well be chance.
    pub(crate) fn is_likely(self) -> bool {
        self.p >= LEVEL
    }
}

/// Test of a percentile of a phase; `None` without samples on one side, or when a histogram cannot be read.
pub(super) fn of_percentile(a: &Export, b: &Export, phase: Phase, part: f64) -> Option<Chance> {
    let (a, b) = (latency(a.phase(phase)?)?, latency(b.phase(phase)?)?);
    let samples = [a.count(), b.count()];
    let above = above_percentile(&a, &b, part);
    Some(Chance {
        p: fisher(above, samples),
        samples,
    })
}

/// Test of the share of requests on a reused connection.
pub(super) fn of_reuse(a: &Export, b: &Export) -> Option<Chance> {
    let reused = |export: &Export| {
        let requests = &export.totals.requests;
        let count = requests.count.filter(|count| *count != 0)?;
        Some((count.saturating_sub(requests.connections?), count))
    };
    let ((reused_a, all_a), (reused_b, all_b)) = (reused(a)?, reused(b)?);
    let samples = [all_a, all_b];
    Some(Chance {
        p: fisher([reused_a, reused_b], samples),
        samples,
    })
}

/// Samples of a histogram; `None` without any, or when it cannot be read.
pub(crate) fn latency(histogram: &Histogram) -> Option<Latency> {
    let count = histogram.measured()?.count?;
    let mut latency = Latency::default();
    let read = HdrReader::default().add(&histogram.hdr, count, &mut latency);
    read.ok().map(|()| latency)
}

/// Numbers of samples above the pooled percentile. Many samples may be in its own bucket: they count as above when that
/// comes nearer to the part that should be above, and when nothing else is above.
fn above_percentile(a: &Latency, b: &Latency, part: f64) -> [u64; 2] {
    let mut pooled = a.clone();
    pooled.merge(b);
    let total = pooled.count();
    let rank = ((part * total as f64).ceil() as u64).max(1);
    let mut below = 0;
    let found = pooled.counts().find(|&(_, count)| {
        below += count;
        below >= rank
    });
    let Some((bucket, within)) = found else {
        return [0, 0];
    };
    let (strictly, with) = (total - below, total - below + within);
    let wanted = (1.0 - part) * total as f64;
    let is_nearer = (with as f64 - wanted).abs() < (strictly as f64 - wanted).abs();
    let from = match strictly == 0 || is_nearer {
        true => bucket,
        false => bucket + 1,
    };
    let above = |latency: &Latency| {
        let counts = latency.counts().filter(|&(index, _)| index >= from);
        counts.map(|(_, count)| count).sum()
    };
    [above(a), above(b)]
}

/// Fisher's exact test, two-sided: `hits` of `all` on each side.
fn fisher(hits: [u64; 2], all: [u64; 2]) -> f64 {
    let total_hits = hits[0] + hits[1];
    let least = total_hits.saturating_sub(all[1]);
    let most = total_hits.min(all[0]);
    let share = all[0] as f64 / (all[0] + all[1]) as f64;
    let mode = ((total_hits as f64 * share) as u64).clamp(least, most);
    // How much likelier one hit more on the first side is.
    let up = |at: u64| {
        let (k, hits, a, b) = (at as f64, total_hits as f64, all[0] as f64, all[1] as f64);
        (hits - k) * (a - k) / ((k + 1.0) * (b - hits + k + 1.0))
    };
    let rising = weights(mode, most, |at| up(at - 1));
    let falling = weights(mode, least, |at| 1.0 / up(at));
    let all_weights = || rising.iter().chain(falling.iter().skip(1));
    let observed = match hits[0] >= mode {
        true => rising.get((hits[0] - mode) as usize),
        false => falling.get((mode - hits[0]) as usize),
    };
    // What is too far from the mode to have a weight has no probability either.
    let observed = observed.copied().unwrap_or_default() * (1.0 + 1e-7);
    let unlikely: f64 = all_weights().filter(|weight| **weight <= observed).sum();
    (unlikely / all_weights().sum::<f64>()).min(1.0)
}

/// Weights from `from` to `to`, relative to the first, as long as they matter.
fn weights(from: u64, to: u64, ratio: impl Fn(u64) -> f64) -> Vec<f64> {
    let mut weights = vec![1.0];
    let (mut at, mut weight) = (from, 1.0);
    while at != to && weight > 1e-30 {
        at = if at < to { at + 1 } else { at - 1 };
        weight *= ratio(at);
        weights.push(weight);
    }
    weights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of scipy.stats.fisher_exact.
    #[test]
    fn fisher_is_exact() {
        #[track_caller]
        fn check(hits: [u64; 2], all: [u64; 2], expected: f64) {
            let p = fisher(hits, all);
            assert!((p - expected).abs() < 1e-4, "{hits:?} of {all:?}: {p}");
        }
        // The lady tasting tea: three of four, then four of four.
        check([3, 1], [4, 4], 0.4857);
        check([4, 0], [4, 4], 0.0286);
        check([0, 0], [5, 9], 1.0);
        check([5, 5], [5, 5], 1.0);
        check([8, 1], [10, 6], 0.0350);
        check([1, 9], [12, 12], 0.0028);
        assert!(fisher([0, 900_000], [1_000_000, 1_000_000]) < 1e-9);
    }

    fn of(values: &[(u64, u64)]) -> Latency {
        let mut latency = Latency::default();
        values
            .iter()
            .for_each(|&(ms, times)| latency.record_n(ms * 1_000_000, times));
        latency
    }

    #[track_caller]
    fn p(a: &[(u64, u64)], b: &[(u64, u64)], part: f64) -> f64 {
        let (a, b) = (of(a), of(b));
        fisher(above_percentile(&a, &b, part), [a.count(), b.count()])
    }

    #[test]
    fn few_samples_tell_nothing_and_many_do() {
        assert!(p(&[(10, 2)], &[(20, 2)], 0.5) > LEVEL);
        assert!(p(&[(10, 20)], &[(20, 20)], 0.5) < 0.001);
        // One sample of twenty is no p99.
        assert!(p(&[(10, 19), (11, 1)], &[(10, 19), (500, 1)], 0.99) > LEVEL);
        assert!(p(&[(10, 1990), (11, 10)], &[(10, 1900), (500, 100)], 0.99) < 0.001);
        assert_eq!(p(&[(10, 5)], &[(10, 50)], 0.5), 1.0);
    }

    /// Where most samples are equal, the bucket of the percentile itself tells the sides apart.
    #[test]
    fn equal_samples_are_told_apart() {
        assert!(p(&[(0, 100)], &[(20, 150)], 0.5) < 0.001);
        assert!(p(&[(0, 100)], &[(20, 150)], 0.99) < 0.001);
        assert!(p(&[(0, 150)], &[(20, 100)], 0.5) < 0.001);
    }

    proptest! {
        #[test]
        fn it_is_a_probability_and_has_no_sides(a in 0u64..60, b in 0u64..60, c in 0u64..60, d in 0u64..60) {
            prop_assume!(a + b > 0 && c + d > 0);
            let p = fisher([a, c], [a + b, c + d]);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&p), "{}", p);
            let turned = fisher([c, a], [c + d, a + b]);
            prop_assert!((p - turned).abs() < 1e-6, "{} {}", p, turned);
        }
    }
}
