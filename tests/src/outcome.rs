//! Cases about TLS: outcomes of a client's handshakes on the wire and in the export.

use anyhow::Result;
use tracer_export::{Host, HostSource, Phase};

use crate::capture::Capture;
use crate::certificate::Certificate;
use crate::check::Differences;
use crate::client::Client;
use crate::compare;
use crate::export::Export;
use crate::server::{Nginx, NginxOptions};
use crate::sockets;
use crate::tracer::{Traced, run};
use crate::wire::{Flow, flows, sums};

/// Handshakes by outcome.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Complete handshakes without an earlier session.
    pub full: u64,
    /// Complete handshakes with an earlier session.
    pub resumed: u64,
    /// Handshakes that ended by an alert or a close.
    pub failed: u64,
}

/// No handshake at all.
pub const NOT_TLS: Outcome = Outcome {
    full: 0,
    resumed: 0,
    failed: 0,
};

/// Expects full handshakes only.
pub fn full(full: u64) -> Outcome {
    Outcome { full, ..NOT_TLS }
}

/// Expects failed handshakes only.
pub fn failed(failed: u64) -> Outcome {
    Outcome { failed, ..NOT_TLS }
}

/// Checks that the totals hold exactly these handshakes, and that nothing was lost.
pub fn compare(export: &Export, outcome: Outcome, differences: &mut Differences) {
    export.compare_losses(differences);
    compare!(
        differences,
        export,
        totals.tls.full = outcome.full,
        totals.tls.resumed = outcome.resumed,
        totals.tls.failed = outcome.failed,
        totals.tls.unfinished = 0,
        totals.tls.unknown = 0,
    );
    let phases = [
        (Phase::Tls, outcome.full),
        (Phase::TlsResumed, outcome.resumed),
    ];
    export.compare_phases(&phases, differences);
}

/// Traces `client`, captures what it does with `port`, and compares tracer and wire with `outcome`.
pub fn check(client: &Client, port: u16, outcome: Outcome) -> Result<(Traced, Vec<Flow>)> {
    let capture = Capture::start(port)?;
    let traced = run(client)?;
    sockets::settle(port)?;
    let flows = flows(&capture.finish()?, port);
    let wire = sums(&flows);
    let mut differences = Differences::of(format!("{:?}", client.command));
    differences.equal("full handshakes on the wire", wire.full, outcome.full);
    differences.equal(
        "resumed handshakes on the wire",
        wire.resumed,
        outcome.resumed,
    );
    compare(&traced.export, outcome, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = wire.established,
    );
    differences.finish(|| traced.story())?;
    Ok((traced, flows))
}

/// Host, source and established connections of each host.
fn hosts(export: &Export) -> Vec<(String, HostSource, u64)> {
    let named = |host: &Host| {
        let established = host.group.connections.established.unwrap_or_default();
        (host.host.clone(), host.host_source.clone(), established)
    };
    let mut hosts: Vec<_> = export.hosts.iter().map(named).collect();
    hosts.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    hosts
}

/// Checks that the export has exactly these hosts: name, source and connections, in order of names.
pub fn check_hosts(traced: &Traced, expected: &[(&str, HostSource, u64)]) -> Result<()> {
    let mut differences = Differences::of("hosts");
    let expected: Vec<_> = expected
        .iter()
        .map(|(host, source, count)| ((*host).to_owned(), source.clone(), *count))
        .collect();
    differences.equal("hosts", hosts(&traced.export), expected);
    differences.finish(|| traced.story())
}

/// Client `openssl s_client` with these options that asks for one page.
pub fn s_client(port: u16, options: &str) -> Client {
    let script =
        r#"printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -connect "127.0.0.1:$1" $2"#;
    Client::shell("openssl", script, &[&port.to_string(), options])
}

/// Client curl with these options.
pub fn curl(url: &str, options: &str) -> Client {
    Client::shell(
        "curl",
        r#"curl -s -o /dev/null $2 "$1" || echo "curl: $?""#,
        &[url, options],
    )
}

/// nginx with these protocols.
pub fn nginx(protocols: &'static str, certificate: &Certificate) -> Result<Nginx> {
    let options = NginxOptions {
        protocols: Some(protocols),
        ..NginxOptions::default()
    };
    Nginx::start(options, certificate)
}
