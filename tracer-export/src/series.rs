//! The course of the totals over time.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracer_core::phase::Phase;

use crate::{absent::is_absent, phases::by_phase};

/// A value for each whole interval, oldest first; null when nothing was measured in it.
pub type Samples = Vec<Option<u64>>;

/// Values for each interval from the beginning of the window; all lists are equally long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Series {
    /// Length of an interval, ns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ns: Option<u64>,
    /// Records read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Samples>,
    /// Requests reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Samples>,
    /// Connects that came to their end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_opened: Option<Samples>,
    /// Sockets in TIME_WAIT at the end of the interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_wait: Option<Samples>,
    /// Connections open at the end of the interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Samples>,
    /// Time that requests were in flight within the interval, summed over the requests, ns: divided by `interval_ns` it is
    /// the mean number in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_ns: Option<Samples>,
    /// 99th percentiles of what was measured in the interval, ns.
    #[serde(flatten, skip_serializing_if = "is_absent")]
    pub p99: Percentiles,
}

/// 99th percentiles by phase, ns: the key of `dns` is `p99_dns_ns`. Exports have those of [`Phase::IN_SERIES`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Percentiles(BTreeMap<Phase, Samples>);

impl Percentiles {
    /// Percentiles of a phase; `None` when the export has none of it.
    pub fn get(&self, phase: Phase) -> Option<&Samples> {
        self.0.get(&phase)
    }
}

impl FromIterator<(Phase, Samples)> for Percentiles {
    fn from_iter<I: IntoIterator<Item = (Phase, Samples)>>(measured: I) -> Self {
        Self(measured.into_iter().collect())
    }
}

/// Key of the percentiles of a phase.
pub(crate) fn key(phase: Phase) -> String {
    format!("p99_{}_{}", phase.key(), phase.unit().suffix())
}

fn named(key_given: &str) -> Option<Phase> {
    Phase::ALL
        .into_iter()
        .find(|phase| key(*phase) == key_given)
}

impl Serialize for Percentiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(phase, samples)| (key(*phase), samples)))
    }
}

impl<'de> Deserialize<'de> for Percentiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_phase(deserializer, named).map(Self)
    }
}
