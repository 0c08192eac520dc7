//! Samples of an export's phases, decoded once.

use std::{borrow::Cow, collections::BTreeMap};

use tracer_core::latency::Latency;
use tracer_export::{Export, Phase};

use crate::diff::latency;

/// Samples of each phase of the totals that has some.
pub(super) struct Samples(BTreeMap<Phase, Latency>);

impl Samples {
    /// Decodes the histograms of an export. Those that cannot be read are left out.
    pub(super) fn of(export: &Export) -> Self {
        let phases = export.totals.phases.iter();
        Self(
            phases
                .filter_map(|(phase, histogram)| Some((phase, latency(histogram)?)))
                .collect(),
        )
    }

    /// Samples of a phase; None without a sample, or when its histogram cannot be read.
    pub(super) fn get(&self, phase: Phase) -> Option<&Latency> {
        self.0.get(&phase)
    }

    /// Samples of a phase for sums. Where the histogram cannot be read each sample is the mean.
    pub(super) fn for_sums(&self, export: &Export, phase: Phase) -> Cow<'_, Latency> {
        if let Some(latency) = self.get(phase) {
            return Cow::Borrowed(latency);
        }
        let mut latency = Latency::default();
        let measured = export.phase(phase).and_then(|it| it.measured());
        if let Some((count, mean_ns)) = measured.and_then(|it| Some((it.count?, it.mean_ns?))) {
            latency.record_n(mean_ns as u64, count);
        }
        Cow::Owned(latency)
    }
}
