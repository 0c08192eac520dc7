//! Runs of the binary under test.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::export::{Export, shown};
use crate::machine::{require_root, tracer_binary};
use crate::process::{Finished, PATIENCE, Process, wait_for};

/// Line that a test prints when the kernel did not run the programs at a change of a TCP state. `cargo xtask test` runs a
/// failed test that has printed it once more.
const UNSEEN: &str = "unseen: the kernel did not run the programs at a change of a TCP state";

/// Result of `tracer run`.
#[derive(Debug)]
pub struct Traced {
    /// Export of the trace.
    pub export: Export,
    /// Status and output of tracer, which are those of the command.
    pub finished: Finished,
}

impl Traced {
    /// The last line of the client's output, its own count.
    pub fn client_count(&self) -> Result<Value> {
        let line = self
            .finished
            .stdout
            .lines()
            .last()
            .context("the client printed nothing")?;
        serde_json::from_str(line).with_context(|| line.to_owned())
    }

    /// Text that helps when a case fails.
    pub fn story(&self) -> String {
        let totals = shown(&self.export.totals);
        let Finished {
            status,
            stdout,
            stderr,
        } = &self.finished;
        format!("{status}\nstdout: {stdout}\nstderr: {stderr}\ntotals: {totals}")
    }
}

/// Prints [`UNSEEN`] when an open or a close is missing although every record arrived and no run was skipped. The reason is
/// in docs/dev/testing.md.
fn note_unseen(export: &Export) {
    let events = &export.events;
    let is_whole = events.lost == Some(0) && events.overflowed == Some(0);
    let connections = &export.totals.connections;
    let is_missing = connections.closes_lost != Some(0) || events.unmatched != Some(0);
    if is_whole && is_missing {
        println!("{UNSEEN}");
    }
}

/// Traces `client` with `tracer run` and reads the export.
pub fn run(client: &Client) -> Result<Traced> {
    run_with(&[], client)
}

/// Traces `client` with `tracer run` and further flags, and reads the export.
pub fn run_with(flags: &[&str], client: &Client) -> Result<Traced> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["run", "--no-tui", "--json"])
        .arg(&file)
        .args(flags)
        .arg("--");
    command
        .args(&client.command)
        .envs(client.environment.iter().cloned());
    let finished = Process::start(&mut command)?.finish_within(2 * PATIENCE)?;
    let export = Export::read(&file).with_context(|| {
        format!(
            "tracer: {}\n{}{}",
            finished.status, finished.stdout, finished.stderr
        )
    })?;
    note_unseen(&export);
    Ok(Traced { export, finished })
}

/// A running `tracer attach`.
pub struct Attached {
    process: Process,
    directory: TempDir,
}

impl Attached {
    /// Starts tracer and waits until it says that it traces.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        require_root()?;
        let directory = tempfile::tempdir()?;
        let mut command = Command::new(tracer_binary()?);
        command
            .args(["attach", "--no-tui", "--json"])
            .arg(directory.path().join("export.json"));
        let mut process = Process::start(command.args(arguments))?;
        wait_for("tracer to attach", PATIENCE, || {
            let said = process.stderr()?;
            anyhow::ensure!(!process.has_ended()?, "tracer ended: {said}");
            Ok(said.contains("tracer: tracing").then_some(()))
        })?;
        Ok(Self { process, directory })
    }

    /// The process id of tracer.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// True if tracer has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        self.process.has_ended()
    }

    /// Sends tracer a signal that does not end it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Waits for the export that `--interval` writes, and reads it.
    pub fn export(&self) -> Result<Export> {
        Export::read(&self.directory.path().join("export.json"))
    }

    /// Ends tracer with a signal.
    pub fn end(self, signal: Signal) -> Result<Traced> {
        self.process.signal(signal)?;
        self.finish()
    }

    /// Waits until tracer ends by itself.
    pub fn finish(self) -> Result<Traced> {
        let file: PathBuf = self.directory.path().join("export.json");
        let finished = self.process.finish_within(Duration::from_secs(30))?;
        let export = Export::read(&file).with_context(|| format!("{finished:?}"))?;
        note_unseen(&export);
        Ok(Traced { export, finished })
    }
}
