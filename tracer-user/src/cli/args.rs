//! Flags as typed. Man page and completions come from these definitions too.

mod exports;
mod notes;
mod otlp;
mod served;
mod service;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tracer_core::finding::allow::Allow;
use tracer_text::duration::parse_positive;

use self::notes::{
    ATTACH_NOTES, CONFIG_EXIT_CODES, CRAWL_EXIT_CODES, DEMO_EXIT_CODES, DOCTOR_EXIT_CODES,
    EXIT_CODES, EXPLAIN_EXIT_CODES, REPLAY_EXIT_CODES, RUN_NOTES,
};
pub(crate) use self::{
    exports::{Check, Diff, Merge, Report},
    otlp::{MetricsArguments, OtlpArguments, OtlpProtocol},
    served::ServedArguments,
    service::ServiceArguments,
};
use super::{
    crawl::{flags::SettingsArguments, switches},
    examples,
    quantity::{CidrRange, cidr, gate, host, pid, port, refresh, speed},
};
use tracer_gate::Gate;

use crate::{gates::Gates, source::probes::choice::Asked, trace::playback::Speed};

/// Shows from inside the Linux kernel where a web crawler's network time goes.
#[derive(Debug, Parser)]
#[command(name = "tracer", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Command to carry out.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Parses the words that this process was started with. The error is what to print: help, or what is wrong.
pub(crate) fn parse() -> Result<Arguments, clap::Error> {
    let mut matches = command().try_get_matches_from(switches::joined(std::env::args_os()))?;
    Arguments::from_arg_matches_mut(&mut matches)
}

/// Definitions of all commands, with their examples.
pub(crate) fn command() -> clap::Command {
    examples::add(Arguments::command())
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trace what is running, until Ctrl-C, --duration, or until the processes given by --pid have ended.
    Attach(Attach),
    /// Start a command, trace it and its descendants from their first socket, pass its status on.
    Run(Run),
    /// Show a recording (--record) again, through the same figures and outputs; needs no rights.
    Replay(Replay),
    /// Crawl a built-in site over a link with a round trip, first naively, then well; trace and compare both.
    Demo(Demo),
    /// Gate a build on an export: fail when an expression over its figures is true.
    Check(Check),
    /// Compare two exports: every figure with its change and what it means.
    Diff(Diff),
    /// Make one export of many: of many machines, or of parts of a trace.
    Merge(Merge),
    /// Make a page of HTML of an export, or of two that are compared, for people without tracer.
    Report(Report),
    /// Explain a finding: what it is, how it is told, what to do, and how to check that it is gone.
    Explain(Explain),
    /// Say what this kernel, these rights and this machine allow, and what to do about the rest.
    Doctor(Doctor),
    /// Crawl web sites, with the profile of a naive or of a tuned crawler.
    Crawl(Crawl),
    /// Show the settings of a crawl, from all their sources.
    Config(Config),
    /// Print completions for a shell, on standard output.
    Completions(Completions),
    /// Print a manual page (troff), on standard output.
    Man(Man),
}

/// `tracer attach`
#[derive(Debug, Args)]
#[command(after_help = ATTACH_NOTES)]
pub(crate) struct Attach {
    /// Process id, with its descendants.
    #[arg(long, value_name = "PID", value_parser = pid, help_heading = "Filter")]
    pub(crate) pid: Vec<u32>,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
}

/// `tracer run`
#[derive(Debug, Args)]
#[command(after_help = RUN_NOTES)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    // Refused with words of its own.
    #[arg(long, hide = true)]
    pub(crate) pid: Vec<u32>,
    /// Start the command as this user, with the user's groups, HOME, USER and LOGNAME; tracer itself keeps its rights.
    #[arg(long, value_name = "NAME|UID")]
    pub(crate) user: Option<String>,
    /// While the live screen is open: write what the command prints to FILE, besides showing it.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "no_tui",
        help_heading = "Output"
    )]
    pub(crate) child_log: Option<PathBuf>,
    /// The command and its arguments, after `--`.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// `tracer replay`
#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXIT_CODES)]
pub(crate) struct Replay {
    /// Recording that --record has written.
    #[arg(value_name = "FILE.trace")]
    pub(crate) file: PathBuf,
    /// Speed: so many times as fast as it happened, or max. [default: 1 on the live screen, else max]
    #[arg(long, value_name = "N|max", value_parser = speed)]
    pub(crate) speed: Option<Speed>,
    /// Only what came in this time from the beginning.
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    pub(crate) until: Option<Duration>,
    #[command(flatten)]
    pub(crate) results: ResultArguments,
}

/// `tracer demo`
#[derive(Debug, Args)]
#[command(after_help = DEMO_EXIT_CODES)]
pub(crate) struct Demo {
    /// Round trip of the link between crawler and site.
    #[arg(long, value_name = "TIME", default_value = "85ms", value_parser = parse_positive)]
    pub(crate) rtt: Duration,
    /// Requests at once.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Time that each of the two crawls takes.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_positive)]
    pub(crate) time: Duration,
    /// Directory for the exports, default.json and tuned.json; made if it is not there. [default: tracer-demo, or tracer-demo-2 and so on while other demos write there]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Show the live screen of each trace.
    #[arg(long, overrides_with = "no_tui")]
    pub(crate) tui: bool,
    /// A line of progress instead of the live screen (the default; the last of both flags counts).
    #[arg(long, overrides_with = "tui")]
    pub(crate) no_tui: bool,
    /// Delay by the kernel's sch_netem on a veth pair instead of TUN devices; needs that module and iproute2.
    #[arg(long)]
    pub(crate) netem: bool,
    /// Colours in the table: green is better, red is worse.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// `tracer explain`
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXIT_CODES)]
pub(crate) struct Explain {
    /// Name of the finding, as in `no-connection-reuse`; without it, all are listed.
    #[arg(value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Print Markdown; without ID, the pages of all.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// `tracer doctor`
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXIT_CODES)]
pub(crate) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `tracer crawl`
#[derive(Debug, Args)]
#[command(after_help = CRAWL_EXIT_CODES)]
pub(crate) struct Crawl {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Trace the crawl while it runs, as `tracer run` does; needs the rights of a trace.
    #[arg(long, help_heading = "Trace")]
    pub(crate) trace: bool,
    /// Trace it, and write the export (schema tracer.export/1) to FILE.
    #[arg(long, value_name = "FILE", help_heading = "Trace")]
    pub(crate) trace_json: Option<PathBuf>,
}

/// `tracer config`
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// Command to carry out.
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// Commands of `tracer config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings which a crawl with these flags, this file and this environment would have, as a configuration file.
    Show(ConfigShow),
}

/// `tracer config show`
#[derive(Debug, Args)]
#[command(after_help = CONFIG_EXIT_CODES)]
pub(crate) struct ConfigShow {
    /// Say of each value where it comes from.
    #[arg(long)]
    pub(crate) origin: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

/// `tracer completions`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell.
    pub(crate) shell: clap_complete::Shell,
}

/// `tracer man`
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of one command, as in `tracer man attach` or `tracer man config-show`; without it the page of tracer itself.
    pub(crate) command: Option<String>,
}

/// Processes and connections to trace. A flag given twice means either; different flags mean both.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArguments {
    /// Process name (comm) with * and ?.
    #[arg(long, value_name = "GLOB")]
    pub(crate) comm: Vec<String>,
    /// Executable file.
    #[arg(long, value_name = "PATH")]
    pub(crate) exe: Vec<PathBuf>,
    /// cgroup-v2 path or id, or a container id: everything in and below it.
    #[arg(long, value_name = "PATH|ID")]
    pub(crate) cgroup: Vec<String>,
    /// Remote port.
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(crate) port: Vec<u16>,
    /// Remote address range.
    #[arg(long, value_name = "CIDR", value_parser = cidr)]
    pub(crate) cidr: Vec<CidrRange>,
    /// Host name with * and ?.
    ///
    /// Host name with * and ?: server name of the TLS handshake, else the name that was looked up, else the Host field of a
    /// request in clear, else the address.
    #[arg(long, value_name = "GLOB", value_parser = host)]
    pub(crate) host: Vec<String>,
    /// Trace connections to loopback addresses.
    #[arg(long, hide_short_help = true, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub(crate) include_loopback: bool,
}

/// Outputs of a trace.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    #[command(flatten)]
    pub(crate) results: ResultArguments,
    #[command(flatten)]
    pub(crate) served: ServedArguments,
    /// Record everything the figures are made of to FILE, for `tracer replay`.
    #[arg(long, value_name = "FILE.trace")]
    pub(crate) record: Option<PathBuf>,
    /// Stop after this time. The command of `tracer run` gets SIGTERM, and SIGKILL 15 seconds later.
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    pub(crate) duration: Option<Duration>,
    /// Reading of HTTP/2.
    #[arg(long, hide_short_help = true, value_enum, default_value_t = Asked::Auto, help_heading = "Tracing")]
    pub(crate) http2: Asked,
    /// Hosts with figures of their own; when there are more, the least busy without open connections give way.
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_hosts: u32,
    /// Log lines of the kernel programs on standard error, for debugging.
    #[arg(long, hide_short_help = true)]
    pub(crate) kernel_log: bool,
}

/// Outputs of a trace or of a recording.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ResultArguments {
    /// Write the export (JSON, schema tracer.export/1) to FILE, or to standard output with `-`.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write HdrHistogram interval logs to DIR, one for each phase (PHASE.hlog): a line for each --interval, or one in all.
    #[arg(long, value_name = "DIR")]
    pub(crate) hdr_log: Option<PathBuf>,
    /// Rewrite the export, add to the logs of --hdr-log, and send to --otlp, this often while tracing.
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    pub(crate) interval: Option<Duration>,
    /// No live screen, though standard output is a terminal: the text summary at the end only.
    #[arg(long)]
    pub(crate) no_tui: bool,
    /// The live screen shows new figures this often.
    #[arg(long, hide_short_help = true, value_name = "TIME", default_value = "250ms", value_parser = refresh)]
    pub(crate) refresh: Duration,
    /// No text summary. The live screen opens all the same: see --no-tui.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// A finding that is allowed, for all hosts or for those that match: it is shown as allowed and never comes first.
    #[arg(long, hide_short_help = true, value_name = "ID[=HOST]", value_parser = Allow::parse)]
    pub(crate) allow: Vec<Allow>,
    /// A file with such findings, one a line. What follows a # is the reason, which is shown with the finding.
    #[arg(long, value_name = "FILE")]
    pub(crate) allow_file: Vec<PathBuf>,
    /// Colours on the live screen and in the text summary.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(flatten)]
    pub(crate) otlp: OtlpArguments,
    #[command(flatten)]
    pub(crate) metrics: MetricsArguments,
    #[command(flatten)]
    pub(crate) gate: GateArguments,
}

/// Conditions that fail the run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gate")]
pub(crate) struct GateArguments {
    /// Fail (exit code 1) if EXPR is true at the end, as in `phases.tls.p99_ns > 200ms or findings.warning > 0`; may be given
    /// again. docs/user/gate.md
    #[arg(long, value_name = "EXPR", value_parser = gate)]
    pub(crate) fail_on: Vec<Gate>,
    /// Do not fail when a figure of --fail-on is absent.
    #[arg(long, requires = "fail_on")]
    pub(crate) allow_unknown: bool,
}

impl GateArguments {
    /// The gates.
    pub(crate) fn to_gates(&self) -> Gates {
        Gates {
            all: self.fail_on.clone(),
            allow_unknown: self.allow_unknown,
        }
    }
}

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}
