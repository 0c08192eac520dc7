//! A million URLs that wait: the whole process stays below 200 MiB, with a million different hosts below 288 MiB, and a URL seen costs
//! less than 16 bytes.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tracer_tests::check::Differences;
use tracer_tests::machine::tracer_binary;
use tracer_tests::process::Process;
use tracer_tests::site::{self, LINK_PAGES, Server, Sockets};

const URLS: u64 = 1_000_000;

/// The most memory that the process has had.
fn peak_bytes(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

fn check(hosts: u64, resident_bytes: u64) -> Result<()> {
    let sockets = Sockets::open()?;
    let plan = site::many(&sockets, hosts);
    let server = Server::start(sockets, plan)?;
    let directory = tempfile::tempdir()?;
    let state = directory.path().join("state");
    let mut command = Command::new(tracer_binary()?);
    command
        .args([
            "crawl",
            "--profile=tuned",
            "--concurrency=4",
            "--dns-prewarm=0",
        ])
        // The portal and the pages that it links to.
        .arg(format!("--max-pages={}", LINK_PAGES + 1))
        .arg("--state")
        .arg(&state)
        .args(server.reach());
    let mut crawl = Process::start(&mut command)?;
    let mut peak = 0;
    while !crawl.has_ended()? {
        peak = peak.max(peak_bytes(crawl.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    let finished = crawl.finish()?;
    let table_bytes = std::fs::metadata(state.join("seen.dedup"))?.len();
    println!(
        "{URLS} URLs of {hosts} hosts: at most {} MiB resident, {:.1} bytes a URL seen",
        peak >> 20,
        table_bytes as f64 / URLS as f64
    );
    let mut differences = Differences::of(format!("a million URLs of {hosts} hosts"));
    differences.holds("it ends well", finished.status.success());
    differences.holds(
        "a million URLs wait",
        finished.stderr.contains("1,000,000 URLs wait"),
    );
    differences.holds("memory", (1..resident_bytes).contains(&peak));
    differences.holds("bytes a URL seen", table_bytes < 16 * URLS);
    differences.finish(|| finished.stderr)
}

#[test]
fn of_ten_thousand_hosts() -> Result<()> {
    check(10_000, 200 << 20)
}

#[test]
fn of_a_million_hosts() -> Result<()> {
    check(1_000_000, 288 << 20)
}
