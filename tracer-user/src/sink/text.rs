//! The text summary as a sink: printed once, when the terminal is free.

mod findings;
mod lines;
mod page;
mod summary;
mod tables;
mod verdict;

use self::summary::{Summary, summary};
use super::{Occasion, Results};
use crate::{
    gates,
    say::{self, StreamError},
};

/// Settings of the text summary.
#[derive(Debug)]
pub(crate) struct Text {
    /// True if the summary goes to standard error, as after every trace, and when standard output has the export.
    pub(crate) to_stderr: bool,
    /// Use colours.
    pub(crate) color: bool,
}

impl Text {
    /// Prints the summary when the terminal is free.
    pub(super) fn take(&self, occasion: Occasion, results: &Results) -> Result<(), StreamError> {
        if occasion != Occasion::TerminalFree {
            return Ok(());
        }
        let mut text = summary(&Summary {
            snapshot: &results.snapshot,
            findings: &results.findings,
            target: results.description.target(),
            filter: results.description.filter_in_words(),
            duration_ns: results.description.elapsed_ns(),
            color: self.color,
        });
        if !results.verdicts.is_empty() {
            text.push('\n');
            text += &gates::text(&results.verdicts, self.color);
        }
        match self.to_stderr {
            true => say::print_to_stderr(&text),
            false => say::print(&text),
        }
    }
}
