//! Faults with their cures: the advice of a finding, applied in the client that it names, makes the fault go away, and
//! saves about the time that was promised. A link makes connects take a known time.

use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_export::Phase;
use tracer_testbed::origin::Options;
use tracer_tests::faults::{
    Far, against, cured, evidence, go, gone, node, only, proposed, python, thinking,
};
use tracer_tests::figure;

/// An origin ten milliseconds away.
fn far(options: Options) -> Result<Far> {
    Far::start(Duration::from_millis(10), options)
}

#[test]
fn a_session_for_each_request() -> Result<()> {
    let far = far(thinking(0))?;
    let client = |name| python(&[name, &far.url()]);
    let before = far.trace("no-connection-reuse", client("session_each")?)?;
    let finding = only(&before, "no-connection-reuse", "requests/urllib3")?;
    evidence(finding, "avoidable_connections", 79.0)?;
    evidence(finding, "connections", 80.0)?;
    let after = far.trace("healthy_session", client("session_kept")?)?;
    cured(&before, &after, "no-connection-reuse", &[Phase::Connect])
}

#[test]
fn an_agent_that_keeps_nothing() -> Result<()> {
    let far = far(thinking(0))?;
    let client = |name| node(&[name, &far.url()]);
    let before = far.trace("no-connection-reuse_node", client("own-agent")?)?;
    let finding = only(&before, "no-connection-reuse", "a Node client")?;
    evidence(finding, "asked_to_close", 80.0)?;
    let after = far.trace("healthy_agent", client("keeping-agent")?)?;
    cured(&before, &after, "no-connection-reuse", &[Phase::Connect])
}

#[test]
fn a_pool_of_two_for_fifty_workers() -> Result<()> {
    let far = far(thinking(5))?;
    let before = far.trace("pool-too-small", go(&["small-pool", &far.url()])?)?;
    let finding = only(&before, "pool-too-small", "Go net/http")?;
    evidence(finding, "requests", 1000.0)?;
    let size = proposed(finding, "Transport.MaxIdleConnsPerHost")?;
    let is_right = (40..=50).contains(&size.parse::<u64>()?);
    ensure!(is_right, "{size}");
    let after = far.trace("healthy_pool", go(&["large-pool", &far.url(), &size])?)?;
    cured(&before, &after, "pool-too-small", &[Phase::Connect])
}

#[test]
fn bodies_that_are_never_closed() -> Result<()> {
    let options = Options {
        body_bytes: 200_000,
        ..thinking(0)
    };
    let far = far(options)?;
    let before = far.trace("connection-leak", go(&["open-body", &far.url()])?)?;
    let finding = only(&before, "connection-leak", "Go net/http")?;
    evidence(finding, "open_peak", 80.0)?;
    let after = far.trace("healthy_bodies", go(&["closed-body", &far.url()])?)?;
    cured(&before, &after, "connection-leak", &[Phase::Connect])
}

#[test]
fn a_timeout_shorter_than_the_server() -> Result<()> {
    let options = || thinking(900);
    let short = |url: &str| go(&["short-timeout", url]);
    let before = against("client-timeout-cluster", options(), short)?;
    let finding = only(&before, "client-timeout-cluster", "Go net/http")?;
    evidence(finding, "requests_given_up", 20.0)?;
    evidence(finding, "given_up_after_ns", 300e6)?;
    let setting = "Client.Timeout, Transport.ResponseHeaderTimeout";
    let limit = proposed(finding, setting)?;
    let long = |url: &str| go(&["long-timeout", url, &limit]);
    let after = against("healthy_timeout", options(), long)?;
    cured(&before, &after, "client-timeout-cluster", &[Phase::Aborted])
}

#[test]
fn an_event_loop_that_is_blocked() -> Result<()> {
    let blocked = |url: &str| python(&["blocked", url]);
    let before = against("slow-pickup", thinking(0), blocked)?;
    let finding = only(&before, "slow-pickup", "aiohttp")?;
    evidence(finding, "responses", 150.0)?;
    let summary = finding.summary.as_deref().unwrap_or_default();
    ensure!(summary.contains("busy itself"), "{summary}");
    let unblocked = |url: &str| python(&["unblocked", url]);
    let after = against("healthy_loop", thinking(0), unblocked)?;
    cured(&before, &after, "slow-pickup", &[Phase::Pickup])
}

#[test]
fn a_default_that_caps() -> Result<()> {
    let capped = |url: &str| python(&["capped", url]);
    let before = against("concurrency-capped", thinking(150), capped)?;
    let finding = only(&before, "concurrency-capped", "aiohttp")?;
    evidence(finding, "requests_at_once_peak", 100.0)?;
    let limit = proposed(finding, "TCPConnector(limit)")?;
    let uncapped = |url: &str| python(&["uncapped", url, &limit]);
    let after = against("healthy_cap", thinking(150), uncapped)?;
    gone(&before, &after, "concurrency-capped")?;
    let at_once = figure!(after, totals.requests.in_flight_peak)?;
    ensure!(at_once > 150, "{at_once} of {limit}");
    Ok(())
}

/// A request that was sent when the server closed has waited for a round trip in vain.
#[test]
fn pauses_as_long_as_the_servers_keep_alive() -> Result<()> {
    let options = Options {
        idle_timeout: Some(Duration::from_millis(300)),
        ..thinking(0)
    };
    let far = Far::start(Duration::from_millis(40), options)?;
    let pauses = |kept: &str| go(&["pauses", &far.url(), kept]);
    let before = far.trace("stale-reuse", pauses("90 s")?)?;
    let finding = only(&before, "stale-reuse", "Go net/http")?;
    evidence(finding, "server_keep_alive_ns", 300e6)?;
    let limit = proposed(finding, "Transport.IdleConnTimeout")?;
    let after = far.trace("healthy_pauses", pauses(&limit)?)?;
    gone(&before, &after, "stale-reuse")?;
    ensure!(
        figure!(after, totals.requests.stale)? == 0,
        "stale requests"
    );
    Ok(())
}
