//! Values that were sent. A value that went down since is sent again as it was.

use std::collections::HashMap;

use tracer_core::latency::Latency;

use super::Owner;

/// Name of a value: its metric, the place among the metric's figures, and its owner.
pub(super) type Series = (&'static str, usize, Owner);

/// Values that were sent.
#[derive(Debug, Default)]
pub(super) struct Kept {
    counts: HashMap<Series, u64>,
    durations: HashMap<Series, Latency>,
}

impl Kept {
    /// Value of a counter, no lower than the last one.
    pub(super) fn count(&mut self, series: Series, value: u64) -> u64 {
        let kept = self.counts.entry(series).or_default();
        *kept = value.max(*kept);
        *kept
    }

    /// True if the value of a current number is to be sent: it is not zero, or it was not zero before.
    pub(super) fn has_changed(&mut self, series: Series, value: u64) -> bool {
        let before = self.counts.entry(series).or_default();
        let is_shown = value != 0 || *before != 0;
        *before = u64::from(is_shown);
        is_shown
    }

    /// Samples of a distribution, in each bucket no fewer than the last time.
    pub(super) fn durations(&mut self, series: Series, value: &Latency) -> &Latency {
        let kept = self.durations.entry(series).or_default();
        let missing = kept.since(value);
        kept.clone_from(value);
        kept.merge(&missing);
        kept
    }
}
