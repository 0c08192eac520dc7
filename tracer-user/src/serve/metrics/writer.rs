//! Writer of a page in one of the formats.

use super::{
    family::{Family, Labels},
    rising::RisingDurations,
};

/// Format that a page is written in.
pub(super) trait Writer {
    /// Begins a family.
    fn family(&mut self, family: &Family);
    /// Begins samples with these labels, to which each sample adds its own.
    fn labels(&mut self, labels: &Labels);
    /// Writes a number.
    fn number(&mut self, labels: &Labels, value: f64);
    /// Writes a distribution.
    fn durations(&mut self, labels: &Labels, value: &RisingDurations);
    /// Ends the page.
    fn end(self) -> Vec<u8>;
}
