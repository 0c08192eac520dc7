//! A reader that stands still while the ring buffer fills: totals stay complete.

use anyhow::Result;
use nix::sys::signal::Signal;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::process::{PATIENCE, Process};
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::tracer::Attached;

const CLIENTS: u64 = 8;
/// Several times what the ring buffer holds.
const CONNECTIONS: u64 = 80_000;

#[test]
fn totals_are_complete_when_the_ring_overflows() -> Result<()> {
    let options = NginxOptions {
        protocols: None,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let attached = Attached::start(&["--port", &server.port.to_string()])?;
    attached.signal(Signal::SIGSTOP)?;
    let [clients, count, port] = [CLIENTS, CONNECTIONS, server.port.into()].map(|n| n.to_string());
    let binary = env!("CARGO_BIN_EXE_short_connections");
    let mut command = std::process::Command::new(binary);
    let crawler = Process::start(command.args([&clients, &count, &port]))?;
    let crawled = crawler.finish_within(2 * PATIENCE);
    attached.signal(Signal::SIGCONT)?;
    let said: serde_json::Value = serde_json::from_str(&crawled?.stdout)?;
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of("a full ring buffer");
    let seen = server.seen()?;
    differences.equal(
        "requests by the client",
        said["requests"].as_u64(),
        seen.requests,
    );
    differences.equal(
        "connections by the server",
        seen.connections,
        Some(CONNECTIONS),
    );
    let export = &traced.export;
    let overflowed = export.count("/events/overflowed")?;
    differences.holds(
        &format!("{overflowed} records overflowed"),
        overflowed > CONNECTIONS,
    );
    let complete = [
        "/totals/connections/opened",
        "/totals/connections/established",
        "/totals/connections/closed_by/server",
        "/totals/requests/count",
        "/totals/requests/connections",
        "/totals/phases/connect/count",
        "/totals/phases/ttfb/count",
        "/totals/phases/ttfb_first/count",
        "/totals/phases/transfer/count",
        "/totals/phases/lifetime/count",
        "/totals/tls/not_tls",
    ];
    export.compare(&complete.map(|path| (path, CONNECTIONS)), &mut differences);
    let none = [
        "/totals/connections/open_now",
        "/totals/requests/failed",
        "/totals/requests/in_flight_now",
        "/totals/connections/closed_by/unknown",
        "/events/undecodable",
        "/events/map_full",
    ];
    export.compare(&none.map(|path| (path, 0)), &mut differences);
    let split: u64 = export
        .list("/hosts")?
        .iter()
        .filter_map(|host| host["requests"]["count"].as_u64())
        .sum();
    differences.holds(
        &format!("{split} requests of hosts are some, not all"),
        split > 0 && split < CONNECTIONS,
    );
    differences.finish(|| format!("{}\nevents: {}", traced.story(), export.0["events"]))
}
