//! Findings about clients in Node and Java.

use anyhow::Result;
use tracer_testbed::origin::Options;
use tracer_tests::faults::{against, evidence, java, node, only, thinking};

const NODE: &str = "a Node client";
const JAVA: &str = "Java HttpClient";

#[test]
fn a_node_agent_with_few_free_sockets() -> Result<()> {
    let client = |url: &str| node(&["few-free-sockets", url]);
    let export = against("pool-too-small_node", thinking(5), client)?;
    let finding = only(&export, "pool-too-small", NODE)?;
    evidence(finding, "requests", 600.0)
}

#[test]
fn a_wait_in_the_event_loop_of_node() -> Result<()> {
    let client = |url: &str| node(&["wait-in-loop", url]);
    let export = against("slow-pickup_node", thinking(0), client)?;
    let finding = only(&export, "slow-pickup", NODE)?;
    evidence(finding, "responses", 150.0)
}

#[test]
fn a_short_signal_for_fetch() -> Result<()> {
    let client = |url: &str| node(&["short-signal", url]);
    let export = against("client-timeout-cluster_node", thinking(1500), client)?;
    let finding = only(&export, "client-timeout-cluster", "undici")?;
    evidence(finding, "requests_given_up", 20.0)?;
    evidence(finding, "given_up_after_ns", 1e9)
}

#[test]
fn bodies_that_java_does_not_read() -> Result<()> {
    let options = Options {
        body_bytes: 1_000_000,
        ..thinking(0)
    };
    let client = |url: &str| java(&[], &["unread", url]);
    let export = against("connection-leak_java", options, client)?;
    let finding = only(&export, "connection-leak", JAVA)?;
    evidence(finding, "open_peak", 80.0)
}

#[test]
fn a_small_pool_of_java() -> Result<()> {
    let size = "-Djdk.httpclient.connectionPoolSize=8";
    let client = |url: &str| java(&[size], &["pool", url]);
    let export = against("pool-too-small_java", thinking(5), client)?;
    let finding = only(&export, "pool-too-small", JAVA)?;
    evidence(finding, "requests", 400.0)
}

#[test]
fn a_short_timeout_of_java() -> Result<()> {
    let client = |url: &str| java(&[], &["short-timeout", url]);
    let export = against("client-timeout-cluster_java", thinking(1500), client)?;
    let finding = only(&export, "client-timeout-cluster", JAVA)?;
    evidence(finding, "requests_given_up", 20.0)?;
    evidence(finding, "given_up_after_ns", 1e9)
}
