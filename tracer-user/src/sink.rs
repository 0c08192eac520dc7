//! Sinks, which results go to. Every sink takes the immutable snapshot; only [`json`] makes an export of it.

mod hdr;
pub(crate) mod json;
pub(crate) mod output;
pub(crate) mod rescue;
mod text;
pub(crate) mod tui;

use std::time::{Duration, SystemTime};

use tracer_core::{snapshot::Snapshot, tracker::TrackerOptions};
use tracer_export::Filter;
use tracer_recording::Start;

use crate::{
    child::Cpu,
    cli::settings::{JsonTarget, OutputSettings},
    clock,
    failure::Failure,
    say,
};

/// Description of a trace, besides its figures.
#[derive(Debug)]
pub(crate) struct Description {
    /// The machine traced.
    pub(crate) machine: Machine,
    /// Beginning of the trace, time of day.
    pub(crate) started_at: SystemTime,
    /// Beginning of the trace, CLOCK_MONOTONIC, ns.
    pub(crate) started_ns: u64,
    /// The moment its figures are as of, likewise.
    pub(crate) as_of_ns: u64,
    /// The filter, as validated.
    pub(crate) filter: Filter,
    /// The command of `tracer run`.
    pub(crate) command: Option<Vec<String>>,
    /// Time it has used, as far as that is known by now.
    pub(crate) command_cpu: Option<Cpu>,
}

impl Description {
    /// Description of a recording.
    pub(crate) fn of(start: Start) -> Self {
        Self {
            machine: Machine {
                hostname: start.hostname,
                kernel: start.kernel,
                arch: start.arch,
                cpus: start.cpus as usize,
            },
            started_at: SystemTime::UNIX_EPOCH + Duration::from_nanos(start.started_at_ns),
            started_ns: start.started_ns,
            as_of_ns: start.started_ns,
            filter: start.filter,
            command: start.command,
            command_cpu: None,
        }
    }

    /// For a recording of a trace by a tracker with these options.
    pub(crate) fn start(&self, options: &TrackerOptions) -> Start {
        Start {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: env!("TRACER_COMMIT").into(),
            hostname: self.machine.hostname.clone(),
            kernel: self.machine.kernel.clone(),
            arch: self.machine.arch.clone(),
            cpus: self.machine.cpus as u64,
            started_at_ns: self.started_at_ns(),
            started_ns: self.started_ns,
            filter: self.filter.clone(),
            command: self.command.clone(),
            hosts: options.hosts.patterns().to_vec(),
            max_hosts: options.max_hosts as u64,
            max_connections: options.max_connections as u64,
        }
    }

    /// The window begins anew: CLOCK_MONOTONIC and since 1970, ns.
    pub(crate) fn restart(&mut self, now_ns: u64, at_ns: u64) {
        self.started_ns = now_ns;
        self.started_at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at_ns);
    }

    /// Beginning of the trace, since 1970, ns.
    pub(crate) fn started_at_ns(&self) -> u64 {
        clock::since_1970_ns(self.started_at)
    }
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
    /// The machine that tracer runs on.
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
    /// Outputs asked for.
    pub(crate) output: OutputSettings,
    /// Description of the trace.
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
        Ok(if self.output.text_to_stderr {
            say::print_to_stderr(&text)
        } else {
            say::print(&text)
        }?)
    }

    /// Since the trace began or was reset, ns.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        let about = &self.description;
        about.as_of_ns.saturating_sub(about.started_ns)
    }

    /// The export as text.
    pub(crate) fn document(&self, snapshot: &Snapshot) -> Result<String, Failure> {
        let export = json::export(snapshot, &self.description, self.elapsed_ns());
        export
            .to_text()
            .map_err(std::io::Error::from)
            .map_err(Failure::internal("writing the export"))
    }

    /// Writes the export, if one is wanted.
    pub(crate) fn export(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let Some(target) = &self.output.json else {
            return Ok(());
        };
        let text = self.document(snapshot)?;
        match target {
            JsonTarget::Stdout => Ok(say::print(&text)?),
            JsonTarget::File(path) => Ok(path.replace(text.as_bytes())?),
        }
    }

    /// Writes the export for the last time. Where its file cannot be written, it is put somewhere else.
    pub(crate) fn export_at_the_end(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let Some(JsonTarget::File(path)) = &self.output.json else {
            return self.export(snapshot);
        };
        let text = self.document(snapshot)?;
        path.replace(text.as_bytes()).map_err(|failure| {
            let rescued = rescue::rescue(text.as_bytes(), self.output.invoker.as_ref());
            Failure::Export(failure, rescued)
        })
    }
}
