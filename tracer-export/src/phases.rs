//! Distributions of durations, by phase.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use tracer_core::phase::Phase;

/// Distribution of each phase that was measured, by the key of the phase ([`Phase::key`]), in the order of the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Phases(BTreeMap<Phase, Histogram>);

impl Phases {
    /// Distribution of a phase; `None` when it was not measured.
    pub fn get(&self, phase: Phase) -> Option<&Histogram> {
        self.0.get(&phase)
    }

    /// Every phase that was measured, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, &Histogram)> {
        self.0.iter().map(|(phase, histogram)| (*phase, histogram))
    }
}

impl FromIterator<(Phase, Histogram)> for Phases {
    fn from_iter<I: IntoIterator<Item = (Phase, Histogram)>>(measured: I) -> Self {
        Self(measured.into_iter().collect())
    }
}

impl Serialize for Phases {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(phase, value)| (phase.key(), value)))
    }
}

impl<'de> Deserialize<'de> for Phases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_phase(deserializer, Phase::by_key).map(Self)
    }
}

/// Reads an object whose keys name phases; keys that name none are ignored.
pub(crate) fn by_phase<'de, D, T>(
    deserializer: D,
    named: fn(&str) -> Option<Phase>,
) -> Result<BTreeMap<Phase, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(ByPhase {
        named,
        values: PhantomData,
    })
}

struct ByPhase<T> {
    named: fn(&str) -> Option<Phase>,
    values: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ByPhase<T> {
    type Value = BTreeMap<Phase, T>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object whose keys are phases")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match (self.named)(&key) {
                Some(phase) => drop(values.insert(phase, map.next_value()?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

object! {
    /// Distribution of durations. Every figure but `count` is 0 when there was no sample.
    pub struct Histogram {
        /// Number of samples.
        count: Option<u64>,
        /// Lower edge of the least bucket with a sample, ns.
        min_ns: Option<u64>,
        /// Upper edge of the largest bucket with a sample, ns.
        max_ns: Option<u64>,
        /// Mean, ns; written as a whole number.
        #[serde(serialize_with = "rounded")]
        mean_ns: Option<f64>,
        /// Standard deviation, ns; written as a whole number.
        #[serde(serialize_with = "rounded")]
        stdev_ns: Option<f64>,
        /// Half of the samples are not longer, ns.
        p50_ns: Option<u64>,
        /// 75 % of the samples are not longer, ns.
        p75_ns: Option<u64>,
        /// 90 % of the samples are not longer, ns.
        p90_ns: Option<u64>,
        /// 95 % of the samples are not longer, ns.
        p95_ns: Option<u64>,
        /// 99 % of the samples are not longer, ns.
        p99_ns: Option<u64>,
        /// 99.9 % of the samples are not longer, ns.
        p999_ns: Option<u64>,
        /// The whole histogram.
        hdr: Hdr,
    }
}

impl Histogram {
    /// Sum of all samples, ns; `None` when the export does not say.
    pub fn total_ns(&self) -> Option<f64> {
        Some(self.count? as f64 * self.mean_ns?)
    }

    /// The distribution itself if it has a sample: without one its figures say nothing.
    pub fn measured(&self) -> Option<&Self> {
        self.count.filter(|count| *count > 0).map(|_| self)
    }
}

fn rounded<S: Serializer>(ns: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    ns.map(|ns| ns.round() as u64).serialize(serializer)
}

/// A histogram in HdrHistogram's V2 format: deflated, in base64 with padding. Values are ns, with three significant
/// digits; any HdrHistogram library reads it and can add it to others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Hdr(String);

impl Hdr {
    /// Takes the encoded text.
    pub fn from_base64(text: String) -> Self {
        Self(text)
    }

    /// The encoded text.
    pub fn as_base64(&self) -> &str {
        &self.0
    }
}
