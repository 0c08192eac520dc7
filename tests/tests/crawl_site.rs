//! `tracer crawl` on a site that is known to the last URL: every page fetched, left out or failed exactly as it has to be,
//! by what the crawler wrote and by what the server saw.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use tracer_tests::check::Differences;
use tracer_tests::machine::tracer_binary;
use tracer_tests::process::Process;
use tracer_tests::site::{self, Server, Size, Sockets};

const SIZE: Size = Size {
    hosts: 145,
    pages: 330,
    slow: true,
};

/// Crawls the whole site with one of the profiles.
fn check(profile: &str, seed: u64) -> Result<()> {
    let sockets = Sockets::open()?;
    let plan = site::plan(&sockets, SIZE, seed);
    let server = Server::start(sockets, plan)?;
    let directory = tempfile::tempdir()?;
    let records = directory.path().join("pages.jsonl");
    let begin = Instant::now();
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["crawl", "--profile", profile, "--jsonl"])
        .arg(&records)
        .args(server.flags());
    let finished = Process::start(&mut command)?.finish_within(Duration::from_secs(300))?;
    let took = begin.elapsed();
    let lines = site::lines(&records)?;
    let plan = server.plan();
    let mut differences = Differences::of(format!("the site, profile {profile}"));
    differences.holds("the crawl ends well", finished.status.success());
    differences.holds("50,000 pages", plan.pages() >= 50_000);
    differences.holds("200 hosts", plan.names().len() >= 200);
    for wrong in plan.wrong_lines(&lines) {
        differences.holds(&wrong, false);
    }
    for wrong in plan.wrong_requests(&server.log().all()) {
        differences.holds(&wrong, false);
    }
    for wrong in plan.wrong_summary(&finished.stderr) {
        differences.holds(&wrong, false);
    }
    println!(
        "{profile}: {} URLs of {} hosts in {took:.1?}, {} records",
        plan.expected().len(),
        plan.names().len(),
        lines.len()
    );
    differences.finish(|| finished.stderr)
}

#[test]
fn every_url_of_the_site_with_the_default_profile() -> Result<()> {
    check("default", 1)
}

#[test]
fn every_url_of_the_site_with_the_tuned_profile() -> Result<()> {
    check("tuned", 2)
}
