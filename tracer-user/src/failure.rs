//! Reasons why tracer could not do what it was asked, and the exit codes that tell them.

use thiserror::Error;
use tracer_crawler::{crawl::CrawlError, header::HeaderError, seeds::SeedsError};

use crate::{
    demo::DemoError,
    diff::DiffError,
    privilege::PrivilegeError,
    say::StreamError,
    sink::{output::OutputError, rescue::Rescued},
    source::{
        kernel::{KernelError, cgroup::CgroupError, diag::DiagError},
        replay::ReplayError,
    },
};

/// Exit codes; documented in `tracer --help` and docs/user/exit-codes.md.
pub(crate) mod code {
    /// All went well.
    pub(crate) const OK: u8 = 0;
    /// Wrong arguments, a command or process that does not exist, an output that cannot be written.
    pub(crate) const USAGE: u8 = 2;
    /// Cannot trace here.
    pub(crate) const CANNOT_TRACE: u8 = 3;
    /// An input file cannot be read or understood.
    pub(crate) const INPUT: u8 = 4;
    /// A fault of tracer's own.
    pub(crate) const INTERNAL: u8 = 70;
}

/// A failure of the whole run, one line.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The user can mend it in the command line.
    #[error("{0}")]
    Usage(String),
    /// An output file.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The export, at the end of a trace.
    #[error("{0}; {1}")]
    Export(OutputError, Rescued),
    /// A standard stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// `--child-log`.
    #[error("--child-log is cut off: {0}; check the free space of its disk")]
    ChildLog(std::io::Error),
    /// The live screen.
    #[error("cannot draw the live screen: {0}")]
    Screen(std::io::Error),
    /// The trace of a command that was under way.
    #[error("{0}; the trace is cut off there, and the command was told to end")]
    Broken(Box<Failure>),
    /// Settings of a crawl.
    #[error(transparent)]
    Config(#[from] tracer_crawler::config::ConfigError),
    /// A recording.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Seeds of a crawl.
    #[error(transparent)]
    Seeds(#[from] SeedsError),
    /// A crawl that could not begin.
    #[error(transparent)]
    Crawl(#[from] CrawlError),
    /// Kernel or rights.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// cgroup v2.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// inet_diag.
    #[error(transparent)]
    Diag(#[from] DiagError),
    /// An input file.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// Dropping rights.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// Anything that should not happen.
    #[error("{what}: {source}")]
    Internal {
        /// The step that failed.
        what: &'static str,
        /// Error of the step.
        source: std::io::Error,
    },
}

impl Failure {
    /// For an operation that should not fail.
    pub(crate) fn internal(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Internal { what, source }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Config(error) if error.is_in_file() => code::INPUT,
            Self::Seeds(SeedsError::SwitchValue(_)) => code::USAGE,
            Self::Seeds(_) => code::INPUT,
            Self::Crawl(CrawlError::Fetcher(_)) => code::INPUT,
            Self::Crawl(CrawlError::Header(
                HeaderError::Read { .. } | HeaderError::Profiles { .. },
            )) => code::INPUT,
            Self::Config(_) | Self::Crawl(_) => code::USAGE,
            Self::Usage(_) | Self::Output(_) | Self::Export(..) => code::USAGE,
            Self::Stream(_) | Self::ChildLog(_) | Self::Screen(_) => code::USAGE,
            Self::Cgroup(CgroupError::NotFound { .. } | CgroupError::Outside { .. }) => code::USAGE,
            Self::Kernel(_) | Self::Cgroup(_) | Self::Diag(_) => code::CANNOT_TRACE,
            Self::Replay(_) => code::INPUT,
            Self::Diff(_) => code::INPUT,
            Self::Demo(demo) => demo.code(),
            Self::Privilege(_) | Self::Internal { .. } | Self::Broken(_) => code::INTERNAL,
        }
    }
}
