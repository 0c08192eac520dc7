//! Findings: faults of servers and networks, as clients meet them, are found and named first, with the right figures and
//! client. Faults of clients are in `findings_cures.rs`.

use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_testbed::link::LinkOptions;
use tracer_testbed::origin::{Faults, Options, Reach};
use tracer_tests::client::Client;
use tracer_tests::faults::{Far, against, evidence, finding, only, thinking};

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

/// Length of a page that is large enough for compression to pay.
const PAGE_BYTES: usize = 60_000;
/// Six connections with four pages each: the heads of the first four responses of a connection are read.
const PAGES: &str = r#"
for connection in 1 2 3 4 5 6; do
    curl -sS -o /dev/null -o /dev/null -o /dev/null -o /dev/null "$@" "$URL" "$URL" "$URL" "$URL"
done
"#;

/// Traces clients of pages of text that the server never compresses.
fn pages(name: &str, flags: &[&str]) -> Result<tracer_tests::export::Export> {
    let options = Options {
        body_bytes: PAGE_BYTES,
        ..thinking(0)
    };
    let link = LinkOptions {
        rtt: Duration::from_millis(10),
        bandwidth_bits: Some(30_000_000),
        ..LinkOptions::default()
    };
    let far = Far::over(link, options)?;
    let mut client = Client::shell("curl", PAGES, flags);
    client.environment.push(("URL".into(), far.url().into()));
    let export = far.trace(name, client)?;
    far.finish();
    Ok(export)
}

#[test]
fn text_that_the_client_does_not_want_compressed() -> Result<()> {
    let export = pages("no-http-compression", &[])?;
    let finding = only(&export, "no-http-compression", "curl")?;
    ensure!(
        finding.severity == Some(tracer_export::Severity::Warning),
        "{finding:#?}"
    );
    evidence(finding, "uncompressed_unasked", 24.0)?;
    evidence(finding, "uncompressed_bytes_mean", PAGE_BYTES as f64)
}

/// No setting of the client helps then, so the finding is for information.
#[test]
fn text_that_the_server_does_not_compress() -> Result<()> {
    let export = pages("no-http-compression_asked", &["--compressed"])?;
    let finding = finding(&export, "no-http-compression")?;
    ensure!(
        finding.severity == Some(tracer_export::Severity::Info),
        "{finding:#?}"
    );
    evidence(finding, "uncompressed_asked", 24.0)?;
    evidence(finding, "uncompressed_bytes_mean", PAGE_BYTES as f64)
}

/// Downloads of a megabyte, given up after 0.3 s, over a link that takes 8 s for one of them.
const GIVEN_UP: &str = r#"
for download in 1 2 3 4 5; do
    ! curl -sS -m 0.3 -o /dev/null "$1" 2> /dev/null
done
"#;

#[test]
fn downloads_given_up_in_the_middle() -> Result<()> {
    let options = Options {
        body_bytes: 1_000_000,
        ..thinking(0)
    };
    let link = LinkOptions {
        rtt: Duration::from_millis(10),
        bandwidth_bits: Some(1_000_000),
        ..LinkOptions::default()
    };
    let far = Far::over(link, options)?;
    let client = far.inside(Client::shell("curl", GIVEN_UP, &[&far.url()]));
    let traced = tracer_tests::tracer::run(&client)?;
    let requests = &traced.export.totals.requests;
    ensure!(requests.cut_short == Some(5), "{}", traced.story());
    ensure!(requests.count == Some(5), "{}", traced.story());
    ensure!(requests.per_connection.one == Some(5), "{}", traced.story());
    far.finish();
    Ok(())
}
