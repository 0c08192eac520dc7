//! Provenance of a merged export.

use serde::{Deserialize, Serialize};

use crate::{Filter, Machine, Severity, Tracer, Window};

/// Provenance of a merged export.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Merged {
    /// The exports it was made of, by machine and time. Parts of a part that was merged itself are listed in its place.
    pub parts: Vec<Part>,
}

/// Export that is part of a merged one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Part {
    /// The machine that was traced.
    pub machine: Machine,
    /// The time that was traced.
    pub window: Window,
    /// The program that wrote it.
    pub tracer: Tracer,
    /// Filter flags of the trace.
    pub filter: Filter,
    /// The command of `tracer run`; null with `attach`.
    pub command: Option<Vec<String>>,
    /// Records read from the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Number of records, connections, hosts and durations that are missing in its figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Faults that its rules have found.
    pub findings: Vec<PartFinding>,
}

/// Fault that a rule has found in a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PartFinding {
    /// Name of the rule.
    pub id: String,
    /// Severity of the fault.
    pub severity: Severity,
}
