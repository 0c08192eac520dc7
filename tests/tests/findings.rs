//! Findings: faults of servers and networks, as clients meet them, are found and named first, with the right figures and
//! client. Faults of clients are in `findings_cures.rs`.

use anyhow::Result;
use tracer_testbed::origin::{Faults, Options, Reach};
use tracer_tests::client::Client;
use tracer_tests::faults::{against, evidence, only, thinking};

fn python(fault: &'static str) -> impl FnOnce(&str) -> Result<Client> {
    move |url| tracer_tests::faults::python(&[fault, url])
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
    let export = against("reuse-fails-here", options, python("broken"))?;
    let finding = only(&export, "reuse-fails-here", "requests/urllib3")?;
    evidence(finding, "failed_on_reused", 30.0)
}

#[test]
fn a_server_that_thinks() -> Result<()> {
    let export = against("server-slow", thinking(300), python("slow"))?;
    let finding = only(&export, "server-slow", "requests/urllib3")?;
    evidence(finding, "first_byte_p50_ns", 300e6)
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
    let export = against("connect-retries", options, python("unanswered"))?;
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
    let export = against("close-wait-leak", options, python("unclosed"))?;
    let finding = only(&export, "close-wait-leak", "requests/urllib3")?;
    evidence(finding, "close_wait_peak", 40.0)
}
