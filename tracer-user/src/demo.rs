//! `tracer demo`: two crawls of the testbed's site by the reference crawler, over a link with a real round trip: the
//! first with the settings of a naive crawler, the second tuned. Both are traced and then compared.
//!
//! A demo leaves no namespace, file or process behind but its exports, however it ends: namespaces have no names, files
//! are in memory, and children end with this process.

mod check;
mod client;
mod crawled;
mod directory;
mod memory;
mod report;
mod resolver;
mod settings;
mod stage;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracer_testbed::dns::DnsError;
use tracer_testbed::link::LinkError;
use tracer_testbed::origin::OriginError;

use crate::diff::DiffError;
use crate::exit_code;
use crate::say::StreamError;
use crate::source::kernel::check_rights;

use client::CrawlEnd;
use directory::Directory;
use memory::MemoryFile;
pub(crate) use settings::DemoSettings;
use stage::{Counted, Stage};

/// Reasons why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The directory of the exports cannot be made.
    #[error("cannot make {path} for the exports: {source}; choose another directory")]
    Out {
        /// Path as given.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// Another demo that is running uses the directory.
    #[error("another tracer demo is writing to {path}; choose another directory with --out")]
    InUse {
        /// Path as given.
        path: PathBuf,
    },
    /// A step that should not fail.
    #[error("demo: {what}: {source}")]
    System {
        /// The step that failed.
        what: &'static str,
        /// Error of the step.
        source: io::Error,
    },
    /// The link cannot be set up.
    #[error("demo: {0}")]
    Link(#[from] LinkError),
    /// The origin cannot be started.
    #[error("demo: {0}")]
    Origin(#[from] OriginError),
    /// The DNS server cannot be started.
    #[error("demo: {0}")]
    Dns(#[from] DnsError),
    /// The crawler or its tracer ended with an error.
    #[error("demo: the crawl with profile {profile} ended with status {status}:\n{output}")]
    Client {
        /// The profile.
        profile: &'static str,
        /// Exit code of the crawl, 128 + n for signal n.
        status: u8,
        /// Last lines of the crawl's standard output and standard error.
        output: String,
    },
    /// The crawl did not end.
    #[error("demo: the crawl with profile {profile} did not end in time")]
    Overdue {
        /// The profile.
        profile: &'static str,
    },
    /// The comparison cannot be printed.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// `tracer run` could not write an export to its file.
    #[error("demo: the export of the crawl with profile {profile} was not written:\n{output}")]
    NoExport {
        /// The profile.
        profile: &'static str,
        /// Last lines of the crawl's standard output and standard error.
        output: String,
    },
    /// An export cannot be read back.
    #[error("demo: {0}")]
    Export(#[from] DiffError),
    /// The crawler's JSONL cannot be read.
    #[error("demo: cannot read what the crawler wrote of its pages: {0}")]
    Crawled(serde_json::Error),
}

impl DemoError {
    /// Wraps the error of a step that should not fail.
    fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    /// Exit code of the error.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Out { .. } | Self::InUse { .. } | Self::Stream(_) | Self::NoExport { .. } => {
                exit_code::USAGE
            }
            Self::Client { status, .. } if *status == exit_code::CANNOT_TRACE => {
                exit_code::CANNOT_TRACE
            }
            _ => exit_code::INTERNAL,
        }
    }
}

/// The two crawls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    Default,
    Tuned,
}

impl Profile {
    /// Name of the profile, for the crawler and for the file of the export.
    fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Tuned => "tuned",
        }
    }
}

/// A crawl, with the counts of servers and crawler.
#[derive(Debug)]
struct Run {
    profile: Profile,
    /// Counts of origin and DNS server.
    counted: Counted,
    /// Figures of the crawler about its pages.
    crawled: crawled::Crawled,
    /// Hosts of the site.
    hosts: u64,
    /// Time from start to end of the crawl.
    took: Duration,
}

/// Runs both crawls and prints the comparison.
pub(crate) fn demo(settings: &DemoSettings) -> Result<u8, DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DemoError::system("starting the runtime"))?;
    run(settings, &runtime)
}

fn run(settings: &DemoSettings, runtime: &Runtime) -> Result<u8, DemoError> {
    // Listens before anything exists that a signal would leave behind.
    let mut stop = runtime
        .block_on(async { Stop::listen() })
        .map_err(DemoError::system("listening for signals"))?;
    let untraced = check_rights().err();
    let directory = match untraced {
        None => Some(Directory::take(settings.out.as_deref())?),
        Some(_) => None,
    };
    let stage = Stage::new(settings)?;
    report::introduce(settings, &stage, untraced.as_ref());
    let mut runs = Vec::new();
    for profile in [Profile::Default, Profile::Tuned] {
        let crawl = client::Crawl {
            settings,
            stage: &stage,
            profile,
            directory: directory.as_ref(),
        };
        match crawl.run(runtime, &mut stop)? {
            CrawlEnd::Stopped(code) => return Ok(code),
            CrawlEnd::Done(run) => runs.push(*run),
        }
    }
    let limit = stage.link().map(|_| settings.limit_per_second());
    drop(stage);
    report::conclude(settings, &runs, directory.as_ref(), limit)
}

/// Signals that end the demo.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the first signal; returns the exit code for it.
    async fn received(&mut self) -> u8 {
        let signal = tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.hangup.recv() => libc::SIGHUP,
        };
        128 + signal as u8
    }
}
