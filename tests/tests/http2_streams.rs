//! Streams of HTTP/2 are requests, one by one, where frames can be read: with many at once, by libraries that write to the
//! socket and by those that write to memory, over TLS and in clear.

use anyhow::Result;
use tracer_export::Phase;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::machine::{fixture, program};
use tracer_tests::server::{Go, GoOptions, Nginx, NginxOptions};
use tracer_tests::tracer::{Traced, run_with};

/// Time that the server of [`the_wait_of_the_server`] takes, ns.
const DELAY_NS: u64 = 40_000_000;

fn site(protocols: Option<&'static str>) -> Result<(Nginx, String)> {
    let options = NginxOptions {
        protocols,
        http2: true,
        ..NginxOptions::default()
    };
    let site = Nginx::start(options, &Certificate::small()?)?;
    let scheme = protocols.map_or("http", |_| "https");
    let url = format!("{scheme}://localhost:{}/", site.port);
    Ok((site, url))
}

fn frames(client: &Client) -> Result<Traced> {
    run_with(&["--http2", "frames"], client)
}

/// Requests over HTTP/2 on one connection whose frames are read, each with its times.
fn compare_streams(traced: &Traced, requests: u64, differences: &mut Differences) {
    traced.export.compare_losses(differences);
    compare!(
        differences,
        traced.export,
        totals.requests.count = requests,
        totals.requests.by_protocol.http2 = requests,
        totals.requests.connections = 1,
        totals.requests.failed = 0,
        totals.requests.inferred = 0,
        totals.requests.h2_turns = 0,
        totals.http2.streams = requests,
        totals.http2.source.frames = 1,
        totals.http2.source.none = 0,
        totals.http2.at_least = 0,
    );
    compare_counts(traced, requests, differences);
}

/// Nearly each stream has its times, and those without are counted: over loopback a segment may come before the one that was
/// sent first, when two processors receive at once.
fn compare_counts(traced: &Traced, requests: u64, differences: &mut Differences) {
    let export = &traced.export;
    let untimed = export.totals.http2.untimed.unwrap_or(u64::MAX);
    let of = |phase| export.phase(phase).and_then(|it| it.count).unwrap_or(0);
    let (ttfb, transfer) = (of(Phase::Ttfb), of(Phase::Transfer));
    let text = format!("{requests} streams: {ttfb} ttfb, {transfer} transfer, {untimed} untimed");
    let is_whole = ttfb.min(transfer) + untimed >= requests && ttfb.max(transfer) <= requests;
    differences.holds(&text, is_whole && untimed <= requests / 20);
    differences.holds("ttfb_first", of(Phase::TtfbFirst) + untimed >= 1);
}

/// Checks a client that makes these requests over TLS, of both versions.
fn check(client: impl Fn(&str) -> Result<Client>, requests: u64, at_once: u64) -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let (site, url) = site(Some(protocols))?;
        let client = client(&url)?;
        let traced = frames(&client)?;
        let mut differences = Differences::of(format!("{} over {protocols}", client.comm));
        differences.holds("the client succeeded", traced.finished.status.success());
        let seen = site.seen()?;
        differences.equal("requests of nginx", seen.http2, Some(requests));
        compare_streams(&traced, requests, &mut differences);
        let peak = figure!(traced.export, totals.http2.in_flight_peak)?;
        // How many meet depends on the speed of both sides.
        let least = at_once.min(2);
        differences.holds(
            &format!("{peak} at once"),
            (least..=at_once).contains(&peak),
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}

fn curl(options: &[&str], url: &str, requests: u64) -> Client {
    let mut words = vec!["curl", "-sk", "--http2"];
    words.extend(options);
    let range = format!("{url}[1-{requests}]");
    words.extend(["-o", "/dev/null", &range]);
    Client::new("curl", words)
}

#[test]
fn curl_one_after_the_other() -> Result<()> {
    check(|url| Ok(curl(&[], url, 30)), 30, 1)
}

#[test]
fn curl_in_parallel() -> Result<()> {
    let options = ["-Z", "--parallel-max", "50"];
    check(|url| Ok(curl(&options, url, 200)), 200, 50)
}

#[test]
fn python_with_asyncio() -> Result<()> {
    check(
        |url| Client::python("h2_kept.py", &[url, "10", "20", "now"]),
        200,
        20,
    )
}

fn node(url: &str, rounds: u64, at_once: u64) -> Result<Client> {
    let node = program("node", "nodejs")?.into_os_string();
    let script = fixture("clients/h2_streams.mjs").into_os_string();
    let numbers = [rounds, at_once].map(|number| number.to_string().into());
    Ok(Client::new(
        "node",
        [node, script, url.into()].into_iter().chain(numbers),
    ))
}

#[test]
fn node_with_many_at_once() -> Result<()> {
    check(|url| node(url, 10, 50), 500, 50)
}

/// Go opens connections for all requests of its first round and uses one of them.
#[test]
fn go_with_fifty_at_once() -> Result<()> {
    let certificate = Certificate::small()?;
    let options = NginxOptions {
        protocols: Some("TLSv1.3"),
        http2: true,
        ..NginxOptions::default()
    };
    let site = Nginx::start(options, &certificate)?;
    let url = format!("https://localhost:{}/", site.port);
    let ca = certificate.path().display().to_string();
    let client = Client::go(&["http2", &url, "1000", "50", &ca])?;
    let traced = frames(&client)?;
    let mut differences = Differences::of("Go");
    differences.holds("the client succeeded", traced.finished.status.success());
    let seen = site.seen()?;
    differences.equal("requests of nginx", seen.http2, Some(1000));
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = 1000,
        totals.requests.failed = 0,
        totals.requests.inferred = 0,
        totals.http2.streams = 1000,
        totals.http2.source.none = 0,
    );
    compare_counts(&traced, 1000, &mut differences);
    differences.finish(|| traced.story())
}

#[test]
fn in_clear() -> Result<()> {
    let (site, url) = site(None)?;
    let client = node(&url, 10, 20)?;
    let traced = frames(&client)?;
    let mut differences = Differences::of("Node in clear");
    differences.equal("requests of nginx", site.seen()?.http2, Some(200));
    compare_streams(&traced, 200, &mut differences);
    differences.finish(|| traced.story())
}

/// The first byte of a response comes when the server has waited, whatever number of streams waits with it. What the machine
/// adds is small at the median.
#[test]
fn the_wait_of_the_server() -> Result<()> {
    let certificate = Certificate::small()?;
    let options = GoOptions {
        version: None,
        flags: vec!["-delay=40ms".into()],
    };
    let server = Go::start(&options, &certificate)?;
    let options = NginxOptions {
        protocols: Some("TLSv1.3"),
        http2: true,
        upstream: Some(server.port),
        ..NginxOptions::default()
    };
    let site = Nginx::start(options, &certificate)?;
    let url = format!("https://localhost:{}/", site.port);
    let traced = frames(&Client::python("h2_kept.py", &[&url, "10", "20", "now"])?)?;
    let mut differences = Differences::of("a server that waits");
    compare_streams(&traced, 200, &mut differences);
    let median_ns = figure!(traced.export, Phase::Ttfb.p50_ns)?;
    let added = (DELAY_NS..DELAY_NS + 10_000_000).contains(&median_ns);
    differences.holds(&format!("a median of {median_ns} ns"), added);
    differences.finish(|| traced.story())
}

/// Without frames the requests of a client that sends one at a time are told by the lengths of records.
#[test]
fn inferred_one_after_the_other() -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let (site, url) = site(Some(protocols))?;
        let traced = run_with(&["--http2", "wire"], &curl(&[], &url, 30))?;
        let mut differences = Differences::of(format!("curl without frames over {protocols}"));
        differences.equal("requests of nginx", site.seen()?.http2, Some(30));
        compare!(
            &mut differences,
            traced.export,
            totals.requests.count = 30,
            totals.requests.inferred = 30,
            totals.requests.failed = 0,
            totals.http2.source.inferred = 1,
            totals.http2.at_least = 0,
            totals.http2.streams = 0,
        );
        differences.finish(|| traced.story())?;
    }
    Ok(())
}
