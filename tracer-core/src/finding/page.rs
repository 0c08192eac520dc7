//! Definition of a rule: its thresholds, what it judges, and the page that explains it.

use super::{case::Case, subject::Kind, threshold::Threshold, verdict::Judgement};

/// Explanation of a rule, as `tracer explain` prints it.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Description of the fault.
    pub what: &'static str,
    /// Reason why it costs time.
    pub cost: &'static str,
    /// Way in which it is told.
    pub told: &'static str,
    /// Known false positives, and what is not seen.
    pub doubts: &'static str,
    /// Way to provoke it.
    pub provoke: &'static str,
    /// Way to check that it is gone.
    pub cured: &'static str,
    /// Advice whatever the client is.
    pub advice: &'static str,
}

/// Rule with everything that belongs to it.
#[derive(Debug)]
pub struct Definition {
    /// Subjects, the widest first: the first one with the fault gives the finding its scope.
    pub kinds: &'static [Kind],
    /// Thresholds.
    pub thresholds: &'static [Threshold],
    /// Explanation.
    pub page: Page,
    /// The rule itself.
    pub judge: fn(&Case<'_>) -> Judgement,
}
