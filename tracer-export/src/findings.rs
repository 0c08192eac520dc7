//! Findings: what every rule says about the trace.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::absent::is_absent;

/// Result of one rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Finding {
    /// Name of the rule; stable.
    pub id: String,
    /// Result.
    pub status: FindingStatus,
    /// Reason why the rule could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Severity of the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Widest subject that has the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Narrower subjects with the fault, the worst first, at most five.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<Scope>,
    /// Sentence with the number in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Figures of the scope, by name.
    #[serde(skip_serializing_if = "is_absent")]
    pub evidence: IndexMap<String, f64>,
    /// Number of samples that the verdict rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// Time in which the samples were taken, ns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ns: Option<u64>,
    /// Limits of the rule, by the name of the figure.
    #[serde(skip_serializing_if = "is_absent")]
    pub threshold: IndexMap<String, Threshold>,
    /// Way in which the fault is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Time that would be saved without the fault, at most; absent when it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves: Option<Saves>,
    /// Client that has the fault, as it was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Advice: first for the clients in question, then what holds for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// Command that explains the rule.
    pub learn_more: String,
    /// Time at which the fault was found first, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Time at which the fault was seen last, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_true: Option<String>,
    /// The permission of `--allow` or `--allow-file` that suppresses the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
    /// Reason that `--allow-file` gives for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed_because: Option<String>,
}

/// Declares an enumeration whose values are lower case words.
macro_rules! words {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$meaning:meta])* $value:ident $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$meaning])* #[serde(rename = $word)] $value,)*
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $word,)*
                })
            }
        }
    };
}

words! {
    /// Result of a rule.
    pub enum FindingStatus {
        /// The fault is there.
        Found "found",
        /// The fault is not there.
        Clear "clear",
        /// The rule cannot tell.
        #[default]
        NotEvaluated "not_evaluated",
    }
}

words! {
    /// Severity of a fault.
    pub enum Severity {
        /// Worth knowing; nothing may have to be done.
        #[default]
        Info "info",
        /// Costs time or work.
        Warning "warning",
        /// Requests fail, or soon will.
        Critical "critical",
    }
}

words! {
    /// Way in which a fault is known.
    pub enum Confidence {
        /// The figures show the fault itself.
        #[default]
        Measured "measured",
        /// The figures show what the fault leads to, and something else may lead to it too.
        Inferred "inferred",
    }
}

words! {
    /// Kind of a subject.
    pub enum ScopeKind {
        /// All connections together.
        #[default]
        All "all",
        /// A process.
        Process "process",
        /// A host.
        Host "host",
        /// A proxy.
        Proxy "proxy",
    }
}

/// Subject of a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Scope {
    /// Kind of the subject.
    pub kind: ScopeKind,
    /// Host and port, process id and name, or nothing for all.
    pub name: String,
    /// Process id and name of the process that has most of the fault at a host, if several use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Limit of a figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Threshold {
    /// The limit.
    pub value: f64,
    /// Reason for it.
    pub why: String,
}

/// Time that would be saved without the fault, at most. Faults share time: these are not to be added up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Saves {
    /// Time for each request, ns; absent without requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_request_ns: Option<u64>,
    /// Time in all, summed over requests that ran at the same time, ns.
    pub total_ns: u64,
    /// Reason for the numbers.
    pub basis: String,
}

/// Advice for one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Advice {
    /// Client; absent for advice that holds for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Setting to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// Default of the setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Value that the figures propose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed: Option<String>,
    /// Code, or a sentence.
    pub text: String,
}
