//! HTTP/2 is never taken for HTTP/1: with many requests at once, whose frames share records, and where tracing begins
//! long after the connection.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::machine::{fixture, program};
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::tracer::{Attached, Traced, run_with};

const ROUNDS: u64 = 10;
const AT_ONCE: u64 = 10;

fn site(protocols: &'static str) -> Result<(Nginx, String)> {
    let options = NginxOptions {
        protocols: Some(protocols),
        http2: true,
        ..NginxOptions::default()
    };
    let site = Nginx::start(options, &Certificate::small()?)?;
    let url = format!("https://localhost:{}/", site.port);
    Ok((site, url))
}

/// Requests over HTTP/2 on one connection. None counts for HTTP/1, and no more than there were for HTTP/2.
fn compare_apart(
    traced: &Traced,
    site: &Nginx,
    requests: u64,
    differences: &mut Differences,
) -> Result<()> {
    let seen = site.seen()?;
    differences.equal("requests of nginx over HTTP/2", seen.http2, Some(requests));
    differences.equal("connections of nginx", seen.used, Some(1));
    traced.export.compare_losses(differences);
    compare!(
        differences,
        traced.export,
        totals.requests.by_protocol.http1 = 0,
        totals.requests.failed = 0,
        totals.requests.aborted = 0,
        totals.requests.in_flight_now = 0,
    );
    let count = figure!(traced.export, totals.requests.count)?;
    differences.holds(&format!("{count} requests or more"), count <= requests);
    Ok(())
}

fn httpx(url: &str, when: &str) -> Result<Client> {
    Client::python(
        "h2_kept.py",
        &[url, &ROUNDS.to_string(), &AT_ONCE.to_string(), when],
    )
}

/// httpx acknowledges the server's SETTINGS in one record with the requests.
#[test]
fn many_at_once() -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let (site, url) = site(protocols)?;
        let traced = run_with(&["--http2", "wire"], &httpx(&url, "now")?)?;
        let mut differences = Differences::of(format!("httpx over {protocols}"));
        differences.holds("the client succeeded", traced.finished.status.success());
        compare_apart(&traced, &site, ROUNDS * AT_ONCE, &mut differences)?;
        compare!(
            &mut differences,
            traced.export,
            totals.http2.source.inferred = 1,
            totals.http2.at_least = 1,
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}

/// Lengths of the records of a client.
#[derive(Clone, Copy, PartialEq)]
enum Lengths {
    /// Lengths that tell HTTP/2.
    Tell,
    /// Lengths that a client of HTTP/1.1 may have, too.
    MayMislead,
}

/// Attaches to a client that has made three requests; it makes the others then.
fn check_attached(lengths: Lengths, client: impl Fn(&str) -> Result<Client>) -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let (site, url) = site(protocols)?;
        let client = client(&url)?;
        let process = client.start()?;
        wait_for("the first requests", PATIENCE, || {
            Ok(process.stdout()?.contains("ready").then_some(()))
        })
        .with_context(|| process.stderr().unwrap_or_default())?;
        let attached = Attached::start(&["--pid", &process.id().to_string()])?;
        process.signal(Signal::SIGUSR2)?;
        let finished = process.finish()?;
        let traced = attached.finish()?;
        let mut differences = Differences::of(format!("{:?} over {protocols}", client.comm));
        differences.holds(&format!("{finished:?}"), finished.status.success());
        if lengths == Lengths::Tell {
            compare_apart(&traced, &site, 3 + ROUNDS * AT_ONCE, &mut differences)?;
        }
        let inferred = figure!(traced.export, totals.requests.inferred)?;
        compare!(
            &mut differences,
            traced.export,
            totals.requests.count = inferred,
            totals.requests.failed = 0,
            totals.connections.adopted = 1,
            totals.connections.opened = 0
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}

#[test]
fn attached_to_httpx() -> Result<()> {
    check_attached(Lengths::Tell, |url| httpx(url, "told"))
}

/// Node puts the frames of all requests of a round into one record, which is as long as a request of HTTP/1.1. What is
/// counted is marked as inferred.
#[test]
fn attached_to_node() -> Result<()> {
    check_attached(Lengths::MayMislead, |url| {
        let node = program("node", "nodejs")?.into_os_string();
        let script = fixture("clients/h2_kept.mjs").into_os_string();
        let numbers = [ROUNDS, AT_ONCE].map(|number| number.to_string().into());
        Ok(Client::new(
            "node",
            [node, script, url.into()].into_iter().chain(numbers),
        ))
    })
}
