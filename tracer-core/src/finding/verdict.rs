//! Verdict of a rule on one subject, and the numbers that it rests on.

use std::fmt;

use tracer_text::number;

use super::threshold::Unit;

/// Severity of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing may have to be done.
    Info,
    /// Costs time or work.
    Warning,
    /// Requests fail, or soon will.
    Critical,
}

impl Severity {
    /// Name in the export.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Way in which the fault is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// The figures show the fault itself.
    Measured,
    /// The figures show what the fault leads to, and something else may lead to it too.
    Inferred,
}

impl Confidence {
    /// Name in the export.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Inferred => "inferred",
        }
    }
}

/// Figure that a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Name; in the export with the unit at its end.
    pub name: &'static str,
    /// Value, ns for times.
    pub value: f64,
    /// Unit of the value.
    pub unit: Unit,
}

impl Evidence {
    /// Number of things.
    pub const fn count(name: &'static str, value: u64) -> Self {
        Self {
            name,
            value: value as f64,
            unit: Unit::Count,
        }
    }

    /// Time, ns.
    pub const fn time(name: &'static str, ns: f64) -> Self {
        Self {
            name,
            value: ns,
            unit: Unit::Time,
        }
    }

    /// Share of a whole.
    pub const fn share(name: &'static str, value: f64) -> Self {
        Self {
            name,
            value,
            unit: Unit::Share,
        }
    }
}

/// Time that would be saved without the fault, at most. Faults share time, so these are never added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Saves {
    /// Time in all, summed over requests that ran at the same time, ns.
    pub total_ns: f64,
    /// Time for each request, ns; None without requests.
    pub per_request_ns: Option<f64>,
    /// Reason for the numbers.
    pub basis: String,
}

impl Saves {
    /// Time that `count` things of `each_ns` have taken, of `requests` requests.
    pub fn of(count: u64, each_ns: f64, requests: u64, basis: String) -> Option<Self> {
        let total_ns = count as f64 * each_ns;
        (total_ns > 0.0).then(|| Self {
            total_ns,
            per_request_ns: (requests != 0).then(|| total_ns / requests as f64),
            basis,
        })
    }
}

impl fmt::Display for Saves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_request_ns {
            Some(each_ns) => write!(
                f,
                "up to {} a request, {} in all",
                number::time(each_ns),
                number::time(self.total_ns)
            ),
            None => write!(f, "up to {} in all", number::time(self.total_ns)),
        }
    }
}

/// Values that the figures propose for a setting.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Proposal {
    /// Number of connections or requests.
    pub count: Option<u64>,
    /// Time, ns.
    pub time_ns: Option<f64>,
}

/// Fault of a subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Severity.
    pub severity: Severity,
    /// Sentence with the number in it.
    pub summary: String,
    /// Figures.
    pub evidence: Vec<Evidence>,
    /// Number of samples that the verdict rests on.
    pub samples: u64,
    /// Way in which it is known.
    pub confidence: Confidence,
    /// Time that would be saved, if it can be told.
    pub saves: Option<Saves>,
    /// Proposed values.
    pub proposal: Proposal,
    /// Advice for this form of the fault, in place of that for its rule.
    pub remedy: Option<&'static str>,
    /// Number of times that the fault has happened.
    pub events: u64,
}

/// Verdict of a rule on one subject.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The fault is there.
    Found(Box<Fault>),
    /// The fault is not there.
    Clear,
}

/// Reason why a rule cannot judge. It becomes text only when it is shown, since most of many hosts have too few figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEvaluated {
    /// Fewer things than the rule needs.
    Few {
        /// Number of things.
        count: u64,
        /// Name of the things, with underscores.
        name: &'static str,
        /// Number that the rule needs.
        least: u64,
    },
    /// Too few requests can be read, because the others are those of HTTP/2.
    Http2 {
        /// Number of requests that can be read.
        count: u64,
        /// Connections of HTTP/2.
        connections: u64,
        /// Number that the rule needs.
        least: u64,
    },
    /// No subject that the rule judges.
    Nothing(&'static str),
    /// Another reason.
    Because(&'static str),
}

impl fmt::Display for NotEvaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Few { count, name, least } => write!(
                f,
                "{} {}: {} are needed",
                number::count(count),
                name.replace('_', " "),
                number::count(least)
            ),
            Self::Http2 {
                count,
                connections,
                least,
            } => write!(
                f,
                "{} requests beside {} connections of HTTP/2, whose requests are not readable: {} are needed",
                number::count(count),
                number::count(connections),
                number::count(least)
            ),
            Self::Nothing(kind) => write!(f, "no {kind} has enough figures to judge"),
            Self::Because(text) => f.write_str(text),
        }
    }
}

/// Result of a rule.
pub type Judgement = Result<Verdict, NotEvaluated>;
