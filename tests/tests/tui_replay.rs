//! Recordings and the live screen: steering a replay by keys, and a reset in the middle of a recording.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tracer_tests::certificate::Certificate;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::machine::{require_root, tracer_binary, workspace};
use tracer_tests::screen::Screen;
use tracer_tests::server::Go;

const SIZE: (u16, u16) = (120, 40);

/// The export of a recording.
fn replayed(trace: &Path) -> Result<String> {
    let mut tracer = Command::new(tracer_binary()?);
    tracer.args(["replay", "--quiet", "--json", "-"]).arg(trace);
    tracer_tests::process::output(&mut tracer)
}

/// Number of connects on the screen, which shows how far the replay has come.
fn connects(shown: &str) -> Option<u64> {
    let row = Screen::words(shown, "connect ").ok()?;
    row.first()?.parse().ok()
}

#[test]
fn a_replay_is_steered_by_keys() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let trace = workspace().join("tracer-user/tests/recordings/crawl.trace");
    let export = Export::parse(&replayed(&trace)?)?;
    let screen = Screen::open(directory.path(), SIZE)?;
    let tracer = tracer_binary()?;
    // Slow enough that the first key comes before the end.
    let replay = format!(
        "{} replay --speed 0.01 {}",
        tracer.display(),
        trace.display()
    );
    screen.run(&format!("{replay}; echo status $?"))?;
    screen.wait("replay 0.01x")?;
    screen.keys(&["p"])?;
    screen.wait("REPLAY PAUSED")?;
    screen.keys(&["]"])?;
    screen.wait("replay paused, else 0.02x")?;
    screen.keys(&["[", "[", "p"])?;
    // Below an eighth nothing gets slower.
    let shown = screen.wait("replay 0.02x")?;
    ensure!(!shown.contains("PAUSED"), "{shown}");
    screen.keys(&["1"])?;
    // The recording is 1.56 s long: no more than seven steps of 250 ms.
    let (mut steps, mut seen) = (0, Vec::new());
    while !screen.shown()?.contains("the recording ends here") {
        ensure!(steps < 8, "{}", screen.shown()?);
        screen.keys(&["."])?;
        steps += 1;
        let said = format!("step {steps}: ");
        let shown = screen.wait_until(&said, |shown| {
            shown.contains(&said) || shown.contains("the recording ends here")
        })?;
        seen.extend(connects(&shown));
    }
    ensure!(steps >= 6, "{steps} steps to the end");
    ensure!(seen.is_sorted() && seen.first() < seen.last(), "{seen:?}");
    let shown = screen.wait("the recording ends here")?;
    let all = figure!(export, Phase::Connect.count)?;
    ensure!(connects(&shown) == Some(all), "{all} connects\n{shown}");
    screen.keys(&["?"])?;
    screen.wait("Replay")?;
    screen.keys(&["q"])?;
    screen.wait("status 0")?;
    screen.check_is_plain()
}

/// `r` in the middle of a recorded trace: the replay forgets at the same moment.
#[test]
fn a_reset_is_replayed() -> Result<()> {
    require_root()?;
    let certificate = Certificate::small()?;
    let (server, client) = Go::with_tuned_client(&certificate, 3000)?;
    let directory = tempfile::tempdir()?;
    let screen = Screen::open(directory.path(), SIZE)?;
    screen.run(&format!(
        "{} run --record run.trace --json live.json -- {}; echo status $?",
        tracer_binary()?.display(),
        client.line()
    ))?;
    screen.wait("ttfb reused")?;
    screen.wait_until("requests", |shown| {
        let row = Screen::words(shown, "ttfb reused ").unwrap_or_default();
        row.first().is_some_and(|count| count != "-")
    })?;
    screen.keys(&["r"])?;
    screen.wait("figures are counted from now")?;
    screen.wait("the command has ended")?;
    screen.keys(&["q"])?;
    screen.wait("status 0")?;
    let live = std::fs::read_to_string(directory.path().join("live.json"))?;
    let export = Export::parse(&live)?;
    let requests = figure!(export, totals.requests.count)?;
    ensure!(
        (1..3000).contains(&requests),
        "{requests} requests after the reset"
    );
    ensure!(figure!(export, totals.connections.adopted)? == 6, "{live}");
    ensure!(
        replayed(&directory.path().join("run.trace"))? == live,
        "the replay differs"
    );
    server.finish().map(drop)
}
