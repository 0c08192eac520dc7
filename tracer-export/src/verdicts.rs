//! Verdicts: results of the expressions of `--fail-on`.

use serde::{Deserialize, Serialize};

/// Result of one expression of `--fail-on`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Verdict {
    /// The expression, as given.
    pub expr: String,
    /// Result.
    pub result: VerdictResult,
    /// Place of the figure that decided.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub figure: String,
    /// Value of that figure; null when it was not measured.
    pub value: Option<Measured>,
    /// Value of that figure in the first of two exports that were compared; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Measured>,
}

/// Result of an expression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VerdictResult {
    /// The expression is false.
    Passed,
    /// The expression is true.
    Failed,
    /// A figure is absent, so that nothing can be said.
    #[default]
    Unknown,
}

/// Value of a figure or of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Measured {
    /// A number; times are ns.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A text.
    Text(String),
}
