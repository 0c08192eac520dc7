//! Description of a trace, besides its figures.

use std::time::{Duration, SystemTime};

use tracer_export::Filter;

use crate::trace::clock;

/// Description of a trace, besides its figures.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    /// The machine traced.
    pub(crate) machine: Machine,
    /// Beginning of the trace, time of day.
    pub(crate) started_at: SystemTime,
    /// Beginning of the trace, CLOCK_MONOTONIC, ns.
    pub(crate) started_ns: u64,
    /// Moment for which the figures are valid, CLOCK_MONOTONIC, ns.
    pub(crate) as_of_ns: u64,
    /// The filter, as validated.
    pub(crate) filter: Filter,
    /// The command of `tracer run`.
    pub(crate) command: Option<Vec<String>>,
    /// Processor time that the command has used, as far as it is known.
    pub(crate) command_cpu: Option<CpuTime>,
    /// Way in which HTTP/2 is read, and why; None in a replay.
    pub(crate) http2: Option<String>,
}

impl Description {
    /// Target in words: the command, or the filter.
    pub(crate) fn target(&self) -> String {
        match &self.command {
            Some(words) => words.join(" "),
            None => match self.filter_in_words() {
                none if none.is_empty() => "all processes".to_owned(),
                words => words,
            },
        }
    }

    /// The filter as text; empty without one.
    pub(crate) fn filter_in_words(&self) -> String {
        described(&self.filter)
    }

    /// Restarts the measured window at this moment: `now_ns` is CLOCK_MONOTONIC, `at_ns` counts from 1970.
    pub(crate) fn restart(&mut self, now_ns: u64, at_ns: u64) {
        self.started_ns = now_ns;
        self.started_at = SystemTime::UNIX_EPOCH + Duration::from_nanos(at_ns);
    }

    /// Beginning of the trace, since 1970, ns.
    pub(crate) fn started_at_ns(&self) -> u64 {
        clock::since_1970_ns(self.started_at)
    }

    /// Time since the trace began or was reset, ns.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        self.as_of_ns.saturating_sub(self.started_ns)
    }

    /// Moment for which the figures are valid, ns since 1970.
    pub(crate) fn as_of_at_ns(&self) -> u64 {
        self.started_at_ns() + self.elapsed_ns()
    }
}

/// The filter as text: `comm curl port 443`.
fn described(filter: &Filter) -> String {
    let given = filter.given().into_iter();
    let words = given.map(|(flag, values)| format!("{flag} {}", values.join(",")));
    words.collect::<Vec<_>>().join("  ")
}

/// Processor time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTime {
    /// Time in user mode.
    pub(crate) user: Duration,
    /// Time in the kernel on behalf of the program.
    pub(crate) system: Duration,
}

/// The machine traced.
#[derive(Debug, Clone)]
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
