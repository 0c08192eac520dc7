//! A long crawl: its memory and its file descriptors do not grow with what it has fetched.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tracer_tests::check::Differences;
use tracer_tests::machine::tracer_binary;
use tracer_tests::process::Process;
use tracer_tests::site::{self, Server, Sockets};

const HOSTS: u32 = 24;
/// Pages of each chain.
const LENGTH: u64 = 400;
/// Most additional memory in the second half: the table of seen URLs grows by 16 bytes a URL, and is copied when it grows.
const GROWTH_BYTES: u64 = 16 << 20;
/// Connections come and go.
const GROWTH_DESCRIPTORS: u64 = 40;

/// Memory and descriptors of the process at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    requests: u64,
    resident_bytes: u64,
    descriptors: u64,
}

fn sample(id: u32, requests: u64) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim_end_matches("kB").trim().parse().ok()?;
    let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count();
    Some(Sample {
        requests,
        resident_bytes: kib << 10,
        descriptors: descriptors as u64,
    })
}

/// The most of both between two parts of the crawl.
fn most(samples: &[Sample], from: u64, to: u64) -> Result<(u64, u64)> {
    let part = samples
        .iter()
        .filter(|sample| (from..to).contains(&sample.requests));
    let most = part.fold((0, 0), |(bytes, descriptors), sample| {
        (
            sample.resident_bytes.max(bytes),
            sample.descriptors.max(descriptors),
        )
    });
    (most.0 > 0)
        .then_some(most)
        .context("no sample of a part of the crawl")
}

#[test]
fn memory_and_descriptors_stay_as_they_are() -> Result<()> {
    let sockets = Sockets::open()?;
    let plan = site::steady(&sockets, HOSTS, LENGTH);
    let server = Server::start(sockets, plan)?;
    let expected = site::steady_requests(HOSTS, LENGTH);
    let directory = tempfile::tempdir()?;
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["crawl", "--profile", "tuned", "--jsonl", "/dev/null"])
        .arg("--concurrency=128")
        .arg("--state")
        .arg(directory.path().join("state"))
        .args(server.reach());
    let begin = Instant::now();
    let mut crawl = Process::start(&mut command)?;
    let mut samples = Vec::new();
    while !crawl.has_ended()? {
        samples.extend(sample(crawl.id(), server.log().requests()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let finished = crawl.finish()?;
    let requests = server.log().requests();
    let quarter = expected / 4;
    let early = most(&samples, quarter, 2 * quarter)?;
    let late = most(&samples, 3 * quarter, u64::MAX)?;
    println!(
        "{requests} requests in {:.1?}: {} MiB and {} descriptors in the second quarter, {} MiB and {} in the last",
        begin.elapsed(),
        early.0 >> 20,
        early.1,
        late.0 >> 20,
        late.1
    );
    let mut differences = Differences::of("a long crawl");
    differences.holds("it ends well", finished.status.success());
    differences.equal("requests", requests, expected);
    differences.holds("200,000 requests", requests >= 200_000);
    differences.holds("memory stays as it is", late.0 <= early.0 + GROWTH_BYTES);
    differences.holds(
        "descriptors stay as they are",
        late.1 <= early.1 + GROWTH_DESCRIPTORS,
    );
    differences.finish(|| format!("early {early:?}, late {late:?}\n{}", finished.stderr))
}
