//! Flags, validated: what the rest of the program works with.

use std::{io::IsTerminal, path::Path, time::Duration};

use super::args::{Color, OutputArguments};
use crate::{failure::Failure, privilege::sudo_user, sink::output::OutputPath};

/// Where the export goes.
#[derive(Debug)]
pub(crate) enum JsonTarget {
    /// Standard output.
    Stdout,
    /// A file, checked and held ready.
    File(OutputPath),
}

/// Validated [`OutputArguments`].
#[derive(Debug)]
pub(crate) struct OutputSettings {
    /// The export.
    pub(crate) json: Option<JsonTarget>,
    /// Rewrite it this often.
    pub(crate) interval: Option<Duration>,
    /// Stop after this.
    pub(crate) duration: Option<Duration>,
    /// No text summary.
    pub(crate) quiet: bool,
    /// Text goes to standard error: standard output belongs to the command or the export.
    pub(crate) text_to_stderr: bool,
    /// Use colours.
    pub(crate) color: bool,
    /// Hosts with figures of their own.
    pub(crate) max_hosts: usize,
    /// Kernel log lines.
    pub(crate) kernel_log: bool,
}

impl OutputSettings {
    /// Opens what is to be written, so that it fails before anything is traced. `run`: standard output
    /// is the command's.
    pub(crate) fn validate(arguments: &OutputArguments, run: bool) -> Result<Self, Failure> {
        let json = match arguments.json.as_deref() {
            None => None,
            Some(path) if path == Path::new("-") && run => {
                return Err(Failure::Usage(
                    "--json -: standard output belongs to the command; name a file".into(),
                ));
            }
            Some(path) if path == Path::new("-") => Some(JsonTarget::Stdout),
            Some(path) => Some(JsonTarget::File(OutputPath::open(path, sudo_user())?)),
        };
        if arguments.interval.is_some() && matches!(json, Some(JsonTarget::Stdout)) {
            return Err(Failure::Usage(
                "--interval rewrites a file; give --json a file name".into(),
            ));
        }
        let text_to_stderr = run || matches!(json, Some(JsonTarget::Stdout));
        Ok(Self {
            json,
            interval: arguments.interval,
            duration: arguments.duration,
            quiet: arguments.quiet,
            text_to_stderr,
            color: use_color(arguments.color, text_to_stderr),
            max_hosts: arguments.max_hosts as usize,
            kernel_log: arguments.kernel_log,
        })
    }
}

fn use_color(color: Color, to_stderr: bool) -> bool {
    let terminal = if to_stderr {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    };
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}
