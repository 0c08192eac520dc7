//! Times of the streams of HTTP/2, held against the packets: a capture that is decrypted with the secrets of the client tells
//! for each stream when its request, the first byte of its response and the end of it were on the wire.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;
use tracer_export::{Histogram, Phase};
use tracer_testbed::link::{DEVICE, Link, LinkOptions, Side};
use tracer_tests::capture::Capture;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::histogram::decode;
use tracer_tests::machine::{fixture, program};
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::tracer::{Traced, run_with};
use tracer_tests::wire::{Exchange, Secrets, Segment, exchanges, flows};

/// Length of a large body.
const LARGE: usize = 300_000;
const US: u64 = 1_000;
/// Difference of medians on loopback.
const NEAR_NS: u64 = 100 * US;
/// Difference of medians over a link.
const FAR_NS: u64 = 1_000 * US;

/// Client, with the number of its requests, how many are at once, and the page that it gets.
#[derive(Clone, Copy)]
struct Load {
    kind: Kind,
    rounds: u64,
    at_once: u64,
    page: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Curl,
    Go,
    Httpx,
    Node,
}

impl Load {
    fn requests(self) -> u64 {
        self.rounds * self.at_once
    }

    /// Command of the client, which writes its secrets to a file in the directory.
    fn client(self, host: &str, ca: &Path, directory: &Path) -> Result<Client> {
        let (url, secrets) = (format!("{host}{}", self.page), directory.join("secrets"));
        let (rounds, at_once) = (self.rounds.to_string(), self.at_once.to_string());
        let total = self.requests().to_string();
        let client = match self.kind {
            Kind::Curl => {
                let urls = format!("{url}?[1-{total}]");
                let fixed = ["curl", "-sk", "--http2", "-Z", "--parallel-max", &at_once];
                Client::new("curl", fixed.into_iter().chain(["-o", "/dev/null", &urls]))
            }
            Kind::Go => Client::go(&["http2", &url, &total, &at_once, &ca.display().to_string()])?,
            Kind::Httpx => Client::python("h2_kept.py", &[&url, &rounds, &at_once, "now"])?,
            Kind::Node => {
                let node = program("node", "nodejs")?.into_os_string();
                let log = format!("--tls-keylog={}", secrets.display()).into();
                let script = fixture("clients/h2_streams.mjs").into_os_string();
                let numbers = [url, rounds, at_once].map(Into::into);
                Client::new("node", [node, log, script].into_iter().chain(numbers))
            }
        };
        Ok(match self.kind {
            Kind::Node => client,
            _ => client.with("SSLKEYLOGFILE", secrets),
        })
    }
}

/// Streams by the capture.
fn streams(segments: &[Segment], port: u16, directory: &TempDir) -> Result<Vec<Exchange>> {
    let secrets = Secrets::read(&directory.path().join("secrets"))?;
    let mut all = Vec::new();
    for flow in flows(segments, port) {
        // A client may leave before the handshake of a connection that it does not need is over.
        if let Ok(opened) = secrets.open(&flow) {
            all.extend(exchanges(&opened).into_values());
        }
    }
    Ok(all)
}

/// Compares a phase with the times on the wire, rank by rank: the medians have to be near.
fn compare_times(
    name: &str,
    distribution: Option<&Histogram>,
    mut wire: Vec<u64>,
    limit_ns: u64,
    differences: &mut Differences,
) -> Result<String> {
    let distribution = distribution.with_context(|| format!("no {name}"))?;
    let (count, histogram) = (wire.len(), decode(distribution)?);
    // The times of a stream are unknown where a segment with its first or last frame came after later ones: on loopback,
    // when two processors receive at once, and over a link that loses segments.
    let is_known = histogram.len() <= count as u64 && histogram.len() * 2 >= count as u64;
    differences.holds(
        &format!("{name}.count: {} of {count}", histogram.len()),
        is_known,
    );
    wire.sort_unstable();
    if histogram.len() < count as u64 {
        // A missing time shifts all ranks, so each known one is looked up on the wire instead.
        let strange = strangers(&histogram, wire.clone(), limit_ns);
        differences.equal(&format!("{name} that are not on the wire"), strange, 0);
        return Ok(format!(
            "{name}: {} of {count} are known; ",
            histogram.len()
        ));
    }
    let mut told = String::new();
    for (key, quantile) in [("p50", 0.5), ("p90", 0.9), ("max", 1.0)] {
        let rank = ((count as f64 * quantile).ceil() as usize).max(1);
        let on_wire = *wire.get(rank - 1).context("no streams on the wire")?;
        let got = histogram.value_at_quantile(quantile);
        write!(told, "{name} {key}: tracer {got}, wire {on_wire}; ")?;
        // A hundredth is allowed besides: a bucket is a thousandth wide at most, and the rest is for noise.
        let is_near = got.abs_diff(on_wire) <= limit_ns + on_wire / 100;
        if key == "p50" {
            differences.holds(&format!("{name} {key}: {got} is near {on_wire}"), is_near);
        }
    }
    Ok(told)
}

/// Number of values that have no partner on the wire, each of which is the partner of one at most.
fn strangers(histogram: &hdrhistogram::Histogram<u64>, mut wire: Vec<u64>, limit_ns: u64) -> u64 {
    let mut strange = 0;
    for value in histogram.iter_recorded() {
        let got = value.value_iterated_to();
        for _ in 0..value.count_at_value() {
            let partner = wire
                .iter()
                .position(|on_wire| got.abs_diff(*on_wire) <= limit_ns + on_wire / 100);
            match partner {
                Some(place) => drop(wire.remove(place)),
                None => strange += 1,
            }
        }
    }
    strange
}

fn compare_all(
    load: Load,
    traced: &Traced,
    streams: &[Exchange],
    limit_ns: u64,
    mut differences: Differences,
) -> Result<()> {
    let requests = load.requests();
    differences.holds("the client succeeded", traced.finished.status.success());
    differences.equal("streams on the wire", streams.len() as u64, requests);
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = requests,
        totals.requests.failed = 0,
        totals.requests.inferred = 0,
        totals.http2.streams = requests,
        totals.http2.source.none = 0,
    );
    let phase = |phase| traced.export.phase(phase);
    let of = |time: fn(&Exchange) -> Option<u64>| streams.iter().filter_map(time).collect();
    let ttfb = of(|one| one.first_ns?.checked_sub(one.request_ns));
    let transfer = of(|one| one.end_ns?.checked_sub(one.first_ns?));
    let told = [
        compare_times("ttfb", phase(Phase::Ttfb), ttfb, limit_ns, &mut differences)?,
        compare_times(
            "transfer",
            phase(Phase::Transfer),
            transfer,
            limit_ns,
            &mut differences,
        )?,
    ]
    .concat();
    println!("{told}");
    differences.finish(|| format!("{told}\n{}", traced.story()))
}

fn options(protocols: &'static str) -> NginxOptions {
    NginxOptions {
        protocols: Some(protocols),
        http2: true,
        body_bytes: LARGE,
        ..NginxOptions::default()
    }
}

/// Checks a client on loopback.
fn check(
    protocols: &'static str,
    kind: Kind,
    rounds: u64,
    at_once: u64,
    page: &'static str,
) -> Result<()> {
    let load = Load {
        kind,
        rounds,
        at_once,
        page,
    };
    let (certificate, directory) = (Certificate::small()?, tempfile::tempdir()?);
    let site = Nginx::start(options(protocols), &certificate)?;
    let host = format!("https://localhost:{}/", site.port);
    let client = load.client(&host, &certificate.path(), directory.path())?;
    let capture = Capture::start(site.port)?;
    let traced = run_with(&["--http2", "frames"], &client)?;
    let streams = streams(&capture.finish()?, site.port, &directory)?;
    let mut differences = Differences::of(format!("{} on loopback", client.comm));
    let seen = site.seen()?;
    differences.equal("requests of nginx", seen.http2, Some(load.requests()));
    compare_all(load, &traced, &streams, NEAR_NS, differences)
}

/// Checks a client over a link of 40 ms that loses this share of the packets.
fn check_far(load: Load, loss: f64) -> Result<()> {
    let (certificate, directory) = (Certificate::small()?, tempfile::tempdir()?);
    let link = Link::new(LinkOptions {
        rtt: Duration::from_millis(40),
        loss,
        seed: 7,
        ..LinkOptions::default()
    })?;
    let prefix = |side| {
        let inside = format!("--net={}", link.namespace_path(side).display());
        ["nsenter".to_owned(), inside, "--".to_owned()]
    };
    let server = prefix(Side::Server);
    let site = Nginx::start_behind(&server, options("TLSv1.3"), &certificate)?;
    let host = format!("https://{}:{}/", Side::Server.ipv4(), site.port);
    let mut client = load.client(&host, &certificate.path(), directory.path())?;
    let inside = prefix(Side::Client).map(Into::into);
    client.command.splice(0..0, inside);
    let capture = link
        .run_in(Side::Client, || Capture::start_on_tun(DEVICE))?
        .map_err(|error| anyhow!("{error:#}"))?;
    let traced = run_with(&["--http2", "frames"], &client)?;
    let streams = streams(&capture.finish()?, site.port, &directory)?;
    let differences = Differences::of(format!("{} over a link", client.comm));
    compare_all(load, &traced, &streams, FAR_NS, differences)
}

#[test]
fn curl_with_eight_large_bodies_at_once() -> Result<()> {
    check("TLSv1.2", Kind::Curl, 10, 8, "body")
}

#[test]
fn go_with_fifty_at_once() -> Result<()> {
    check("TLSv1.3", Kind::Go, 10, 50, "page")
}

#[test]
fn httpx_with_fifty_at_once() -> Result<()> {
    check("TLSv1.3", Kind::Httpx, 4, 50, "page")
}

#[test]
fn node_with_eight_large_bodies_at_once() -> Result<()> {
    check("TLSv1.3", Kind::Node, 4, 8, "body")
}

const FAR: Load = Load {
    kind: Kind::Go,
    rounds: 3,
    at_once: 8,
    page: "body",
};

#[test]
fn go_with_large_bodies_far_away() -> Result<()> {
    check_far(FAR, 0.0)
}

#[test]
fn go_with_large_bodies_over_a_link_that_loses_segments() -> Result<()> {
    check_far(FAR, 0.01)
}
