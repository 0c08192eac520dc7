//! Sums of figures that two exports count apart.

use indexmap::IndexMap;

use crate::{Hdr, Phases};

/// Figures that can be added up, one by one. What either side did not measure stays unknown.
pub(crate) trait Sum {
    /// Adds the figures of another part.
    fn sum(&mut self, other: &Self);
}

impl Sum for Option<u64> {
    fn sum(&mut self, other: &Self) {
        *self = self.zip(*other).map(|(a, b)| a.saturating_add(b));
    }
}

/// Ratios and means have no sum: they stay only where both sides agree.
impl Sum for Option<f64> {
    fn sum(&mut self, other: &Self) {
        if self != other {
            *self = None;
        }
    }
}

impl Sum for IndexMap<String, u64> {
    fn sum(&mut self, other: &Self) {
        for (name, count) in other {
            let sum = self.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.sort_keys();
    }
}

/// Distributions are added as histograms, elsewhere.
impl Sum for Phases {
    fn sum(&mut self, _: &Self) {}
}

/// Histograms are added decoded, elsewhere.
impl Sum for Hdr {
    fn sum(&mut self, _: &Self) {}
}
