//! Answers without a body, or with a few bytes of it, and a server that closes after so many requests.

use anyhow::Result;
use tracer_tests::case::{Origin, Running, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::server::NginxOptions;
use tracer_tests::tracer::run;
use tracer_tests::turns::{self, Turns};

fn check(
    options: NginxOptions,
    client: impl FnOnce(&str, &str) -> Result<Client>,
    requests: u64,
    connections: u64,
) -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Running::start(&Origin::Nginx(options), &certificate)?;
    let at = target(options.protocols.is_some(), server.port(), &certificate);
    let traced = run(&client(&at.url, &at.ca)?)?;
    let seen = server.seen()?;
    let mut differences = Differences::of(format!("{options:?}"));
    differences.holds("the client succeeded", traced.finished.status.success());
    differences.equal("requests of nginx", seen.requests, Some(requests));
    differences.equal("connections of nginx", seen.used, Some(connections));
    traced.export.compare_losses(&mut differences);
    let turns = Turns {
        requests,
        connections,
        failed: 0,
    };
    turns::compare(&traced.export, turns, &mut differences);
    differences.finish(|| traced.story())
}

#[test]
fn not_modified_heads_and_ranges() -> Result<()> {
    for protocols in [None, Some("TLSv1.2"), Some("TLSv1.3")] {
        let options = NginxOptions {
            protocols,
            body_bytes: 100_000,
            ..NginxOptions::default()
        };
        let client = |url: &str, ca: &str| {
            let url = format!("{url}body");
            Client::python("short_answers.py", &[&url, ca, "40"])
        };
        check(options, client, 121, 1)?;
    }
    Ok(())
}

#[test]
fn a_server_that_closes_after_a_hundred_requests() -> Result<()> {
    for protocols in [None, Some("TLSv1.2"), Some("TLSv1.3")] {
        let options = NginxOptions {
            protocols,
            keepalive_requests: 100,
            ..NginxOptions::default()
        };
        let script = r#"curl -s --http1.1 --cacert "$2" -o /dev/null "$1?[1-250]""#;
        let client = |url: &str, ca: &str| Ok(Client::shell("curl", script, &[url, ca]));
        check(options, client, 250, 3)?;
    }
    Ok(())
}
