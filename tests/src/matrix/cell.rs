//! One cell of the matrix: a traced client, compared with the truth.

use anyhow::{Result, ensure};
use serde_json::Value;
use tracer_export::Phase;

use super::site::{REQUESTS, Site, Truth};
use super::{Crawler, Path, Protocol};
use crate::check::Differences;
use crate::compare;
use crate::export::samples;
use crate::figure;
use crate::tracer::{Traced, run};
use crate::turns::{compare_time, median};

/// Most that the median time to first byte may differ from that of the client's clock.
const LIMIT_NS: u64 = 100_000;
/// Number of visits among which one must have the right times, since another process may hold the client up before it reads its clock.
const TRIES: u32 = 8;

/// Differences between tracer's figures and the truth.
pub(super) fn differences(
    crawler: &Crawler,
    site: &Site,
    path: Path,
    protocol: Protocol,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        let mark = site.mark(path, protocol)?;
        let traced = run(&crawler.command(&site.visit(path, protocol))?)?;
        // A client that fails says nothing about tracer, so it must not pass for a known fault.
        ensure!(traced.finished.status.success(), "{}", traced.story());
        let truth = site.since(&mark, path, protocol)?;
        let requests = truth.seen.requests.unwrap_or_default();
        ensure!(requests >= REQUESTS, "the site saw {requests} requests");
        found = counts(crawler, (path, protocol), &traced, &truth);
        if !found.is_empty() {
            return Ok(found);
        }
        found = times(&traced);
        if found.is_empty() || crawler.is_http2(protocol) {
            return Ok(Vec::new());
        }
    }
    Ok(found)
}

fn counts(
    crawler: &Crawler,
    (path, protocol): (Path, Protocol),
    traced: &Traced,
    truth: &Truth,
) -> Vec<String> {
    let mut differences = Differences::of("");
    compare_client(traced, truth, &mut differences);
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.opened = truth.opened,
        totals.connections.established = truth.opened,
        totals.connections.open_now = 0,
        totals.requests.in_flight_now = 0,
        totals.tunnels.opened = truth.tunnels,
        totals.tunnels.unknown = 0,
        totals.connections.other_protocol = 0,
    );
    let failed = if path == Path::Connect && protocol == Protocol::Clear {
        count_late_requests(traced, &mut differences)
    } else {
        0
    };
    differences.equal(
        "failed requests",
        traced.export.totals.requests.failed,
        Some(failed),
    );
    if protocol.is_tls() {
        compare_handshakes(traced, truth, &mut differences);
    }
    let http2 = crawler.is_http2(protocol);
    let requests = truth.seen.requests.unwrap_or_default();
    let over_http2 = if http2 { requests } else { 0 };
    differences.equal("requests over HTTP/2", truth.seen.http2, Some(over_http2));
    if http2 {
        compare_http2(traced, truth, &mut differences);
    } else {
        compare_requests(traced, truth, failed, &mut differences);
    }
    differences.into_found()
}

/// Checks that the client's own counts are those of the servers.
fn compare_client(traced: &Traced, truth: &Truth, differences: &mut Differences) {
    let Some(said) = differences.value(traced.client_count()) else {
        return;
    };
    let said = |key: &str| said.get(key).and_then(Value::as_u64);
    let requests = truth.seen.requests;
    differences.equal("client's requests", said("requests").or(requests), requests);
    let opened = truth.opened;
    let connections = said("connections").unwrap_or(opened);
    differences.equal("client's connections", connections, opened);
}

/// Checks the handshakes. The access log does not tell those of connections that carried no request.
fn compare_handshakes(traced: &Traced, truth: &Truth, differences: &mut Differences) {
    let tls = &traced.export.totals.tls;
    let (full, resumed) = (
        tls.full.unwrap_or_default(),
        tls.resumed.unwrap_or_default(),
    );
    let seen = (
        truth.seen.full.unwrap_or_default(),
        truth.seen.resumed.unwrap_or_default(),
    );
    if truth.seen.used == Some(truth.accepted) {
        differences.equal("full and resumed handshakes", (full, resumed), seen);
    } else {
        let few = full >= seen.0 && resumed >= seen.1;
        differences.holds(
            &format!("handshakes {full} and {resumed} are those of {truth:?}"),
            few && full + resumed <= truth.accepted,
        );
    }
    compare!(
        differences,
        traced.export,
        totals.tls.failed = 0,
        totals.tls.unfinished = 0,
        totals.tls.unknown = 0,
    );
}

/// Checks that nothing is called a request of HTTP/1, that no more are counted than there were, and that it is said on how many
/// connections requests are not known.
fn compare_http2(traced: &Traced, truth: &Truth, differences: &mut Differences) {
    compare!(
        differences,
        traced.export,
        totals.requests.by_protocol.http1 = 0
    );
    let totals = &traced.export.totals;
    let (found, requests) = (totals.requests.count, truth.seen.requests);
    differences.holds(
        &format!("{found:?} requests of {requests:?}"),
        found <= requests,
    );
    let connections = totals.http2.connections.unwrap_or_default();
    let used = truth.seen.used.unwrap_or_default();
    differences.holds(
        &format!("{connections} connections of HTTP/2 are those of {truth:?}"),
        (used..=truth.accepted).contains(&connections),
    );
}

/// Number of requests that reached tinyproxy too late: it closes each connection behind its answer, and says so only by
/// the close. A client that has sent the next request by then sends it once more on a new connection.
fn count_late_requests(traced: &Traced, differences: &mut Differences) -> u64 {
    let requests = &traced.export.totals.requests;
    let failed = requests.failed.unwrap_or_default();
    let connections = traced.export.totals.connections.opened.unwrap_or_default();
    differences.equal(
        "failed requests that the close ended",
        requests.stale,
        Some(failed),
    );
    differences.holds(
        "each connection has one late request at most",
        failed < connections,
    );
    failed
}

fn compare_requests(traced: &Traced, truth: &Truth, failed: u64, differences: &mut Differences) {
    let requests = truth.seen.requests.unwrap_or_default();
    compare!(
        differences,
        traced.export,
        totals.requests.count = requests + failed,
        totals.requests.connections = truth.seen.used.unwrap_or_default(),
        totals.requests.h2_turns = 0,
    );
    let totals = &traced.export.totals;
    let unknown = totals.requests.first_unknown.unwrap_or_default();
    differences.equal(
        "times to first byte",
        samples(totals, Phase::Ttfb) + unknown,
        requests,
    );
}

/// Differences from the client's clock, if it tells its times.
fn times(traced: &Traced) -> Vec<String> {
    let mut differences = Differences::of("");
    let times = traced.client_count().ok();
    let times = times.and_then(|said| said.get("ttfb_ns").cloned());
    if let Some(times) = times
        && let Some(median) = differences.value(median(&times))
    {
        let got = figure!(traced.export, Phase::Ttfb.p50_ns);
        compare_time("ttfb p50", got, median, LIMIT_NS, &mut differences);
    }
    differences.into_found()
}
