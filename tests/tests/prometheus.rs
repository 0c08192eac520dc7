//! `--prometheus`: a real Prometheus scrapes a real trace, and its queries give the figures of the export.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::port;
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::prometheus::Prometheus;
use tracer_tests::server::{Testbed, origin};
use tracer_tests::tracer::Attached;

/// Requests of the client, to two hosts.
const REQUESTS: u64 = 50;
/// Connections of the client, one to each.
const CONNECTIONS: u64 = 2;
/// Shares of the quantiles that are compared.
const SHARES: [f64; 3] = [0.5, 0.9, 0.99];
const SCRIPT: &str = r#"curl -4 -s -o /dev/null "http://127.0.0.1:$1/[1-40]"
    curl -4 -s -o /dev/null "http://localhost:$1/[1-10]""#;

/// Bounds in seconds of the classic bucket that a value is in.
fn bucket(value: f64) -> (f64, f64) {
    let decades = (-5..=0).map(|exponent| 10f64.powi(exponent));
    let bounds = decades.flat_map(|decade| [1.0, 2.5, 5.0].map(|it| it * decade));
    let mut low = 0.0;
    for high in bounds {
        if value <= high {
            return (low, high);
        }
        low = high;
    }
    (low, f64::INFINITY)
}

fn quantiles_s(export: &Export) -> Result<[f64; 3]> {
    let all_ns = [
        figure!(export, Phase::Ttfb.p50_ns)?,
        figure!(export, Phase::Ttfb.p90_ns)?,
        figure!(export, Phase::Ttfb.p99_ns)?,
    ];
    Ok(all_ns.map(|ns| ns as f64 / 1e9))
}

fn compare_classic(
    prometheus: &Prometheus,
    export: &Export,
    found: &mut Differences,
) -> Result<()> {
    for (share, exact) in SHARES.into_iter().zip(quantiles_s(export)?) {
        let buckets = "sum by (le) (http_client_request_duration_seconds_bucket)";
        let got = prometheus.single(&format!("histogram_quantile({share}, {buckets})"))?;
        let (low, high) = bucket(exact);
        let text = format!("quantile {share} is {got}, between {low} and {high}");
        found.holds(&text, (low..=high).contains(&got));
    }
    let sum = prometheus.single("sum(http_client_request_duration_seconds_sum)")?;
    let mean_ns = figure!(export, Phase::Ttfb.mean_ns)?;
    let is_near = (sum / REQUESTS as f64 * 1e9 - mean_ns).abs() <= mean_ns / 500.0;
    found.holds(&format!("sum {sum} s has the mean {mean_ns} ns"), is_near);
    let used = figure!(export, totals.requests.connections)?;
    let reuse = "1 - sum(tracer_connections_used_total) / sum(tracer_requests_total)";
    let expected = 1.0 - used as f64 / REQUESTS as f64;
    let is_near = (prometheus.single(reuse)? - expected).abs() < 1e-9;
    found.holds("the ratio of reuse is that of the export", is_near);
    Ok(())
}

/// A native histogram knows a value to the width of its buckets, 2.2 %, and tracer's own buckets.
fn compare_native(prometheus: &Prometheus, export: &Export, found: &mut Differences) -> Result<()> {
    let durations = "sum(http_client_request_duration_seconds)";
    for (share, exact) in SHARES.into_iter().zip(quantiles_s(export)?) {
        let got = prometheus.single(&format!("histogram_quantile({share}, {durations})"))?;
        let text = format!("native quantile {share} is {got}, not {exact}");
        found.holds(&text, (got / exact - 1.0).abs() < 0.025);
    }
    let count = prometheus.single(&format!("histogram_count({durations})"))?;
    found.equal("native count", count, REQUESTS as f64);
    Ok(())
}

/// The host with a name has its own requests; all others are one.
fn compare_hosts(prometheus: &Prometheus, export: &Export, found: &mut Differences) -> Result<()> {
    let by_host = "sum by (server_address, server_port) (tracer_requests_total)";
    let by_host = prometheus.query(by_host)?;
    found.equal("number of hosts", by_host.len(), 2);
    let is_named = |host: &str| by_host.iter().any(|(it, _)| it["server_address"] == host);
    let host = export.hosts.iter().find(|it| is_named(&it.host));
    let host = host.context("no host has a name")?;
    let own = figure!(host, group.requests.count)?;
    for (labels, value) in by_host {
        let is_own = labels["server_address"] == host.host;
        let expected = if is_own { own } else { REQUESTS - own };
        found.equal(&format!("requests of {labels}"), value, expected as f64);
        found.equal(
            "a host has a port",
            labels["server_port"].is_string(),
            is_own,
        );
    }
    Ok(())
}

/// The increase over all samples is the count, since the first sample is from before the requests.
fn compare_increase(prometheus: &Prometheus, found: &mut Differences) -> Result<()> {
    let established = "tracer_connections_established_total";
    let last = prometheus.single(&format!("timestamp({established})"))?;
    let grown = prometheus.query_at(&format!("increase({established}[60s])"), last)?;
    let is_all = |(_, grown): &(_, f64)| (grown - CONNECTIONS as f64).abs() < 0.01;
    found.holds(
        &format!("increase {grown:?}"),
        grown.first().is_some_and(is_all),
    );
    Ok(())
}

/// Export that is rewritten while tracing, once it has everything.
fn export(attached: &Attached) -> Result<Export> {
    wait_for("the export to have all connections", PATIENCE, || {
        let export = attached.export()?;
        let ended = figure!(export, Phase::Lifetime.count)?;
        Ok((ended == CONNECTIONS).then_some(export))
    })
}

#[test]
fn queries_give_the_figures_of_the_export() -> Result<()> {
    let (metrics, served) = (port::unused()?, port::unused()?);
    let mut testbed = Testbed::new()?;
    let listen = ([127, 0, 0, 1], served).into();
    testbed.start(origin(listen, Duration::from_millis(8), 1000))?;
    let (at, to) = (metrics.to_string(), served.to_string());
    let flags = [
        "--port",
        &to,
        "--prometheus",
        &at,
        "--metrics-hosts",
        "1",
        "--interval",
        "200ms",
    ];
    let attached = Attached::start(&flags)?;
    let classic = Prometheus::start(metrics, &[])?;
    let native = Prometheus::start(metrics, &["native-histograms"])?;
    for prometheus in [&classic, &native] {
        prometheus.wait_until("tracer_connections_established_total", 0.0)?;
    }
    Client::shell("curl", SCRIPT, &[&to]).start()?.finish()?;
    for prometheus in [&classic, &native] {
        prometheus.wait_until("sum(tracer_requests_total)", REQUESTS as f64)?;
        prometheus.wait_until("sum(http_client_open_connections)", 0.0)?;
    }
    let export = export(&attached)?;
    let mut found = Differences::of("what Prometheus has");
    found.equal(
        "requests",
        figure!(export, totals.requests.count)?,
        REQUESTS,
    );
    compare_classic(&classic, &export, &mut found)?;
    compare_native(&native, &export, &mut found)?;
    compare_hosts(&classic, &export, &mut found)?;
    compare_increase(&classic, &mut found)?;
    let scrapes = "min_over_time(up[60s])";
    found.equal(
        "worst scrape",
        [classic.single(scrapes)?, native.single(scrapes)?],
        [1.0; 2],
    );
    let traced = attached.end(Signal::SIGINT)?;
    found.finish(|| traced.story())
}
