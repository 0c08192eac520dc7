//! Gates of a run: the expressions of `--fail-on`, and what their verdicts mean for the exit code.

use std::fmt::Write as _;

use tracer_export::{Export, Verdict, VerdictResult};
use tracer_gate::{Gate, words};

/// Expressions of `--fail-on`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates {
    /// The expressions, in order.
    pub(crate) all: Vec<Gate>,
    /// True if a verdict may be unknown (`--allow-unknown`).
    pub(crate) allow_unknown: bool,
}

impl Gates {
    /// True if there is no expression.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Judges an export.
    pub(crate) fn judge(&self, export: &Export) -> Vec<Verdict> {
        self.all.iter().map(|gate| gate.judge(export)).collect()
    }

    /// Judges the second of two exports, and its change from the first.
    pub(crate) fn judge_change(&self, a: &Export, b: &Export) -> Vec<Verdict> {
        let verdicts = self.all.iter().map(|gate| gate.judge_change(a, b));
        verdicts.collect()
    }

    /// Tells whether a verdict fails the run.
    pub(crate) fn fails(&self, verdict: &Verdict) -> bool {
        match verdict.result {
            VerdictResult::Passed => false,
            VerdictResult::Failed => true,
            VerdictResult::Unknown => !self.allow_unknown,
        }
    }

    /// Tells whether any verdict fails the run.
    pub(crate) fn any_fails(&self, verdicts: &[Verdict]) -> bool {
        verdicts.iter().any(|verdict| self.fails(verdict))
    }
}

/// Verdicts as text, a line each below a head; empty without any.
pub(crate) fn text(verdicts: &[Verdict], color: bool) -> String {
    let mut text = String::new();
    if verdicts.is_empty() {
        return text;
    }
    let count = |wanted| verdicts.iter().filter(|it| it.result == wanted).count();
    let (failed, unknown) = (count(VerdictResult::Failed), count(VerdictResult::Unknown));
    let all = verdicts.len();
    let _ = writeln!(
        text,
        "gate          {failed} of {all} failed, {unknown} unknown"
    );
    for verdict in verdicts {
        let line = words(verdict);
        let code = match verdict.result {
            VerdictResult::Passed => None,
            VerdictResult::Failed => Some("1;31"),
            VerdictResult::Unknown => Some("33"),
        };
        let _ = match code.filter(|_| color) {
            Some(code) => writeln!(text, "  \x1b[{code}m{line}\x1b[0m"),
            None => writeln!(text, "  {line}"),
        };
    }
    text
}
