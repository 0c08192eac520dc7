//! 20,000 short connections from 50 parallel clients: an exact count, nothing lost.

use anyhow::Result;
use tracer_export::Phase;
use tracer_tests::case::{compare_processes, said};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::tracer::run;

const CLIENTS: u64 = 50;
const CONNECTIONS: u64 = 20_000;

#[test]
fn twenty_thousand_short_connections() -> Result<()> {
    let options = NginxOptions {
        protocols: None,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let binary = env!("CARGO_BIN_EXE_short_connections");
    let [clients, count, port] = [CLIENTS, CONNECTIONS, server.port.into()].map(|n| n.to_string());
    let client = Client::new("short_connectio", [binary, &clients, &count, &port]);
    let traced = run(&client)?;
    let mut differences = Differences::of("20,000 short connections");
    differences.equal(
        "connections by the client",
        said(&traced, "connections")?,
        CONNECTIONS,
    );
    differences.equal(
        "connections by the server",
        server.seen()?.connections,
        Some(CONNECTIONS),
    );
    let export = &traced.export;
    export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        export,
        totals.connections.opened = CONNECTIONS,
        totals.connections.established = CONNECTIONS,
        totals.connections.open_now = 0,
        totals.connections.closed_by.server = CONNECTIONS,
        totals.tls.full = 0,
        totals.tls.failed = 0,
    );
    export.compare_phases(
        &[(Phase::Connect, CONNECTIONS), (Phase::ConnectFailed, 0)],
        &mut differences,
    );
    compare_processes(export, &client, CONNECTIONS, &mut differences);
    differences.finish(|| traced.story())
}
