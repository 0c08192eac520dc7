//! Latencies against a packet capture of the same connections.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tracer_export::{Histogram, Phase};
use tracer_tests::capture::Capture;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::outcome::nginx;
use tracer_tests::sockets;
use tracer_tests::tracer::run;
use tracer_tests::wire::{Flow, flows, handshake};

const CONNECTIONS: u64 = 600;
const MEDIAN_LIMIT_NS: u64 = 50_000;
const P99_LIMIT_NS: u64 = 200_000;

/// The value at `quantile` of a distribution, by nearest rank.
fn quantile(values: &mut [u64], quantile: f64) -> Result<u64> {
    values.sort_unstable();
    let rank = (quantile * values.len() as f64).ceil() as usize;
    values
        .get(rank.saturating_sub(1))
        .copied()
        .context("an empty distribution")
}

/// Compares one phase with the wire, notes both, and tells what was seen.
fn compare(
    name: &str,
    distribution: Option<&Histogram>,
    mut wire: Vec<u64>,
    differences: &mut Differences,
) -> Result<String> {
    let distribution = distribution.with_context(|| format!("no {name}"))?;
    differences.equal(
        &format!("{name}.count"),
        distribution.count,
        Some(wire.len() as u64),
    );
    let mut told = String::new();
    for (key, measured, at, limit) in [
        ("p50_ns", distribution.p50_ns, 0.5, MEDIAN_LIMIT_NS),
        ("p99_ns", distribution.p99_ns, 0.99, P99_LIMIT_NS),
    ] {
        let measured = measured.with_context(|| format!("no {name}.{key}"))?;
        let captured = quantile(&mut wire, at)?;
        let apart = measured.abs_diff(captured);
        write!(
            told,
            "{name} {key}: tracer {measured}, wire {captured}, apart {apart}; "
        )?;
        differences.holds(
            &format!("{name}.{key}: {measured} within {limit} of {captured}"),
            apart <= limit,
        );
    }
    Ok(told)
}

fn connect_times(flows: &[Flow]) -> Vec<u64> {
    let time = |flow: &Flow| Some(flow.syn_ack_ns?.saturating_sub(*flow.syn_ns.first()?));
    flows.iter().filter_map(time).collect()
}

fn tls_times(flows: &[Flow], resumed: bool) -> Vec<u64> {
    flows
        .iter()
        .filter_map(handshake)
        .filter(|handshake| handshake.resumed == resumed)
        .map(|handshake| handshake.end_ns.saturating_sub(handshake.start_ns))
        .collect()
}

fn check(mode: &str, version: &str, protocols: &'static str) -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx(protocols, &certificate)?;
    let binary = env!("CARGO_BIN_EXE_rustls_client");
    let address = format!("127.0.0.1:{}", server.port);
    let ca = certificate.path().display().to_string();
    let count = CONNECTIONS.to_string();
    let arguments = [binary, mode, &address, "localhost", &count, &ca, version];
    let capture = Capture::start(server.port)?;
    let traced = run(&Client::new("rustls_client", arguments))?;
    sockets::settle(server.port)?;
    let flows = flows(&capture.finish()?, server.port);
    ensure!(
        flows.len() as u64 == CONNECTIONS,
        "{} connections on the wire",
        flows.len()
    );
    let mut differences = Differences::of(format!("latencies, TLS {version}, {mode}"));
    traced.export.compare_losses(&mut differences);
    let mut told = compare(
        "connect",
        traced.export.phase(Phase::Connect),
        connect_times(&flows),
        &mut differences,
    )?;
    let (phase, resumed) = if mode == "resume" {
        (Phase::TlsResumed, true)
    } else {
        (Phase::Tls, false)
    };
    told += &compare(
        phase.key(),
        traced.export.phase(phase),
        tls_times(&flows, resumed),
        &mut differences,
    )?;
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accuracy.txt");
    let mut results = File::options().create(true).append(true).open(results)?;
    writeln!(
        results,
        "TLS {version} {mode}, {CONNECTIONS} connections: {told}"
    )?;
    differences.finish(|| told)
}

#[test]
fn full_handshakes_over_tls_12() -> Result<()> {
    check("full", "1.2", "TLSv1.2")
}

#[test]
fn full_handshakes_over_tls_13() -> Result<()> {
    check("full", "1.3", "TLSv1.3")
}

#[test]
fn resumed_handshakes_over_tls_12() -> Result<()> {
    check("resume", "1.2", "TLSv1.2")
}

#[test]
fn resumed_handshakes_over_tls_13() -> Result<()> {
    check("resume", "1.3", "TLSv1.3")
}
