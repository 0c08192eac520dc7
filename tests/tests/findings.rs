//! Findings: each fault, written as people write it, is found and named first, with the right figures and client; healthy
//! clients have none.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tracer_export::{Finding, FindingStatus, Severity};
use tracer_testbed::origin::{Faults, Options, Reach};
use tracer_tests::build;
use tracer_tests::client::Client;
use tracer_tests::export::Export;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::process::{PATIENCE, Process};
use tracer_tests::server::{Testbed, origin};
use tracer_tests::tracer::run;

fn any() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Origin in clear that thinks for this long.
fn thinking(ms: u64) -> Options {
    origin(any(), Duration::from_millis(ms), 1024)
}

fn python(fault: &'static str) -> impl FnOnce(&str) -> Result<Client> {
    move |url| Client::python("faults.py", &[fault, url])
}

fn go(fault: &'static str) -> impl FnOnce(&str) -> Result<Client> {
    move |url| {
        let program = build::go("clients/go/faults/main.go")?;
        let mut client = Client::new("clients-go-faul", [program]);
        client.command.extend([fault.into(), url.into()]);
        Ok(client)
    }
}

/// Export of a client's trace against an origin.
fn trace(options: Options, client: impl FnOnce(&str) -> Result<Client>) -> Result<Export> {
    let mut testbed = Testbed::new()?;
    let address = testbed.start(options)?;
    let traced = run(&client(&format!("http://{address}/page/0"))?)?;
    testbed.finish();
    Ok(traced.export)
}

fn findings(export: &Export) -> Result<&[Finding]> {
    export.findings.as_deref().context("no findings")
}

/// Faults of the client, not of a machine that is busy with other tests.
fn found(export: &Export) -> Result<impl Iterator<Item = &Finding>> {
    let waits_for_a_cpu = |finding: &Finding| {
        let ratio = finding.evidence.get("pickup_cpu_ratio");
        ratio.is_some_and(|ratio| *ratio >= 0.5)
    };
    let all = findings(export)?.iter();
    let found = all.filter(|finding| finding.status == FindingStatus::Found);
    Ok(found.filter(move |finding| !waits_for_a_cpu(finding)))
}

/// Faults that are more than information, in their order.
fn faults(export: &Export) -> Result<Vec<&str>> {
    let faults = found(export)?.filter(|finding| finding.severity > Some(Severity::Info));
    Ok(faults.map(|finding| &*finding.id).collect())
}

/// Checks that a fault is the only one, and whose it is.
fn only<'e>(export: &'e Export, id: &str, client: &str) -> Result<&'e Finding> {
    let all = findings(export)?;
    ensure!(faults(export)? == [id], "{id} expected: {all:#?}");
    let finding = all
        .iter()
        .find(|finding| finding.id == id)
        .context("gone")?;
    ensure!(finding.client.as_deref() == Some(client), "{finding:#?}");
    ensure!(!finding.advice.is_empty(), "{finding:#?}");
    Ok(finding)
}

/// Checks a figure of the evidence, within ten percent.
fn evidence(finding: &Finding, name: &str, expected: f64) -> Result<()> {
    let value = finding
        .evidence
        .get(name)
        .copied()
        .context(name.to_owned())?;
    let is_near = (value - expected).abs() <= expected / 10.0;
    ensure!(
        is_near,
        "{name}: {value}, expected {expected}: {finding:#?}"
    );
    Ok(())
}

#[test]
fn a_session_for_each_request() -> Result<()> {
    let export = trace(thinking(0), python("session_each"))?;
    let finding = only(&export, "no-connection-reuse", "requests/urllib3")?;
    evidence(finding, "avoidable_connections", 79.0)?;
    evidence(finding, "connections", 80.0)
}

#[test]
fn a_pool_of_two_for_fifty_workers() -> Result<()> {
    let export = trace(thinking(5), go("small-pool"))?;
    let finding = only(&export, "pool-too-small", "Go net/http")?;
    evidence(finding, "requests", 1000.0)?;
    let advice = finding.advice.first().context("no advice")?;
    ensure!(
        advice.setting.as_deref() == Some("Transport.MaxIdleConnsPerHost"),
        "{advice:?}"
    );
    let proposed: f64 = advice.proposed.as_deref().unwrap_or_default().parse()?;
    ensure!((40.0..=50.0).contains(&proposed), "{advice:?}");
    Ok(())
}

#[test]
fn bodies_that_are_never_closed() -> Result<()> {
    let options = Options {
        body_bytes: 200_000,
        ..thinking(0)
    };
    let export = trace(options, go("open-body"))?;
    let finding = only(&export, "connection-leak", "Go net/http")?;
    evidence(finding, "open_peak", 80.0)
}

#[test]
fn a_keep_alive_that_ends_before_the_clients() -> Result<()> {
    let options = Options {
        idle_timeout: Some(Duration::from_millis(500)),
        // All connections are used at once, so that none of them looks left over.
        ..thinking(50)
    };
    let export = trace(options, python("stale"))?;
    let finding = only(&export, "stale-reuse", "requests/urllib3")?;
    evidence(finding, "server_keep_alive_ns", 500e6)
}

#[test]
fn a_timeout_shorter_than_the_server() -> Result<()> {
    let export = trace(thinking(1500), go("short-timeout"))?;
    let finding = only(&export, "client-timeout-cluster", "Go net/http")?;
    evidence(finding, "requests_given_up", 20.0)?;
    evidence(finding, "given_up_after_ns", 300e6)
}

#[test]
fn a_server_that_breaks_connections() -> Result<()> {
    let options = Options {
        faults: Faults {
            reset: true,
            spared: 9,
            ..Faults::default()
        },
        ..thinking(0)
    };
    let export = trace(options, python("broken"))?;
    let finding = only(&export, "reuse-fails-here", "requests/urllib3")?;
    evidence(finding, "failed_on_reused", 30.0)
}

#[test]
fn a_server_that_thinks() -> Result<()> {
    let export = trace(thinking(300), python("slow"))?;
    let finding = only(&export, "server-slow", "requests/urllib3")?;
    evidence(finding, "first_byte_p50_ns", 300e6)
}

#[test]
fn an_event_loop_that_is_blocked() -> Result<()> {
    let export = trace(thinking(0), python("blocked"))?;
    let finding = only(&export, "slow-pickup", "aiohttp")?;
    evidence(finding, "responses", 150.0)?;
    let summary = finding.summary.as_deref().unwrap_or_default();
    ensure!(summary.contains("busy itself"), "{summary}");
    Ok(())
}

#[test]
fn a_default_that_caps() -> Result<()> {
    let export = trace(thinking(150), python("capped"))?;
    let finding = only(&export, "concurrency-capped", "aiohttp")?;
    evidence(finding, "requests_at_once_peak", 100.0)
}

#[test]
fn connects_without_an_answer() -> Result<()> {
    let options = Options {
        faults: Faults {
            reach: Reach::BlackHole,
            ..Faults::default()
        },
        ..thinking(0)
    };
    let export = trace(options, python("unanswered"))?;
    let finding = only(&export, "connect-retries", "a Python client")?;
    evidence(finding, "syn_sent_again", 25.0)
}

/// Only what is held for ten seconds counts.
#[test]
fn responses_that_are_held_after_the_server_has_closed() -> Result<()> {
    let options = Options {
        faults: Faults {
            half_close: true,
            ..Faults::default()
        },
        ..thinking(0)
    };
    let export = trace(options, python("unclosed"))?;
    let finding = only(&export, "close-wait-leak", "requests/urllib3")?;
    evidence(finding, "close_wait_peak", 40.0)
}

#[test]
fn healthy_clients_have_none() -> Result<()> {
    let good = trace(thinking(2), python("good"))?;
    ensure!(faults(&good)?.is_empty(), "{:#?}", findings(&good)?);
    // A server without keep-alive is no fault of its client.
    let options = Options {
        keep_alive: false,
        ..thinking(0)
    };
    let polite = trace(options, python("polite"))?;
    ensure!(faults(&polite)?.is_empty(), "{:#?}", findings(&polite)?);
    Ok(())
}

/// Export of the reference crawler with this profile.
fn crawl(arguments: &[&str]) -> Result<Export> {
    require_root()?;
    let mut testbed = Testbed::new()?;
    let options = Options {
        pages: 200,
        ..thinking(10)
    };
    let address = testbed.start(options)?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["crawl", "--max-pages", "200", "--concurrency", "4"])
        .arg("--trace-json")
        .arg(&file)
        .args(arguments)
        .arg(format!("http://{address}/page/0"));
    Process::start(&mut command)?.finish_within(2 * PATIENCE)?;
    testbed.finish();
    Export::read(&file)
}

#[test]
fn the_naive_crawl_has_its_fault_and_the_tuned_one_none() -> Result<()> {
    let naive = crawl(&["--profile", "default", "--idle-per-host", "0"])?;
    ensure!(
        faults(&naive)? == ["no-connection-reuse"],
        "{:#?}",
        findings(&naive)?
    );
    let tuned = crawl(&["--profile", "tuned"])?;
    ensure!(found(&tuned)?.count() == 0, "{:#?}", findings(&tuned)?);
    Ok(())
}
