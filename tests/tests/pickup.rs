//! Waits of response data for the application, while more of it arrives: by the clock of curl.

use anyhow::{Context, Result};
use tracer_tests::case::{Origin, Running, said, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::figure;
use tracer_tests::server::NginxOptions;
use tracer_tests::tracer::run;
use tracer_tests::turns::{self, Turns};

const MIB: usize = 1 << 20;

/// Requests one after the other; what each took, in seconds.
const CURL: &str = r#"curl -s -o /dev/null -w '%{time_total}\n' "$1body?[1-$2]""#;

/// Large responses, of which segments arrive while curl reads: no wait is longer than curl's longest request, and all
/// together are no longer than all of its requests.
#[track_caller]
fn check(body_bytes: usize, requests: u64) -> Result<()> {
    let certificate = Certificate::small()?;
    let options = NginxOptions {
        protocols: None,
        body_bytes,
        ..NginxOptions::default()
    };
    let server = Running::start(&Origin::Nginx(options), &certificate)?;
    let at = target(false, server.port(), &certificate);
    let arguments = [at.url.as_str(), &requests.to_string()];
    let traced = run(&Client::shell("curl", CURL, &arguments))?;
    let times = traced.finished.stdout.lines().map(str::parse::<f64>);
    let times: Vec<f64> = times.collect::<Result<_, _>>().context("curl's times")?;
    let (longest_s, all_s) = (
        times.iter().copied().fold(0.0, f64::max),
        times.iter().sum::<f64>(),
    );
    let export = &traced.export;
    let mut differences = Differences::of(format!("{requests} bodies of {body_bytes} bytes"));
    differences.equal("requests of curl", times.len() as u64, requests);
    differences.equal("requests of nginx", server.seen()?.requests, Some(requests));
    export.compare_losses(&mut differences);
    let expected = Turns {
        requests,
        connections: 1,
        failed: 0,
    };
    turns::compare(export, expected, &mut differences);
    // curl tells whole microseconds, and a histogram has three digits.
    let at_most = |seconds: f64| (seconds * 1e9 * 1.002) as u64 + 1_000;
    let longest_ns = figure!(export, Phase::Pickup.max_ns)?;
    let mean_ns = figure!(export, Phase::Pickup.mean_ns)?;
    differences.holds(
        &format!("the longest wait, {longest_ns} ns, is within {longest_s} s"),
        longest_ns <= at_most(longest_s),
    );
    differences.holds(
        &format!("{requests} times {mean_ns} ns are within {all_s} s"),
        (requests as f64 * mean_ns) as u64 <= at_most(all_s),
    );
    differences.finish(|| traced.story())
}

#[test]
fn of_a_mebibyte() -> Result<()> {
    check(MIB, 4_000)
}

#[test]
fn of_many_mebibytes() -> Result<()> {
    check(64 * MIB, 60)
}

/// A client that works between its reads: its work shows as pickup, and not as idle time.
#[test]
fn of_a_client_that_works_between_its_reads() -> Result<()> {
    const REQUESTS: u64 = 5;
    const WORK_MS: u64 = 20;
    let certificate = Certificate::small()?;
    let options = NginxOptions {
        protocols: None,
        body_bytes: 40_000,
        ..NginxOptions::default()
    };
    let server = Running::start(&Origin::Nginx(options), &certificate)?;
    let (port, requests) = (server.port().to_string(), REQUESTS.to_string());
    let work_ms = WORK_MS.to_string();
    let arguments = ["127.0.0.1", &port, &requests, "4000", &work_ms];
    let traced = run(&Client::python("slices.py", &arguments)?)?;
    let export = &traced.export;
    let mut differences = Differences::of("reads of 4000 bytes");
    export.compare_losses(&mut differences);
    let expected = Turns {
        requests: REQUESTS,
        connections: 1,
        failed: 0,
    };
    turns::compare(export, expected, &mut differences);
    let least_ns = figure!(export, Phase::Pickup.min_ns)?;
    let most_ns = figure!(export, Phase::Pickup.max_ns)?;
    let (longest_ns, gap_ns) = (said(&traced, "longest_ns")?, said(&traced, "gap_ns")?);
    let idle_ns = figure!(export, Phase::Idle.max_ns)?;
    // Ten slices: nine times of work, and nginx may send the body a little later than its header.
    differences.holds(
        &format!("pickups of {least_ns} to {most_ns} ns, by the client up to {longest_ns} ns"),
        least_ns > 7 * WORK_MS * 1_000_000 && most_ns <= longest_ns + longest_ns / 500,
    );
    differences.holds(
        &format!("idle for {idle_ns} ns at most, by the client {gap_ns} ns"),
        idle_ns <= gap_ns + 5_000_000,
    );
    differences.finish(|| traced.story())
}
