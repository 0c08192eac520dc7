//! Time to first byte against three other clocks: curl's, Go's httptrace and a packet capture.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tracer_tests::capture::Capture;
use tracer_tests::case::{Origin, Running, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::figure;
use tracer_tests::server::GoOptions;
use tracer_tests::sockets;
use tracer_tests::tracer::run;
use tracer_tests::turns::{Turns, compare, compare_time, median};
use tracer_tests::wire::{Flow, flows};

const REQUESTS: u64 = 400;
const LIMIT_NS: u64 = 100_000;

/// A Go server that thinks for 2 ms.
fn server(version: Option<&'static str>) -> Origin {
    Origin::Go(GoOptions {
        version,
        flags: vec!["-delay=2ms".into()],
    })
}

/// The requests of curl on one connection; its times in µs become ns.
const CURL: &str = r#"
urls=$(for _ in $(seq "$2"); do printf '%s -o /dev/null ' "$1"; done)
curl -s --http1.1 --cacert "$3" -w '%{time_starttransfer} %{time_pretransfer}\n' $urls |
  awk '{ printf "%s%.0f", (NR == 1 ? "[" : ","), ($1 - $2) * 1e9 } END { print "]" }'"#;

/// Traces a client that tells its times; the medians agree.
fn check(origin: &Origin, mut client: impl FnMut(&[&str]) -> Result<Client>) -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Running::start(origin, &certificate)?;
    let at = target(origin.is_tls(), server.port(), &certificate);
    let traced = run(&client(&[&at.url, &REQUESTS.to_string(), &at.ca])?)?;
    let times = match traced.client_count()? {
        Value::Object(said) => said.get("ttfb_ns").cloned().context("no times")?,
        times => times,
    };
    let mut differences = Differences::of(format!("ttfb, {origin:?}"));
    let turns = Turns {
        requests: REQUESTS,
        connections: 1,
        failed: 0,
    };
    compare(&traced.export, turns, &mut differences);
    compare_time(
        "ttfb p50",
        figure!(traced.export, Phase::Ttfb.p50_ns),
        median(&times)?,
        LIMIT_NS,
        &mut differences,
    );
    differences.finish(|| traced.story())
}

#[test]
fn by_the_clock_of_curl() -> Result<()> {
    for version in [None, Some("1.2"), Some("1.3")] {
        check(&server(version), |arguments| {
            Ok(Client::shell("curl", CURL, arguments))
        })?;
    }
    Ok(())
}

#[test]
fn by_the_clock_of_go() -> Result<()> {
    for version in [None, Some("1.2"), Some("1.3")] {
        check(&server(version), |arguments| {
            let [url, count, ca] = arguments else {
                anyhow::bail!("three arguments");
            };
            Client::go(&["tuned", url, count, "1", ca])
        })?;
    }
    Ok(())
}

/// Times from the first byte of each request to that of its response, as captured, ns.
fn captured(flow: &Flow) -> Result<Vec<u64>> {
    let starts = |bytes: &[u8], word: &[u8]| -> Vec<usize> {
        let matches = bytes.windows(word.len()).enumerate();
        matches
            .filter(|(_, window)| *window == word)
            .map(|(at, _)| at)
            .collect()
    };
    let (sent, sent_at) = flow.sent.bytes();
    let (received, received_at) = flow.received.bytes();
    let requests = starts(&sent, b"GET /");
    let responses = starts(&received, b"HTTP/1.1 200");
    ensure!(requests.len() == responses.len(), "unequal numbers");
    let time = |(from, to): (&usize, &usize)| received_at.at(*to)?.checked_sub(sent_at.at(*from)?);
    let times = requests.iter().zip(&responses).map(time);
    times.collect::<Option<_>>().context("a byte without time")
}

#[test]
fn by_a_packet_capture() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Running::start(&Origin::plain(), &certificate)?;
    let at = target(false, server.port(), &certificate);
    let capture = Capture::start(server.port())?;
    let arguments = ["keepalive", &at.url, &REQUESTS.to_string(), &at.ca];
    let traced = run(&Client::python("http_client.py", &arguments)?)?;
    sockets::settle(server.port())?;
    let flows = flows(&capture.finish()?, server.port());
    let mut times = captured(flows.first().context("no connection")?)?;
    times.sort_unstable();
    let mut differences = Differences::of("ttfb on the wire");
    let export = &traced.export;
    for (name, got, quantile, limit_ns) in [
        ("p50", figure!(export, Phase::Ttfb.p50_ns), 2, LIMIT_NS / 2),
        ("p90", figure!(export, Phase::Ttfb.p90_ns), 10, LIMIT_NS),
    ] {
        let wire = times.get(times.len() - 1 - times.len() / quantile);
        let wire = *wire.context("no times")?;
        compare_time(name, got, wire, limit_ns, &mut differences);
    }
    differences.finish(|| traced.story())
}
