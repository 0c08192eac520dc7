//! Values that never go down, as Prometheus asks of counters and histograms. Figures may go down: they begin anew, or a
//! sample moves to another host. What was told stays told, and only what is new is added.

use std::borrow::Cow;

use tracer_core::latency::Latency;

/// Upper bounds of the classic buckets, ns: from 10 us to 10 s as 1, 2.5 and 5 times a power of ten, then 30 and 60 s.
/// The bounds that OpenTelemetry advises for requests are among them, but for 75 ms and its multiples.
pub(crate) const BOUNDS_NS: [u64; 21] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

/// Number of classic buckets, the last one without an upper bound.
pub(super) const CELLS: usize = BOUNDS_NS.len() + 1;

/// Count that never goes down.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rising {
    told: u64,
    /// Highest value since the figures began.
    highest: u64,
}

impl Rising {
    /// Takes the present value.
    pub(super) fn rise(&mut self, value: u64) {
        let added = value.saturating_sub(self.highest);
        self.told += added;
        self.highest += added;
    }

    /// Notes that the figures begin anew.
    pub(super) fn begin_anew(&mut self) {
        self.highest = 0;
    }

    /// Value to tell.
    pub(super) fn told(self) -> u64 {
        self.told
    }
}

/// Distribution of which no count goes down.
#[derive(Debug, Clone, Default)]
pub(super) struct RisingDurations {
    /// Samples from before the figures began anew.
    before: Latency,
    /// Samples since.
    since: Latency,
    cells: [u64; CELLS],
    sum_ns: f64,
}

impl RisingDurations {
    /// Takes the present samples. Returns those that are new.
    pub(super) fn rise(&mut self, samples: &Latency) -> Latency {
        let added = samples.since(&self.since);
        if added.is_empty() {
            return added;
        }
        self.note(&added);
        // If nothing was taken back, a copy is the same as a merge, and quicker.
        if self.since.count() + added.count() == samples.count() {
            self.since = samples.clone();
        } else {
            self.since.merge(&added);
        }
        added
    }

    /// Adds to the classic buckets and the sum.
    fn note(&mut self, added: &Latency) {
        let mut cell = 0;
        for bar in added.bars() {
            while cell < BOUNDS_NS.len() && bar.low_ns > BOUNDS_NS[cell] {
                cell += 1;
            }
            self.cells[cell] += bar.count;
        }
        self.sum_ns += added.sum_ns();
    }

    /// Notes that the figures begin anew.
    pub(super) fn begin_anew(&mut self) {
        let since = std::mem::take(&mut self.since);
        self.before.merge(&since);
    }

    /// All samples.
    pub(super) fn told(&self) -> Cow<'_, Latency> {
        if self.before.is_empty() {
            return Cow::Borrowed(&self.since);
        }
        let mut all = self.before.clone();
        all.merge(&self.since);
        Cow::Owned(all)
    }

    /// Number of samples in each classic bucket, without those in the buckets before.
    pub(super) fn cells(&self) -> &[u64; CELLS] {
        &self.cells
    }

    /// Sum of all samples, in seconds.
    pub(super) fn sum_s(&self) -> f64 {
        self.sum_ns / 1e9
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

    #[test]
    fn a_count_goes_on_where_the_figures_begin_anew() {
        let mut count = Rising::default();
        for (value, told) in [(5, 5), (3, 5), (6, 6)] {
            count.rise(value);
            assert_eq!(count.told(), told);
        }
        count.begin_anew();
        count.rise(2);
        assert_eq!(count.told(), 8);
    }

    #[test]
    fn a_sample_that_was_told_stays() {
        let mut durations = RisingDurations::default();
        let mut samples = of(&[20_000, 20_000, 7_000_000]);
        assert_eq!(durations.rise(&samples).count(), 3);
        samples.retract(20_000);
        assert!(durations.rise(&samples).is_empty());
        samples.record(20_000);
        samples.record(1);
        assert_eq!(durations.rise(&samples), of(&[1]));
        assert_eq!(durations.told().count(), 4);
        durations.begin_anew();
        durations.rise(&of(&[7_000_000]));
        assert_eq!(
            *durations.told(),
            of(&[1, 20_000, 20_000, 7_000_000, 7_000_000])
        );
        let cells = durations.cells();
        assert_eq!(
            (cells[0], cells[1], cells[9], cells.iter().sum()),
            (1, 2, 2, 5u64)
        );
    }

    #[test]
    fn a_sample_belongs_below_its_bound() {
        for (at, bound) in BOUNDS_NS.into_iter().enumerate() {
            let mut durations = RisingDurations::default();
            durations.rise(&of(&[bound, bound + bound / 500]));
            assert_eq!(
                (durations.cells[at], durations.cells[at + 1]),
                (1, 1),
                "{bound}"
            );
        }
    }

    proptest! {
        #[test]
        fn cells_and_sum_are_those_of_the_samples(values in prop::collection::vec(0..1u64 << 38, 0..300)) {
            let mut durations = RisingDurations::default();
            for end in 0..values.len() {
                durations.rise(&of(&values[..=end]));
            }
            prop_assert_eq!(durations.cells().iter().sum::<u64>(), values.len() as u64);
            let sum: u64 = values.iter().sum();
            prop_assert!((durations.sum_s() * 1e9 - sum as f64).abs() <= sum as f64 / 1000.0 + 1.0);
            let all = of(&values);
            prop_assert!(*durations.told() == all);
        }
    }
}
