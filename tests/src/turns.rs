//! Checks of exports against requests that a server or a client has counted.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::check::Differences;
use crate::export::Export;

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

/// Checks that the totals hold exactly these requests, and a time for each answered one.
pub fn compare(export: &Export, expected: Turns, differences: &mut Differences) {
    compare_group(export, "/totals", expected, differences);
}

/// Checks the requests of a process or a host.
pub fn compare_group(export: &Export, group: &str, expected: Turns, differences: &mut Differences) {
    let Turns {
        requests,
        connections,
        failed,
    } = expected;
    let at = |path: &str| format!("{group}{path}");
    let count = |path: &str| export.count(&at(path)).unwrap_or_default();
    let unknown = count("/requests/first_unknown");
    export.compare(
        &[
            (&at("/requests/count"), requests),
            (&at("/requests/connections"), connections),
            (&at("/requests/failed"), failed),
            (&at("/requests/in_flight_now"), 0),
            (&at("/requests/h2_turns"), 0),
            (&at("/phases/idle/count"), requests - connections),
        ],
        differences,
    );
    let timed = (requests - failed).saturating_sub(unknown);
    for phase in ["ttfb", "transfer", "pickup"] {
        export.compare(
            &[(&at(&format!("/phases/{phase}/count")), timed)],
            differences,
        );
    }
    let (first, reused) = (
        count("/phases/ttfb_first/count"),
        count("/phases/ttfb_reused/count"),
    );
    differences.equal(&at("/phases: first and reused"), first + reused, timed);
    if failed == 0 {
        differences.equal(&at("/phases/ttfb_first"), first + unknown, connections);
    }
    compare_ratio(export, &at("/requests/reuse_ratio"), expected, differences);
}

fn compare_ratio(export: &Export, path: &str, expected: Turns, differences: &mut Differences) {
    let wanted = 1.0 - expected.connections as f64 / expected.requests as f64;
    let Some(got) = differences.value(export.at(path)) else {
        return;
    };
    let near = match got.as_f64() {
        Some(got) => (got - wanted).abs() < 1e-6,
        None => expected.requests == 0,
    };
    differences.holds(&format!("{path} {got} is {wanted}"), near);
}

/// Checks that every first request was told from session tickets without guessing.
pub fn compare_certain(export: &Export, differences: &mut Differences) {
    let uncertain = [
        ("/totals/requests/first_unknown", 0),
        ("/totals/requests/first_inferred", 0),
    ];
    export.compare(&uncertain, differences);
}

/// Checks that a figure in ns of a phase of the totals is within `limit_ns` of `expected_ns`.
pub fn compare_time(
    export: &Export,
    path: &str,
    expected_ns: u64,
    limit_ns: u64,
    differences: &mut Differences,
) {
    if let Some(got) = differences.value(export.count(path)) {
        let near = got.abs_diff(expected_ns) <= limit_ns;
        differences.holds(
            &format!("{path}: {got} is within {limit_ns} of {expected_ns}"),
            near,
        );
    }
}

/// Median of a list of ns in a client's JSON.
pub fn median(times: &Value) -> Result<u64> {
    let list = times.as_array().context("not a list of times")?;
    let mut times: Vec<u64> = list.iter().filter_map(Value::as_u64).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("no times")
}
