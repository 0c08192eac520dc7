//! Requests with a body over TLS: it may be as short as a frame of HTTP/2, last longer than the server's tickets need, or
//! wait for an interim response. Each is one request.

use std::time::Duration;

use anyhow::Result;
use tracer_tests::case::{Origin, Running};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::export::samples;
use tracer_tests::figure;
use tracer_tests::server::{GoOptions, Relay, Script};
use tracer_tests::tracer::{Traced, run};
use tracer_tests::turns::{self, Turns, median};

/// Uploads, a connection each.
const UPLOADS: u64 = 6;
/// Time from the head of an upload to its last piece, and until the server answers.
const UPLOAD_NS: u64 = 150_000_000;
/// Greatest difference from the client's clock, with a bucket of the histogram.
const LIMIT_NS: u64 = 10_000_000;

fn pages(version: &str, options: &[&str]) -> Result<Script> {
    let version = format!("version={version}");
    let options: Vec<&str> = [&*version]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    Script::secure("pages.py", &Certificate::small()?, &options)
}

fn url(port: u16) -> String {
    format!("https://localhost:{port}/")
}

/// A body for each length from 1 to 60 bytes, behind its head in a record of its own.
fn check_small(version: &str) -> Result<()> {
    let server = pages(version, &[])?;
    let traced = run(&Client::python(
        "small_posts.py",
        &[&url(server.port), "1", "60"],
    )?)?;
    let mut differences = Differences::of(format!("small bodies over TLS {version}"));
    server.compare_pages(&traced, Turns::answered(60, 1), &mut differences)?;
    differences.finish(|| server.story(&traced))
}

#[test]
fn small_bodies_over_tls_12() -> Result<()> {
    check_small("1.2")
}

fn uploads(port: u16) -> Result<Client> {
    Client::python("uploads.py", &[&url(port), &UPLOADS.to_string(), "5", "0"])
}

/// Uploads that last longer than a round trip, after which the tickets come. Times that are known are the client's.
fn compare_uploads(traced: &Traced, at_least_ns: u64, differences: &mut Differences) -> Result<()> {
    traced.export.compare_losses(differences);
    turns::compare(
        &traced.export,
        Turns::answered(UPLOADS, UPLOADS),
        differences,
    );
    if samples(&traced.export.totals, tracer_export::Phase::Ttfb) > 0 {
        let shortest_ns = figure!(traced.export, Phase::Ttfb.min_ns)?;
        differences.holds(
            &format!("{shortest_ns} ns are {at_least_ns} or more"),
            shortest_ns + 1_000_000 >= at_least_ns,
        );
        let by_client = median(&traced.client_count()?["ttfb_ns"])?;
        let got = figure!(traced.export, Phase::Ttfb.p50_ns);
        turns::compare_time("ttfb p50", got, by_client, LIMIT_NS, differences);
    }
    Ok(())
}

/// The ticket comes before the request.
#[test]
fn uploads_to_a_server_whose_ticket_comes_first() -> Result<()> {
    let origin = Origin::Go(GoOptions {
        version: Some("1.3"),
        flags: vec!["-delay=50ms".into()],
    });
    let server = Running::start(&origin, &Certificate::small()?)?;
    let traced = run(&uploads(server.port())?)?;
    let mut differences = Differences::of("uploads to Go");
    differences.equal(
        "requests of the server",
        server.seen()?.requests,
        Some(UPLOADS),
    );
    compare_uploads(&traced, UPLOAD_NS, &mut differences)?;
    differences.finish(|| traced.story())
}

/// Uploads to a server with so many tickets, `one_way` from the client.
fn check_uploads(tickets: u32, one_way: Duration) -> Result<()> {
    let server = pages("1.3", &["delay=50", &format!("tickets={tickets}")])?;
    let relay = Relay::start_late(server.port, one_way)?;
    let traced = run(&uploads(relay.port())?)?;
    let mut differences = Differences::of(format!("uploads, {tickets} tickets, {one_way:?} away"));
    differences.equal(
        "requests of the server",
        server.counted("request")?,
        UPLOADS,
    );
    let at_least_ns = UPLOAD_NS + 2 * one_way.as_nanos() as u64;
    compare_uploads(&traced, at_least_ns, &mut differences)?;
    differences.finish(|| server.story(&traced))
}

#[test]
fn uploads_to_a_server_without_tickets() -> Result<()> {
    check_uploads(0, Duration::ZERO)
}

/// Three requests on a connection that send their body once the server agrees; it answers 100 ms later.
fn check_interim(version: &str, interim: &str) -> Result<()> {
    const THINK_NS: u64 = 100_000_000;
    let server = pages(version, &["delay=100", &format!("interim={interim}")])?;
    let script = r#"body=$(head -c 3000 /dev/zero | tr '\0' x)
curl -sk -o /dev/null -o /dev/null -o /dev/null -H Expect:100-continue -d "$body" "$1?[1-3]""#;
    let traced = run(&Client::shell("curl", script, &[&url(server.port)]))?;
    let mut differences = Differences::of(format!("TLS {version}, {interim}"));
    server.compare_pages(&traced, Turns::answered(3, 1), &mut differences)?;
    if samples(&traced.export.totals, tracer_export::Phase::Ttfb) > 0 {
        let shortest_ns = figure!(traced.export, Phase::Ttfb.min_ns)?;
        differences.holds(
            &format!("{shortest_ns} ns are the server's time"),
            shortest_ns + 1_000_000 >= THINK_NS,
        );
    }
    differences.finish(|| server.story(&traced))
}

#[test]
fn terse_interim_responses() -> Result<()> {
    for version in ["1.2", "1.3"] {
        check_interim(version, r"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    Ok(())
}

#[test]
fn small_bodies_over_tls_13() -> Result<()> {
    check_small("1.3")
}

#[test]
fn uploads_to_a_server_with_tickets() -> Result<()> {
    for tickets in 1..=4 {
        check_uploads(tickets, Duration::ZERO)?;
    }
    Ok(())
}

/// A connect that takes no time says nothing about when the tickets come.
#[test]
fn uploads_through_a_local_proxy_over_a_round_trip() -> Result<()> {
    for tickets in [0, 1, 2] {
        check_uploads(tickets, Duration::from_millis(20))?;
    }
    Ok(())
}

/// Words of an interim response with fields.
const FIELDS: &str =
    r"HTTP/1.1 100 Continue\r\nServer: front/1.0\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\n\r\n";

#[test]
fn interim_responses_with_fields() -> Result<()> {
    for version in ["1.2", "1.3"] {
        check_interim(version, FIELDS)?;
    }
    Ok(())
}

/// A server that has much to do sends its tickets a moment after the request: they are no answer.
#[test]
fn tickets_of_a_busy_server() -> Result<()> {
    const THINK_NS: u64 = 60_000_000;
    for tickets in [1, 2, 4] {
        for busy in [2, 5, 15] {
            let options = [
                format!("tickets={tickets}"),
                format!("busy={busy}"),
                "delay=60".into(),
                "size=1000".into(),
            ];
            let options = options.each_ref().map(String::as_str);
            let server = pages("1.3", &options)?;
            let argument = format!("https,127.0.0.1,{},localhost,5,1", server.port);
            let traced = run(&Client::python("turns.py", &["5", &argument])?)?;
            let mut differences = Differences::of(format!("{tickets} tickets, {busy} ms late"));
            server.compare_pages(&traced, Turns::answered(5, 5), &mut differences)?;
            if samples(&traced.export.totals, tracer_export::Phase::Ttfb) > 0 {
                let shortest_ns = figure!(traced.export, Phase::Ttfb.min_ns)?;
                differences.holds(
                    &format!("{shortest_ns} ns are the server's time"),
                    shortest_ns + 1_000_000 >= THINK_NS,
                );
            }
            differences.finish(|| server.story(&traced))?;
        }
    }
    Ok(())
}
