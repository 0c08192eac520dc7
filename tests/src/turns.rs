//! Checks of exports against requests that a server or a client has counted.

use anyhow::{Context, Result};
use serde_json::Value;
use tracer_export::{Group, Phase};

use crate::check::Differences;
use crate::compare;
use crate::export::{Export, samples};

/// Requests by outcome.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turns {
    /// Number of requests.
    pub requests: u64,
    /// Number of connections with requests.
    pub connections: u64,
    /// Number of requests that were not answered before the close.
    pub failed: u64,
}

impl Turns {
    /// Requests on so many connections, all answered.
    pub fn answered(requests: u64, connections: u64) -> Self {
        Self {
            requests,
            connections,
            failed: 0,
        }
    }
}

/// Checks that the totals hold exactly these requests, and a time for each answered one.
pub fn compare(export: &Export, expected: Turns, differences: &mut Differences) {
    compare_group(&export.totals, expected, differences);
}

/// Checks the requests of a process or a host.
pub fn compare_group(group: &Group, expected: Turns, differences: &mut Differences) {
    let Turns {
        requests,
        connections,
        failed,
    } = expected;
    let unknown = group.requests.first_unknown.unwrap_or_default();
    compare!(
        differences,
        group,
        requests.count = requests,
        requests.connections = connections,
        requests.failed = failed,
        requests.in_flight_now = 0,
        requests.h2_turns = 0,
    );
    let timed = (requests - failed).saturating_sub(unknown);
    for (phase, expected) in [
        (Phase::Idle, requests - connections),
        (Phase::Ttfb, timed),
        (Phase::Transfer, timed),
        (Phase::Pickup, timed),
    ] {
        let name = format!("samples of {}", phase.key());
        differences.equal(&name, samples(group, phase), expected);
    }
    let first = samples(group, Phase::TtfbFirst);
    let reused = samples(group, Phase::TtfbReused);
    differences.equal("first and reused", first + reused, timed);
    if failed == 0 {
        differences.equal("first", first + unknown, connections);
    }
    compare_ratio(group.requests.reuse_ratio, expected, differences);
}

fn compare_ratio(got: Option<f64>, expected: Turns, differences: &mut Differences) {
    let wanted = 1.0 - expected.connections as f64 / expected.requests as f64;
    let near = match got {
        Some(got) => (got - wanted).abs() < 1e-6,
        None => expected.requests == 0,
    };
    differences.holds(&format!("reuse_ratio {got:?} is {wanted}"), near);
}

/// Checks that every first request was told from session tickets without guessing.
pub fn compare_certain(export: &Export, differences: &mut Differences) {
    compare!(
        differences,
        export,
        totals.requests.first_unknown = 0,
        totals.requests.first_inferred = 0,
    );
}

/// Checks that a figure in ns of a phase of the totals is within `limit_ns` of `expected_ns`.
pub fn compare_time(
    name: &str,
    got: Result<u64>,
    expected_ns: u64,
    limit_ns: u64,
    differences: &mut Differences,
) {
    if let Some(got) = differences.value(got) {
        let near = got.abs_diff(expected_ns) <= limit_ns;
        differences.holds(
            &format!("{name}: {got} is within {limit_ns} of {expected_ns}"),
            near,
        );
    }
}

/// Median of a list of ns in a client's JSON: of two in the middle the smaller one, as in a percentile of tracer's.
pub fn median(times: &Value) -> Result<u64> {
    let list = times.as_array().context("not a list of times")?;
    let mut times: Vec<u64> = list.iter().filter_map(Value::as_u64).collect();
    times.sort_unstable();
    times
        .get(times.len().saturating_sub(1) / 2)
        .copied()
        .context("no times")
}
