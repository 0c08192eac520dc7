//! `tracer crawl` is killed (SIGKILL) at random moments and started again, until it has been killed often enough and is complete:
//! the same pages, the same failures, the same left out, and hardly a page asked for twice.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tracer_tests::check::Differences;
use tracer_tests::machine::tracer_binary;
use tracer_tests::process::Process;
use tracer_tests::site::{self, Server, Size, Sockets};

const SIZE: Size = Size {
    hosts: 30,
    pages: 250,
    slow: false,
};
const KILLS: u32 = 50;
/// Pages under way at once, at most.
const IN_FLIGHT: u32 = 32;
/// Longest time until a kill.
const LONGEST_MS: u64 = 400;

fn start(server: &Server, directory: &Path) -> Result<Process> {
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["crawl", "--profile", "tuned", "--snapshot-interval=100ms"])
        .arg(format!("--concurrency={IN_FLIGHT}"))
        .arg("--frontier-memory=1MiB")
        .arg("--state")
        .arg(directory.join("state"))
        .arg("--jsonl")
        .arg(directory.join("pages.jsonl"))
        .args(server.flags());
    Process::start(&mut command)
}

/// Different each time, which is what is wanted here.
fn random_ms() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() % LONGEST_MS
}

/// Lets it run for a while. False if it was complete before.
fn run_and_kill(server: &Server, directory: &Path) -> Result<bool> {
    let mut crawl = start(server, directory)?;
    // The random moment is what is tested: no event to wait for.
    std::thread::sleep(Duration::from_millis(random_ms()));
    if crawl.has_ended()? {
        finish(crawl)?;
        return Ok(false);
    }
    crawl.signal(Signal::SIGKILL)?;
    crawl.finish()?;
    Ok(true)
}

fn finish(crawl: Process) -> Result<()> {
    let finished = crawl.finish_within(Duration::from_secs(120))?;
    let Some(code) = finished.status.code() else {
        // Killed at its very end.
        return Ok(());
    };
    ensure!(
        code == 0,
        "a resumed crawl ended with {code}: {}",
        finished.stderr
    );
    Ok(())
}

/// Crawls once with at most so many kills; gives how many there were.
fn crawl(most: u32, seed: u64) -> Result<u32> {
    let sockets = Sockets::open()?;
    let plan = site::plan(&sockets, SIZE, seed);
    let server = Server::start(sockets, plan)?;
    let directory = tempfile::tempdir()?;
    let mut kills = 0;
    while kills < most && run_and_kill(&server, directory.path())? {
        kills += 1;
    }
    finish(start(&server, directory.path())?)?;
    let lines = site::lines(&directory.path().join("pages.jsonl"))?;
    let mut differences = Differences::of(format!("the site, after {kills} kills"));
    for wrong in server.plan().wrong_set(&lines) {
        differences.holds(&wrong, false);
    }
    let repeated = server.plan().repeated(&server.log().all());
    for wrong in &repeated.wrong {
        differences.holds(wrong, false);
    }
    println!(
        "{kills} kills of a crawl of {} URLs: {} asked for again",
        server.plan().pages(),
        repeated.again
    );
    differences.holds(
        "only what was in flight is asked for again",
        repeated.again <= u64::from(kills * IN_FLIGHT),
    );
    differences.finish(String::new)?;
    Ok(kills)
}

#[test]
fn killed_fifty_times_a_crawl_comes_to_the_same_end() -> Result<()> {
    let (mut kills, mut seed) = (0, 100);
    while kills < KILLS {
        kills += crawl(KILLS - kills, seed)?;
        seed += 1;
    }
    Ok(())
}
