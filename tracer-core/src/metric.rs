//! The list of metrics that other systems get, with the names of OpenTelemetry's conventions where these have one, and
//! `tracer.` names otherwise. A system whose names are spelled differently derives its own from these.

mod list;
mod named_hosts;

pub use self::{
    list::{METRICS, TRACE_METRICS},
    named_hosts::{NamedHosts, rest_of_count, rest_of_durations},
};

use crate::{group::Group, latency::Latency, snapshot::Snapshot};

/// Attribute with a constant value.
pub type Label = (&'static str, &'static str);

/// Behaviour of a metric's values over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Count that only grows.
    Counter,
    /// Current number, which may be added up over its attributes.
    UpDown,
    /// Distribution of durations.
    Durations,
}

/// Part of a group's figures that a metric shows.
#[derive(Debug, Clone, Copy)]
pub enum Figure {
    /// A number.
    Count(fn(&Group) -> u64),
    /// A number that is known only after a pass over the sockets.
    Activity(fn(&Group) -> u64),
    /// A distribution of durations.
    Durations(fn(&Group) -> &Latency),
}

/// One figure of a metric, with the attributes that distinguish it from the others.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Attributes with constant values.
    pub labels: &'static [Label],
    /// The figure.
    pub figure: Figure,
}

/// Metric of the figures of a group of connections.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name, with dots.
    pub name: &'static str,
    /// Unit as in UCUM: `s`, `By`, `{request}`.
    pub unit: &'static str,
    /// Meaning, in one sentence.
    pub description: &'static str,
    /// Behaviour over time.
    pub kind: Kind,
    /// True if each host has values of its own; false if there are values of the whole trace only.
    pub by_host: bool,
    /// Figures of the metric.
    pub parts: &'static [Part],
}

/// Value of the whole trace, with the attributes that distinguish it.
pub type TracePart = (&'static [Label], fn(&Snapshot) -> u64);

/// Metric of the trace as a whole.
#[derive(Debug, Clone, Copy)]
pub struct TraceMetric {
    /// Name, with dots.
    pub name: &'static str,
    /// Unit as in UCUM.
    pub unit: &'static str,
    /// Meaning, in one sentence.
    pub description: &'static str,
    /// Behaviour over time; no distribution.
    pub kind: Kind,
    /// Values with the attributes that distinguish them.
    pub parts: &'static [TracePart],
}

#[cfg(test)]
mod tests;
