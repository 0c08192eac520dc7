//! Figures of a set of connections, summed.

use tracer_core::{
    latency::{HIGHEST_NS, Latency},
    phase::Phase,
};

use super::MergeError;
use crate::{
    Connections, Group, HdrError, HdrReader, Histogram, Http2, Phases, Requests, Tcp, Versions,
    sum::Sum,
};

/// Figures of a set of connections, with their distributions decoded.
#[derive(Debug)]
pub(super) struct Figures {
    /// Counts; its distributions are empty.
    group: Group,
    /// Distribution of each phase that all parts have measured, in the order of [`Phase::ALL`].
    phases: [Option<Latency>; Phase::COUNT],
}

/// Fault of a histogram: which phase it is of, and not yet whose figures.
#[derive(Debug)]
pub(super) struct PhaseError {
    phase: Phase,
    source: HdrError,
}

impl PhaseError {
    /// Adds the place of the figures.
    pub(super) fn at(self, place: impl FnOnce() -> String) -> MergeError {
        MergeError::Histogram {
            place: format!("{}.phases.{}", place(), self.phase.key()),
            source: self.source,
        }
    }
}

/// Adds figures to a sum, or begins the sum with them.
pub(super) fn add(
    to: &mut Option<Figures>,
    group: Group,
    reader: &mut HdrReader,
) -> Result<(), PhaseError> {
    match to {
        Some(figures) => figures.add(group, reader),
        None => {
            *to = Some(Figures::of(group, reader)?);
            Ok(())
        }
    }
}

impl Figures {
    /// Figures of one part.
    pub(super) fn of(mut group: Group, reader: &mut HdrReader) -> Result<Self, PhaseError> {
        let mut phases = [const { None }; Phase::COUNT];
        for (phase, histogram) in std::mem::take(&mut group.phases).iter() {
            let latency = phases[phase as usize].insert(Latency::default());
            decode(phase, histogram, latency, reader)?;
        }
        // A ratio that was written and read may differ in its last digit from the one of the counts.
        if let Some(ratio) = reuse_ratio(&group.requests) {
            group.requests.reuse_ratio = Some(ratio);
        }
        Ok(Self { group, phases })
    }

    /// Adds those of another part. A phase that either part has not measured is absent.
    pub(super) fn add(&mut self, other: Group, reader: &mut HdrReader) -> Result<(), PhaseError> {
        for (phase, sum) in Phase::ALL.into_iter().zip(&mut self.phases) {
            match (other.phases.get(phase), sum) {
                (None, sum) => *sum = None,
                (Some(histogram), Some(latency)) => decode(phase, histogram, latency, reader)?,
                (Some(_), None) => {}
            }
        }
        counts(&mut self.group, &other);
        Ok(())
    }

    /// The figures as they are exported.
    pub(super) fn finish(self) -> Group {
        let phases = Phase::ALL.into_iter().zip(self.phases);
        let measured = phases.filter_map(|(phase, latency)| Some((phase, latency?)));
        Group {
            phases: measured
                .map(|(phase, latency)| (phase, Histogram::of(&latency)))
                .collect::<Phases>(),
            ..self.group
        }
    }
}

fn decode(
    phase: Phase,
    histogram: &Histogram,
    to: &mut Latency,
    reader: &mut HdrReader,
) -> Result<(), PhaseError> {
    let count = histogram.count.unwrap_or_default();
    if told_by_figures(histogram, count, to) {
        return Ok(());
    }
    let added = reader.add(&histogram.hdr, count, to);
    added.map_err(|source| PhaseError { phase, source })
}

/// Adds a distribution that is known from its least, largest and median sample alone; false, without a change, for any
/// other. In exports of many hosts most are of this kind, and decoding would take longer than all else.
fn told_by_figures(histogram: &Histogram, count: u64, to: &mut Latency) -> bool {
    let (Some(min_ns), Some(max_ns), Some(p50_ns)) =
        (histogram.min_ns, histogram.max_ns, histogram.p50_ns)
    else {
        return false;
    };
    // Larger samples are in the last bucket, and would be recorded as larger still.
    if count == 0 || count > 3 || max_ns > HIGHEST_NS {
        return false;
    }
    let samples = [min_ns, max_ns, p50_ns];
    let distinct = match count {
        1 => &samples[..1],
        2 => &samples[..2],
        _ => &samples,
    };
    distinct.iter().for_each(|ns| to.record(*ns));
    true
}

/// Adds counts. What is no count beside them, such as a peak, is merged in its own way by the functions for each object.
fn counts(group: &mut Group, other: &Group) {
    let mut merged = Group {
        connections: connections(&group.connections, &other.connections),
        requests: requests(&group.requests, &other.requests),
        http2: http2(&group.http2, &other.http2),
        tcp: tcp(&group.tcp, &other.tcp),
        ..std::mem::take(group)
    };
    let versions = versions(&merged.tls.versions, &other.tls.versions);
    merged.tls.sum(&other.tls);
    merged.tls.versions = versions;
    merged.tunnels.sum(&other.tunnels);
    merged.dns.sum(&other.dns);
    merged.responses.sum(&other.responses);
    *group = merged;
}

fn added<T: Sum + Clone>(a: &T, b: &T) -> T {
    let mut sum = a.clone();
    sum.sum(b);
    sum
}

/// Highest of two peaks; unknown when either is.
pub(super) fn highest(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a.max(b))
}

fn connections(a: &Connections, b: &Connections) -> Connections {
    Connections {
        peak_open: highest(a.peak_open, b.peak_open),
        close_wait_peak: highest(a.close_wait_peak, b.close_wait_peak),
        ..added(a, b)
    }
}

fn requests(a: &Requests, b: &Requests) -> Requests {
    let sum = added(a, b);
    let cpu_ratio = match (a.slow_pickups_measured, b.slow_pickups_measured) {
        (Some(0), _) => b.pickup_cpu_ratio,
        (_, Some(0)) => a.pickup_cpu_ratio,
        _ => sum.pickup_cpu_ratio,
    };
    Requests {
        in_flight_peak: highest(a.in_flight_peak, b.in_flight_peak),
        reuse_ratio: reuse_ratio(&sum),
        pickup_cpu_ratio: cpu_ratio,
        ..sum
    }
}

fn reuse_ratio(requests: &Requests) -> Option<f64> {
    let (count, connections) = (requests.count?, requests.connections?);
    (count != 0).then(|| 1.0 - connections as f64 / count as f64)
}

fn http2(a: &Http2, b: &Http2) -> Http2 {
    let limits = [a.max_concurrent_streams, b.max_concurrent_streams];
    Http2 {
        in_flight_peak: highest(a.in_flight_peak, b.in_flight_peak),
        // Absent means that no server has named a limit.
        max_concurrent_streams: limits.into_iter().flatten().min(),
        ..added(a, b)
    }
}

/// Median round-trip time: that of the only part that has one, or the one that all agree on.
fn tcp(a: &Tcp, b: &Tcp) -> Tcp {
    let srtt_ns = match (a.srtt_ns, b.srtt_ns) {
        (Some(0), other) | (other, Some(0)) => other,
        (a, b) if a == b => a,
        _ => None,
    };
    Tcp {
        srtt_ns,
        ..added(a, b)
    }
}

/// Versions that were not negotiated are absent, which is zero here.
fn versions(a: &Versions, b: &Versions) -> Versions {
    let rare = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    Versions {
        v1_0: rare(a.v1_0, b.v1_0),
        v1_1: rare(a.v1_1, b.v1_1),
        unknown: rare(a.unknown, b.unknown),
        ..added(a, b)
    }
}
