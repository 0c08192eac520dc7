//! `tracer attach` again and again while a crawl runs: no slice has a failed request, a request that the server did not
//! have in that time, or an answer sooner than the server gives it.

use anyhow::Result;
use tracer_export::Phase;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::server::Script;
use tracer_tests::sockets;
use tracer_tests::tracer::Attached;

/// Threads of the crawl, each with a connection.
const CONNECTIONS: u64 = 20;

/// Attaches three times to a crawl with `kept` or `new` connections.
fn check_slices(habit: &str) -> Result<()> {
    const THINK_NS: u64 = 30_000_000;
    let server = Script::secure(
        "pages.py",
        &Certificate::small()?,
        &["version=1.3", "size=2000", "delay=30"],
    )?;
    let client =
        Client::python("crawls.py", &[&server.port.to_string(), "20", "6", habit])?.start()?;
    wait_for("the crawl", PATIENCE, || {
        Ok((server.counted("request")? >= 100).then_some(()))
    })?;
    for slice in 0..3 {
        let before = server.counted("request")?;
        let attached =
            Attached::start(&["--pid", &client.id().to_string(), "--duration", "400ms"])?;
        let traced = attached.finish()?;
        let of_server = server.counted("request")? - before;
        let mut differences = Differences::of(format!(
            "slice {slice} of {habit} connections, the server has {of_server}"
        ));
        traced.export.compare_losses(&mut differences);
        compare!(
            &mut differences,
            traced.export,
            totals.requests.failed = 0,
            totals.requests.h2_turns = 0,
            totals.tls.failed = 0,
        );
        let requests = figure!(traced.export, totals.requests.count)?;
        // Those in flight at the beginning were counted by the server before.
        differences.holds(
            &format!("{requests} requests"),
            requests <= of_server + CONNECTIONS,
        );
        // A session ticket of a new connection may pass for an answer while both CPUs are busy; most times are right.
        let phase = traced.export.phase(Phase::Ttfb);
        let time_ns = match habit {
            "kept" => phase.and_then(|ttfb| ttfb.min_ns),
            _ => phase.and_then(|ttfb| ttfb.p50_ns),
        };
        if let Some(time_ns) = time_ns.filter(|time_ns| *time_ns > 0) {
            differences.holds(
                &format!("{time_ns} ns to the first byte"),
                time_ns + 1_000_000 >= THINK_NS,
            );
        }
        differences.finish(|| server.story(&traced))?;
    }
    let finished = client.finish()?;
    anyhow::ensure!(finished.status.success(), "{finished:?}");
    sockets::settle(server.port)
}

#[test]
fn slices_of_a_crawl_on_kept_connections() -> Result<()> {
    check_slices("kept")
}

#[test]
fn slices_of_a_crawl_on_new_connections() -> Result<()> {
    check_slices("new")
}
