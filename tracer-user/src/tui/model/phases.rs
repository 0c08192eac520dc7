//! Places of the rows in the table of phases.

use tracer_core::{cost::Cost, phase::Phase};

use super::{Model, figure::Pair, layout::Area};

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

/// Place of the phase in which a request spends the longest time; the first one when nothing is known.
pub(super) fn costliest(pair: &Pair<'_>, cost: Option<&Cost>) -> usize {
    let Some(cost) = cost else { return 0 };
    let phases = match cost.largest() {
        // The screen shows it as its two halves.
        tracer_core::cost::Part::Ttfb => &[Phase::TtfbFirst, Phase::TtfbReused],
        part => part.phases(),
    };
    let spent = |phase: &&Phase| pair.window(**phase).sum_ns();
    let most = phases.iter().max_by(|a, b| spent(a).total_cmp(&spent(b)));
    let mut shown = Phase::ON_SCREEN.iter();
    most.and_then(|most| shown.position(|phase| phase == most))
        .unwrap_or(0)
}

impl Model {
    /// The chosen phase of the overview: the costliest one until the user has chosen another.
    pub(in super::super) fn chosen_phase(&self) -> usize {
        let look = self.look();
        let cost = || costliest(&look.totals(), look.cost().as_ref());
        self.phase.unwrap_or_else(cost)
    }

    /// The phase at a row of the body.
    pub(super) fn phase_at(&self, row: usize) -> Option<usize> {
        let body = self.layout().body;
        let (above, chosen) = match &self.detail {
            Some(detail) => (DETAIL_ROWS_ABOVE, detail.cursor),
            None => {
                let top = u16::from(self.has_top_finding());
                let above = top + overview_rows_above(body.below(top));
                (above, self.chosen_phase())
            }
        };
        let line = row.checked_sub(usize::from(above) + 1)?;
        Some(line + first(body.height.saturating_sub(above), chosen))
    }
}
