//! Bytes that are no requests and no answers, in clear: the rest of a body whose answer came early, what a server says
//! unasked, interim responses, and the messages of an upgraded connection.

use anyhow::Result;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::server::Script;
use tracer_tests::tracer::{Traced, run};
use tracer_tests::turns::{self, Turns};

/// Time in ns that a server takes for its answer.
const THINK_NS: u64 = 100_000_000;

fn url(server: &Script) -> String {
    format!("http://127.0.0.1:{}/", server.port)
}

/// Checks that the server counted these requests and connections, and that tracer did.
fn compare_pages(
    traced: &Traced,
    server: &Script,
    turns: Turns,
    differences: &mut Differences,
) -> Result<()> {
    server.compare_pages(traced, turns, differences)?;
    compare!(
        differences,
        traced.export,
        totals.connections.other_protocol = 0,
        totals.tls.not_tls = turns.connections
    );
    Ok(())
}

/// 413 as soon as the head is there; the body goes on for 100 ms. `later` more requests follow on each connection.
fn check_early(later: u64) -> Result<()> {
    const CONNECTIONS: u64 = 5;
    let server = Script::pages(&["early=413"])?;
    let numbers = [CONNECTIONS, 5, later].map(|number| number.to_string());
    let [connections, pieces, more] = numbers.each_ref().map(String::as_str);
    let traced = run(&Client::python(
        "uploads.py",
        &[&url(&server), connections, pieces, more],
    )?)?;
    let turns = Turns {
        requests: CONNECTIONS * (1 + later),
        connections: CONNECTIONS,
        failed: 0,
    };
    let mut differences = Differences::of(format!("413, then {later} requests"));
    compare_pages(&traced, &server, turns, &mut differences)?;
    let first_ns = figure!(traced.export, Phase::Ttfb.max_ns)?;
    differences.holds(
        &format!("answered at once: {first_ns} ns"),
        first_ns < THINK_NS,
    );
    differences.finish(|| server.story(&traced))
}

#[test]
fn the_rest_of_a_body_answered_early() -> Result<()> {
    check_early(0)
}

#[test]
fn requests_behind_a_body_answered_early() -> Result<()> {
    check_early(2)
}

/// The server says 408 on an idle connection and closes: that belongs to no response.
#[test]
fn a_notice_on_an_idle_connection() -> Result<()> {
    const IDLE_NS: u64 = 400_000_000;
    let server = Script::pages(&["notice=400", "size=2"])?;
    let traced = run(&Client::python(
        "stays.py",
        &[&server.port.to_string(), "5"],
    )?)?;
    let turns = Turns {
        requests: 5,
        connections: 5,
        failed: 0,
    };
    let mut differences = Differences::of("408");
    compare_pages(&traced, &server, turns, &mut differences)?;
    compare!(
        &mut differences,
        traced.export,
        totals.connections.closed_by.server = 5,
        Phase::IdleAtClose.count = 5
    );
    let transfer_ns = figure!(traced.export, Phase::Transfer.max_ns)?;
    differences.holds(
        &format!("a transfer of {transfer_ns} ns"),
        transfer_ns < IDLE_NS / 2,
    );
    let idle_ns = figure!(traced.export, Phase::IdleAtClose.p50_ns)?;
    differences.holds(
        &format!("idle for {idle_ns} ns before the close"),
        idle_ns.abs_diff(IDLE_NS) < IDLE_NS / 10,
    );
    differences.finish(|| server.story(&traced))
}

/// Interim response with fields as akka-http words it, and as a front end does.
const INTERIM: [&str; 3] = [
    r"HTTP/1.1 100 Continue\r\n\r\n",
    r"HTTP/1.1 100 Continue\r\nServer: front/1.0\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\n\r\n",
    r"HTTP/1.1 100 Continue\r\nServer: example-front-end/2.4.1 (edge node 17)\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\n\r\n",
];

/// Sends the body once the server agrees; the median of curl's own times from the head to the answer comes last.
const EXPECTING: &str = r#"body=$(head -c 3000 /dev/zero | tr '\0' x)
curl -sk -o /dev/null -o /dev/null -o /dev/null -H Expect:100-continue -w '%{time_starttransfer} %{time_pretransfer}\n' -d "$body" "$1?[1-3]" |
  awk '{ printf "%s%.0f", NR == 1 ? "[" : ",", ($1 - $2) * 1e9 } END { print "]" }'"#;

#[test]
fn interim_responses_with_fields() -> Result<()> {
    for interim in INTERIM {
        let server = Script::pages(&["delay=100", &format!("interim={interim}")])?;
        let traced = run(&Client::shell("curl", EXPECTING, &[&url(&server)]))?;
        let turns = Turns {
            requests: 3,
            connections: 1,
            failed: 0,
        };
        let mut differences = Differences::of(interim);
        compare_pages(&traced, &server, turns, &mut differences)?;
        let by_curl = traced.client_count()?;
        differences.equal("times of curl", by_curl.as_array().map(Vec::len), Some(3));
        let shortest = figure!(traced.export, Phase::Ttfb.min_ns)?;
        differences.holds(
            &format!("{shortest} ns are the server's time"),
            shortest >= THINK_NS - THINK_NS / 100,
        );
        differences.finish(|| server.story(&traced))?;
    }
    Ok(())
}

/// Messages of a websocket are no requests, also those that look like one.
#[test]
fn messages_of_a_websocket() -> Result<()> {
    let server = Script::start("websocket.py", &[])?;
    let traced = run(&Client::python(
        "websocket.py",
        &[&server.port.to_string(), "3", "50"],
    )?)?;
    let turns = Turns {
        requests: 3,
        connections: 3,
        failed: 0,
    };
    let mut differences = Differences::of("websockets");
    differences.equal("upgrades of the server", server.counted("upgrade")?, 3);
    differences.equal("messages of the server", server.counted("message")?, 150);
    traced.export.compare_losses(&mut differences);
    turns::compare(&traced.export, turns, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.upgraded = 3,
        totals.connections.other_protocol = 0,
    );
    differences.finish(|| server.story(&traced))
}
