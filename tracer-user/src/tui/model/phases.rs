//! Places of the rows in the table of phases.

use super::{Model, layout::Area};

/// Rows before the table of phases of a host or process.
pub(in super::super) const DETAIL_ROWS_ABOVE: u16 = 1;
/// Least height of an overview with parts below the phases; lower ones show only the time of a request, above them.
const LOW: u16 = 15;

/// Rows before the table of phases of the overview.
pub(in super::super) fn overview_rows_above(body: Area) -> u16 {
    if body.height < LOW { 2 } else { 0 }
}

/// Index of the first phase shown, so that the chosen one is visible.
pub(in super::super) fn first(height: u16, chosen: usize) -> usize {
    (chosen + 2).saturating_sub(usize::from(height))
}

impl Model {
    /// The phase at a row of the body.
    pub(super) fn phase_at(&self, row: usize) -> Option<usize> {
        let body = self.layout().body;
        let (above, chosen) = match &self.detail {
            Some(detail) => (DETAIL_ROWS_ABOVE, detail.cursor),
            None => {
                let top = u16::from(self.has_top_finding());
                (top + overview_rows_above(body.below(top)), self.phase)
            }
        };
        let line = row.checked_sub(usize::from(above) + 1)?;
        Some(line + first(body.height.saturating_sub(above), chosen))
    }
}
