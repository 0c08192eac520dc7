//! Where results go. Every sink takes the immutable snapshot; only [`json`] knows the JSON shape.

mod hdr;
pub(crate) mod json;
pub(crate) mod output;
pub(crate) mod printable;
mod text;
pub(crate) mod tui;

use std::{io::Write, time::SystemTime};

use serde_json::Value;
use tracer_core::snapshot::Snapshot;

use crate::{
    cli::settings::{JsonTarget, OutputSettings},
    clock,
    failure::Failure,
};

/// What a trace is about, besides its figures.
#[derive(Debug)]
pub(crate) struct Description {
    /// Where.
    pub(crate) machine: Machine,
    /// When it began, time of day.
    pub(crate) started_at: SystemTime,
    /// When it began, CLOCK_MONOTONIC, ns.
    pub(crate) started_ns: u64,
    /// When it ended, likewise; None while it goes on.
    pub(crate) ended_ns: Option<u64>,
    /// The filter, as validated.
    pub(crate) filter: Value,
    /// The command of `tracer run`.
    pub(crate) command: Option<Vec<String>>,
}

/// The machine traced.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Host name.
    pub(crate) hostname: String,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Architecture, as uname gives it.
    pub(crate) arch: String,
    /// Processors.
    pub(crate) cpus: usize,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Self {
        let uname = nix::sys::utsname::uname().ok();
        let text = |get: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            uname
                .as_ref()
                .map(|uname| get(uname).to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        Self {
            hostname: text(nix::sys::utsname::UtsName::nodename),
            kernel: text(nix::sys::utsname::UtsName::release),
            arch: text(nix::sys::utsname::UtsName::machine),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// All sinks of a trace.
#[derive(Debug)]
pub(crate) struct Sinks {
    /// What was asked for.
    pub(crate) output: OutputSettings,
    /// What it is about.
    pub(crate) description: Description,
}

impl Sinks {
    /// Says what a person gets to read at the end.
    pub(crate) fn say(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        if self.output.quiet {
            return Ok(());
        }
        let duration_ns = self.elapsed_ns();
        let text = text::summary(snapshot, duration_ns, self.output.color);
        let written = if self.output.text_to_stderr {
            std::io::stderr().write_all(text.as_bytes())
        } else {
            std::io::stdout().write_all(text.as_bytes())
        };
        closed_pipe_is_fine(written)
    }

    /// Since the trace began or was reset, ns.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        let now_ns = self
            .description
            .ended_ns
            .unwrap_or_else(clock::monotonic_ns);
        now_ns.saturating_sub(self.description.started_ns)
    }

    /// The export as text.
    pub(crate) fn document(&self, snapshot: &Snapshot) -> Result<String, Failure> {
        let export = json::export(snapshot, &self.description, self.elapsed_ns());
        let mut text = serde_json::to_string_pretty(&export)
            .map_err(std::io::Error::from)
            .map_err(Failure::internal("writing the export"))?;
        text.push('\n');
        Ok(text)
    }

    /// Writes the export, if one is wanted.
    pub(crate) fn export(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let Some(target) = &self.output.json else {
            return Ok(());
        };
        let text = self.document(snapshot)?;
        match target {
            JsonTarget::Stdout => closed_pipe_is_fine(std::io::stdout().write_all(text.as_bytes())),
            JsonTarget::File(path) => Ok(path.replace(text.as_bytes())?),
        }
    }
}

/// Whoever read our output may have gone (`| head`).
pub(crate) fn closed_pipe_is_fine(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::internal("writing the results")),
    }
}
