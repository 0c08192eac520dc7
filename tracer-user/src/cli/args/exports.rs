//! Flags of the commands that read exports.

use std::path::PathBuf;

use clap::Args;
use tracer_gate::Gate;

use super::{
    Color, GateArguments,
    notes::{DIFF_EXIT_CODES, MERGE_EXIT_CODES, REPORT_EXIT_CODES},
};
use crate::{cli::quantity::gate_of_diff, gates::Gates};

/// `tracer diff`
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXIT_CODES)]
pub(crate) struct Diff {
    /// The export to compare with (JSON, schema tracer.export/1).
    #[arg(value_name = "A.json")]
    pub(crate) a: PathBuf,
    /// The export to compare.
    #[arg(value_name = "B.json")]
    pub(crate) b: PathBuf,
    /// Print JSON (schema tracer.diff/1), unrounded.
    #[arg(long)]
    pub(crate) json: bool,
    /// One line about both, and the ten rows that changed most.
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    pub(crate) short: bool,
    /// Print Markdown, for a pull request.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Fail (exit code 1) if EXPR is true of the second export, or of the change to it: `phases.ttfb.p99_ns > +10%`.
    #[arg(long, value_name = "EXPR", value_parser = gate_of_diff, help_heading = "Gate")]
    pub(crate) fail_on: Vec<Gate>,
    /// Do not fail when a figure of --fail-on is absent.
    #[arg(long, requires = "fail_on", help_heading = "Gate")]
    pub(crate) allow_unknown: bool,
    /// Colours in the table: green is better, red is worse.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

impl Diff {
    /// The gates.
    pub(crate) fn gates(&self) -> Gates {
        Gates {
            all: self.fail_on.clone(),
            allow_unknown: self.allow_unknown,
        }
    }
}

/// `tracer check`
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXIT_CODES)]
pub(crate) struct Check {
    /// The export (JSON, schema tracer.export/1).
    #[arg(value_name = "FILE.json")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) gate: GateArguments,
    /// Print JSON (schema tracer.check/1).
    #[arg(long)]
    pub(crate) json: bool,
    /// Colours: red is failed.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// `tracer merge`
#[derive(Debug, Args)]
#[command(after_help = MERGE_EXIT_CODES)]
pub(crate) struct Merge {
    /// The exports (JSON, schema tracer.export/1), merged ones too.
    #[arg(value_name = "FILE.json", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write the merged export to OUT.json, or to standard output with `-`.
    #[arg(long, short, value_name = "OUT.json")]
    pub(crate) output: PathBuf,
}

/// `tracer report`
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXIT_CODES)]
pub(crate) struct Report {
    /// The export (JSON, schema tracer.export/1).
    #[arg(value_name = "A.json")]
    pub(crate) a: PathBuf,
    /// A second export, which is compared with the first.
    #[arg(value_name = "B.json")]
    pub(crate) b: Option<PathBuf>,
    /// Write the page to FILE.html, or to standard output with `-`.
    #[arg(long, short, value_name = "FILE.html")]
    pub(crate) output: PathBuf,
}
