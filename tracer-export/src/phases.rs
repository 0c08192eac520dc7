//! Distributions of durations, by phase.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use tracer_core::{latency::Latency, phase::Phase};

use crate::Hdr;

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
        while let Some(phase) = map.next_key_seed(Key(self.named))? {
            match phase {
                Some(phase) => drop(values.insert(phase, map.next_value()?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// Reader of a key, which is not kept.
struct Key(fn(&str) -> Option<Phase>);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Phase>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Phase>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok((self.0)(key))
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
    /// Figures of a distribution, and the distribution itself.
    pub fn of(latency: &Latency) -> Self {
        let summary = latency.summary();
        Self {
            count: Some(summary.count),
            min_ns: Some(summary.min_ns),
            max_ns: Some(summary.max_ns),
            mean_ns: Some(summary.mean_ns),
            stdev_ns: Some(summary.stdev_ns),
            p50_ns: Some(summary.p50_ns),
            p75_ns: Some(summary.p75_ns),
            p90_ns: Some(summary.p90_ns),
            p95_ns: Some(summary.p95_ns),
            p99_ns: Some(summary.p99_ns),
            p999_ns: Some(summary.p999_ns),
            hdr: Hdr::of(latency),
        }
    }

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
