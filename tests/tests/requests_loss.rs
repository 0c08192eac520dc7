//! Responses of which segments are lost on the way: how long they take by curl's clock, and what of that is the
//! client's own slowness, which is nothing.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tracer_testbed::link::{Link, LinkOptions, Side};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::figure;
use tracer_tests::server::Threaded;
use tracer_tests::tracer::run;
use tracer_tests::turns::{Turns, compare, compare_time};

const REQUESTS: u64 = 60;
const BODY: usize = 100_000;
const ROUND_TRIP: Duration = Duration::from_millis(40);
const LOSS: f64 = 0.02;
const MS: u64 = 1_000_000;

/// The requests of curl on one connection: time to first byte, then transfer, of each.
const CURL: &str = r#"
urls=$(for _ in $(seq "$2"); do printf '%s -o /dev/null ' "$1"; done)
curl -s --http1.1 -w '%{time_pretransfer} %{time_starttransfer} %{time_total}\n' $urls |
  awk '{ printf "%s[%.0f,%.0f]", (NR == 1 ? "[" : ","), ($2 - $1) * 1e9, ($3 - $2) * 1e9 } END { print "]" }'"#;

/// Answers every request of a connection with a large body.
fn large(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
    let response = [head.as_bytes(), &vec![b'x'; BODY]].concat();
    while let Ok(1..) = stream.read(&mut buffer) {
        if std::io::Write::write_all(&mut stream, &response).is_err() {
            return;
        }
    }
}

/// A column of what curl said, sorted.
fn column(said: &Value, at: usize) -> Result<Vec<u64>> {
    let rows = said.as_array().context("no list")?;
    let mut times = rows
        .iter()
        .map(|row| row[at].as_u64().context("no time"))
        .collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(times)
}

#[test]
fn a_lost_segment_makes_the_transfer_longer_and_nothing_else() -> Result<()> {
    let link = Link::new(LinkOptions {
        rtt: ROUND_TRIP,
        loss: LOSS,
        seed: 7,
        ..LinkOptions::default()
    })?;
    let (port, _server) = link
        .run_in(Side::Server, || {
            let listener = TcpListener::bind((Side::Server.ipv4(), 0))?;
            let port = listener.local_addr()?.port();
            anyhow::Ok((port, Threaded::over(listener, large)?))
        })?
        .map_err(|error| anyhow!("{error:#}"))?;
    let url = format!("http://{}:{port}/", Side::Server.ipv4());
    let mut client = Client::shell("curl", CURL, &[&url, &REQUESTS.to_string()]);
    let inside = format!("--net={}", link.namespace_path(Side::Client).display());
    let prefix = ["nsenter", &inside, "--"].map(Into::into);
    client.command.splice(0..0, prefix);
    let traced = run(&client)?;
    let said = traced.client_count()?;
    let (ttfb, transfer) = (column(&said, 0)?, column(&said, 1)?);
    let longest = *transfer.last().context("no times")?;
    ensure!(
        longest > 2 * ROUND_TRIP.as_nanos() as u64,
        "nothing was lost: {longest} ns"
    );
    let mut differences = Differences::of("lost segments");
    traced.export.compare_losses(&mut differences);
    let turns = Turns {
        requests: REQUESTS,
        connections: 1,
        failed: 0,
    };
    compare(&traced.export, turns, &mut differences);
    let mean = |times: &[u64]| times.iter().sum::<u64>() / REQUESTS;
    // A single one may find the processor busy, between the segment and curl.
    let export = &traced.export;
    let median = transfer[(transfer.len() - 1) / 2];
    let slowest = *ttfb.last().context("no times")?;
    let rounded = |ns: Result<f64>| ns.map(|ns| ns as u64);
    for (name, got, expected, limit_ms) in [
        (
            "ttfb mean",
            rounded(figure!(export, Phase::Ttfb.mean_ns)),
            mean(&ttfb),
            1,
        ),
        ("ttfb max", figure!(export, Phase::Ttfb.max_ns), slowest, 10),
        (
            "transfer mean",
            rounded(figure!(export, Phase::Transfer.mean_ns)),
            mean(&transfer),
            1,
        ),
        (
            "transfer p50",
            figure!(export, Phase::Transfer.p50_ns),
            median,
            2,
        ),
        (
            "transfer max",
            figure!(export, Phase::Transfer.max_ns),
            longest,
            10,
        ),
    ] {
        compare_time(name, got, expected, limit_ms * MS, &mut differences);
    }
    let pickup = figure!(traced.export, Phase::Pickup.max_ns)?;
    differences.holds(
        &format!("a pickup of {pickup} ns is far from a round trip"),
        pickup < ROUND_TRIP.as_nanos() as u64 / 2,
    );
    differences.finish(|| traced.story())
}
