//! A reader that stands still while the ring buffer fills: totals stay complete.

use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::export::{Export, shown};
use tracer_tests::figure;
use tracer_tests::machine::tracer_binary;
use tracer_tests::process::{PATIENCE, Process, output};
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::tracer::Attached;

const CLIENTS: u64 = 8;

/// Far more than the ring buffer holds; the server and the client have counted it.
fn check(connections: u64, requests_each: u64) -> Result<()> {
    let requests = connections * requests_each;
    let options = NginxOptions {
        protocols: None,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("run.trace");
    let (port, record) = (server.port.to_string(), trace.display().to_string());
    let attached = Attached::start(&["--port", &port, "--record", &record])?;
    attached.signal(Signal::SIGSTOP)?;
    let arguments = [CLIENTS, connections, server.port.into(), requests_each];
    let mut command = Command::new(env!("CARGO_BIN_EXE_short_connections"));
    let crawler = Process::start(command.args(arguments.map(|number| number.to_string())))?;
    let crawled = crawler.finish_within(2 * PATIENCE);
    attached.signal(Signal::SIGCONT)?;
    let said: Value = serde_json::from_str(&crawled?.stdout)?;
    let traced = attached.end(Signal::SIGTERM)?;
    let seen = server.seen()?;
    let mut differences =
        Differences::of(format!("{connections} connections, {requests} requests"));
    differences.equal(
        "requests by the client",
        said["requests"].as_u64(),
        Some(requests),
    );
    differences.equal("requests by the server", seen.requests, Some(requests));
    differences.equal(
        "connections by the server",
        seen.connections,
        Some(connections),
    );
    let mut replay = Command::new(tracer_binary()?);
    let replayed = output(replay.args(["replay", "--quiet", "--json", "-", &record]))?;
    let replayed = Export::parse(&replayed)?;
    let same = replayed.raw == traced.export.raw;
    differences.holds("its replay is the same", same);
    compare_totals(&traced.export, connections, requests, &mut differences);
    compare_split(&traced.export, requests, &mut differences)?;
    if requests_each > 1 {
        // More than the ring would hold, were each request a record of 88 bytes.
        let alone = (16 << 20) / 88;
        let host = traced.export.hosts.first().context("no host")?;
        let split = figure!(host.group, requests.count)?;
        differences.holds(
            &format!("{split} requests found room together"),
            split > alone,
        );
    }
    differences.finish(|| {
        format!(
            "{}\nevents: {}",
            traced.story(),
            shown(&traced.export.events)
        )
    })
}

/// The totals are complete, also where the record that opened a connection found no room and later ones did.
fn compare_totals(export: &Export, connections: u64, requests: u64, differences: &mut Differences) {
    compare!(
        differences,
        export,
        totals.connections.opened = connections,
        totals.connections.established = connections,
        totals.connections.closed_by.server = connections,
        Phase::Connect.count = connections,
        Phase::Lifetime.count = connections,
        Phase::TtfbFirst.count = connections,
        totals.requests.connections = connections,
        totals.tls.not_tls = connections,
        totals.requests.count = requests,
        Phase::Ttfb.count = requests,
        Phase::Transfer.count = requests,
        Phase::Pickup.count = requests,
        Phase::TtfbReused.count = requests - connections,
        Phase::Idle.count = requests - connections,
        events.undecodable = 0,
        events.map_full = 0,
        totals.requests.failed = 0,
    );
    // Only records without a figure are lost: the first bytes of each connection, which name its host.
    let lost = figure!(export, events.lost).unwrap_or(u64::MAX);
    differences.holds(&format!("{lost} are lost"), lost <= connections);
}

/// Checks that records that were not read in time are in the totals only.
fn compare_split(export: &Export, requests: u64, differences: &mut Differences) -> Result<()> {
    let overflowed = figure!(export, events.overflowed)?;
    differences.holds(
        &format!("{overflowed} records overflowed"),
        overflowed > requests / 4,
    );
    let hosts = export.hosts.iter();
    let split: u64 = hosts.filter_map(|host| host.group.requests.count).sum();
    differences.holds(
        &format!("{split} of the requests are some host's"),
        (1..requests).contains(&split),
    );
    Ok(())
}

#[test]
fn short_connections() -> Result<()> {
    check(80_000, 1)
}

#[test]
fn many_requests_on_few_connections() -> Result<()> {
    check(4_000, 280)
}

/// Lookups whose queries, or only their answers, find the ring full.
#[test]
fn lookups() -> Result<()> {
    const ROUNDS: u64 = 800;
    const OF_EACH_KIND: u64 = ROUNDS * 16;
    let server = DnsServer::start("127.0.0.53", Script::default())?;
    let attached = Attached::start(&["--comm", "python*"])?;
    attached.signal(Signal::SIGSTOP)?;
    let arguments = ["flood", "127.0.0.53", &ROUNDS.to_string()];
    let client = Client::python("lookups.py", &arguments)?.inside(&server.namespace);
    let mut command = Command::new(client.command.first().context("no command")?);
    let process = Process::start(command.args(client.command.iter().skip(1)));
    let finished = process.and_then(|process| process.finish_within(2 * PATIENCE));
    attached.signal(Signal::SIGCONT)?;
    finished?;
    let traced = attached.end(Signal::SIGTERM)?;
    let export = &traced.export;
    let mut differences = Differences::of("lookups that nobody reads");
    differences.equal(
        "queries by the server",
        server.counts().datagrams,
        4 * OF_EACH_KIND,
    );
    compare!(
        &mut differences,
        export,
        totals.dns.queries = 4 * OF_EACH_KIND,
        totals.dns.answered = 2 * OF_EACH_KIND,
        totals.dns.failed.nxdomain = OF_EACH_KIND,
        totals.dns.failed.servfail = OF_EACH_KIND,
        totals.dns.failed.timeout = 0,
        totals.dns.retries = 0,
        Phase::Dns.count = 2 * OF_EACH_KIND,
        Phase::DnsFailed.count = 2 * OF_EACH_KIND,
    );
    let overflowed = figure!(export, events.overflowed)?;
    differences.holds(
        &format!("{overflowed} records overflowed"),
        overflowed > OF_EACH_KIND,
    );
    differences.finish(|| format!("{}\nevents: {}", traced.story(), shown(&export.events)))
}
