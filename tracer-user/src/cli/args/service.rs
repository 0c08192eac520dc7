//! Flags of a trace that runs as a service.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::cli::quantity::period;

/// Settings in a file, and what a long trace needs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct ServiceArguments {
    /// Configuration file (TOML) with these flags as keys; it is read again on SIGHUP and when it changes. docs/user/service.md
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the settings and the origin of each, as a configuration file, and trace nothing.
    #[arg(long)]
    pub(crate) show_config: bool,
    /// Write an export with a time in its name for each period of this length: --json out.json makes out-20261130T100000Z.json
    /// and so on.
    #[arg(long, value_name = "TIME", value_parser = period)]
    pub(crate) rotate: Option<Duration>,
}
