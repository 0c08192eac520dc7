//! Reasons why tracer could not do its task: the errors of all modules, joined, with their exit codes.

use thiserror::Error;
use tracer_crawler::{crawl::CrawlError, header::HeaderError, seeds::SeedsError};

use crate::{
    demo::DemoError,
    diff::DiffError,
    exit_code,
    files::output::OutputError,
    merge::MergeFileError,
    say::StreamError,
    sink::{SinkError, json::JsonError},
    source::{
        error::SourceError,
        kernel::{KernelError, cgroup::CgroupError, diag::DiagError},
        replay::ReplayError,
    },
    trace::{account::AccountError, child::ChildError, privilege::PrivilegeError},
};

/// A failure of the whole run, one line.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command line is wrong; the user can correct it.
    #[error("{0}")]
    Usage(String),
    /// An output file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A sink could not write results, at the end of a trace or before.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A standard stream cannot be written.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The file of `--child-log` cannot be written.
    #[error("--child-log is cut off: {0}; check the free space of its disk")]
    ChildLog(std::io::Error),
    /// The live screen cannot be drawn.
    #[error("cannot draw the live screen: {0}")]
    Screen(std::io::Error),
    /// The trace of a command failed while it was under way.
    #[error("{0}; the trace is cut off there, and the command was told to end")]
    Broken(Box<Failure>),
    /// Settings of a crawl are wrong.
    #[error(transparent)]
    Config(#[from] tracer_crawler::config::ConfigError),
    /// The source of a trace failed while it was under way.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The user for the command cannot be taken.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The command cannot be started.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A recording cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Seeds of a crawl cannot be read.
    #[error(transparent)]
    Seeds(#[from] SeedsError),
    /// A crawl could not begin.
    #[error(transparent)]
    Crawl(#[from] CrawlError),
    /// The kernel cannot be traced, or rights are missing.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A cgroup could not be found, made or read.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// Sockets could not be listed.
    #[error(transparent)]
    Diag(#[from] DiagError),
    /// An input file cannot be read or understood.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// Exports cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeFileError),
    /// The demo failed.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// Rights could not be dropped.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// A step failed that should not fail.
    #[error("{what}: {source}")]
    Internal {
        /// The step that failed.
        what: &'static str,
        /// Error of the step.
        source: std::io::Error,
    },
}

impl Failure {
    /// Wraps the error of an operation that should not fail.
    pub(crate) fn internal(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Internal { what, source }
    }

    /// Exit code of the failure.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Config(error) if error.is_in_file() => exit_code::INPUT,
            Self::Seeds(SeedsError::SwitchValue(_)) => exit_code::USAGE,
            Self::Seeds(_) => exit_code::INPUT,
            Self::Crawl(CrawlError::Fetcher(_)) => exit_code::INPUT,
            Self::Crawl(CrawlError::Header(
                HeaderError::Read { .. } | HeaderError::Profiles { .. },
            )) => exit_code::INPUT,
            Self::Config(_) | Self::Crawl(_) => exit_code::USAGE,
            Self::Usage(_) | Self::Output(_) | Self::Account(_) => exit_code::USAGE,
            Self::Stream(_) | Self::ChildLog(_) | Self::Screen(_) => exit_code::USAGE,
            Self::Sink(SinkError::Json(JsonError::Document(_))) => exit_code::INTERNAL,
            Self::Sink(_) => exit_code::USAGE,
            Self::Child(ChildError::Cgroup(_)) => exit_code::INTERNAL,
            Self::Child(_) => exit_code::USAGE,
            Self::Source(SourceError::System { .. }) => exit_code::INTERNAL,
            Self::Source(_) => exit_code::CANNOT_TRACE,
            Self::Cgroup(CgroupError::NotFound { .. } | CgroupError::Outside { .. }) => {
                exit_code::USAGE
            }
            Self::Kernel(_) | Self::Cgroup(_) | Self::Diag(_) => exit_code::CANNOT_TRACE,
            Self::Replay(_) | Self::Diff(_) | Self::Merge(_) => exit_code::INPUT,
            Self::Demo(demo) => demo.code(),
            Self::Privilege(_) | Self::Internal { .. } | Self::Broken(_) => exit_code::INTERNAL,
        }
    }
}
