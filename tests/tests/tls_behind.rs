//! TLS that begins behind bytes in clear (STARTTLS, the question of PostgreSQL, the PROXY protocol), or carries a tunnel
//! to a proxy: the handshakes are seen, and nothing is made up of what follows.

use anyhow::Result;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::server::{Nginx, NginxOptions, Postgres, Script};
use tracer_tests::tracer::run;
use tracer_tests::turns::{self, Turns};

/// Checks handshakes on as many connections, of which each carries `most` exchanges at most over TLS.
fn compare_inside(
    export: &Export,
    handshakes: u64,
    most: u64,
    differences: &mut Differences,
) -> Result<()> {
    export.compare_losses(differences);
    compare!(
        differences,
        export,
        totals.connections.established = handshakes,
        totals.connections.open_now = 0,
        totals.tls.full = handshakes,
        totals.tls.failed = 0,
        totals.tls.unfinished = 0,
        totals.requests.failed = 0,
        totals.requests.in_flight_now = 0,
        totals.requests.h2_turns = 0,
    );
    let requests = figure!(export, totals.requests.count)?;
    differences.holds(
        &format!("{requests} exchanges of {most} a connection"),
        requests <= most * handshakes,
    );
    Ok(())
}

const PROXIED: &str = r#"for _ in 1 2 3 4 5; do curl -sk --http1.1 --haproxy-protocol -o /dev/null -o /dev/null "$1?[1-2]"; done"#;

/// Ten pages on five connections that begin with a line of the PROXY protocol.
fn check_proxy_protocol(protocols: Option<&'static str>) -> Result<()> {
    let options = NginxOptions {
        protocols,
        proxy_protocol: true,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let scheme = if protocols.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://127.0.0.1:{}/", server.port);
    let traced = run(&Client::shell("curl", PROXIED, &[&url]))?;
    let seen = server.seen()?;
    let mut differences = Differences::of(format!("PROXY protocol, {protocols:?}"));
    differences.equal(
        "requests and connections of nginx",
        (seen.requests, seen.used),
        (Some(10), Some(5)),
    );
    traced.export.compare_losses(&mut differences);
    let pages = Turns {
        requests: 10,
        connections: 5,
        failed: 0,
    };
    turns::compare(&traced.export, pages, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.tls.full = if protocols.is_some() { 5 } else { 0 },
        totals.tls.failed = 0,
    );
    differences.finish(|| traced.story())
}

#[test]
fn proxy_protocol_in_clear() -> Result<()> {
    check_proxy_protocol(None)
}

#[test]
fn proxy_protocol_before_tls() -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        check_proxy_protocol(Some(protocols))?;
    }
    Ok(())
}

/// The client asks for TLS (SSLRequest), and the server agrees with one byte.
#[test]
fn postgres() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Postgres::start(Some(&certificate))?;
    let psql = server.psql("require", &["SELECT 1", "SELECT 2"])?;
    let script = r#"for _ in 1 2 3 4 5; do "$@" >/dev/null; done"#;
    let psql: Vec<&str> = psql.iter().map(String::as_str).collect();
    let traced = run(&Client::shell("psql", script, &psql))?;
    let mut differences = Differences::of("sslmode=require");
    differences.equal(
        "statements of the server",
        server.logged("statement: SELECT")?,
        10,
    );
    differences.equal(
        "sessions of the server over TLS",
        server.logged("SSL enabled (protocol")?,
        5,
    );
    // The start, two queries, and the end.
    compare_inside(&traced.export, 5, 4, &mut differences)?;
    differences.finish(|| traced.story())
}

#[test]
fn smtp() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Script::secure("smtp.py", &certificate, &[])?;
    let port = server.port.to_string();
    let traced = run(&Client::python(
        "other_protocols.py",
        &["0", "http://127.0.0.1:1/", "starttls", &port],
    )?)?;
    let mut differences = Differences::of("STARTTLS");
    differences.holds("the client succeeded", traced.finished.status.success());
    differences.equal("letters over TLS", server.counted("secure")?, 6);
    // EHLO, two letters of four commands, and QUIT.
    compare_inside(&traced.export, 3, 10, &mut differences)?;
    differences.finish(|| server.story(&traced))
}

/// The handshake with the proxy is seen; that with the site is inside.
#[test]
fn a_proxy_over_tls() -> Result<()> {
    let certificate = Certificate::small()?;
    let proxy = Script::secure("tls_proxy.py", &certificate, &[])?;
    let site = Script::secure("pages.py", &certificate, &["version=1.3"])?;
    let script = r#"for _ in 1 2 3 4 5; do
      curl -sk --http1.1 --proxy-insecure --proxy "https://127.0.0.1:$1" -o /dev/null -o /dev/null "https://localhost:$2/?[1-2]"
    done"#;
    let ports = [proxy.port, site.port].map(|port| port.to_string());
    let traced = run(&Client::shell(
        "curl",
        script,
        &ports.each_ref().map(String::as_str),
    ))?;
    let mut differences = Differences::of("a proxy over TLS");
    differences.equal("tunnels of the proxy", proxy.counted("tunnel")?, 5);
    differences.equal("requests of the site", site.counted("request")?, 10);
    // The tunnel and two pages.
    compare_inside(&traced.export, 5, 3, &mut differences)?;
    differences.finish(|| proxy.story(&traced))
}
