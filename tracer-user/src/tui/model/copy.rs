//! Text that the key for copying hands to the clipboard: the chosen row, or the finding.

use tracer_core::phase::Phase;
use tracer_text::printable::printable;

use super::{Ask, Model, Tab, figure::Value};

impl Model {
    /// Copies what is chosen, and says so; a screen without anything to choose copies nothing.
    pub(super) fn copy(&mut self) -> Option<Ask> {
        let text = self.chosen_text();
        self.message = Some(match &text {
            Some(_) => ("copied, if the terminal allows it (OSC 52)".into(), false),
            None => ("nothing is chosen here".into(), true),
        });
        text.map(Ask::Copy)
    }

    fn chosen_text(&self) -> Option<String> {
        if self.tab == Tab::Findings {
            return self.finding_text();
        }
        if self.detail.is_none() && self.table().is_some() {
            return self.row_text();
        }
        let (pair, at) = match &self.detail {
            Some(detail) => (self.look().subject(&detail.subject)?, detail.cursor),
            None if self.tab == Tab::Overview => (self.look().totals(), self.chosen_phase()),
            None => return None,
        };
        let phase = Phase::ON_SCREEN[at];
        let shares = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];
        let times =
            shares.map(|(name, share)| format!("{name} {}", pair.quantile(phase, share).text()));
        let count = pair.count(|group| group.phases.get(phase).count()).text();
        Some(format!(
            "{} count {count} {}",
            phase.title(),
            times.join(" ")
        ))
    }

    /// Heads and cells of the chosen row: `host www.example.org, port 443, …`.
    fn row_text(&self) -> Option<String> {
        let table = self.table()?;
        let row = table.chosen()?;
        let look = self.look();
        let cells = table.table.columns.iter().enumerate().map(|(at, column)| {
            let cell = match table.table.value(&look, row, at) {
                Value::Text(text) => printable(&text),
                Value::Figure(figure) => figure.text(),
            };
            format!("{} {cell}", column.title)
        });
        Some(cells.collect::<Vec<_>>().join(", "))
    }

    /// Lines of the open finding, or of the chosen one in the list.
    fn finding_text(&self) -> Option<String> {
        let lines = self.finding_lines();
        let lines = lines
            .iter()
            .filter(|line| self.finding_open || line.finding == self.finding);
        let lines: Vec<&str> = lines.map(|line| line.text.trim_end()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}
