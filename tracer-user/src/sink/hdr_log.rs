//! Interval logs as a sink: a file for each phase, which the standard tools of HdrHistogram read. Each interval of
//! `--interval` is a line with the samples of that time; without it the whole trace is one.

use std::{cell::RefCell, fs::File, io, path::Path, time::SystemTime};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError},
};
use tracer_core::{
    latency::Latency,
    phase::{Phase, Phases},
};

use super::{Occasion, Results};
use crate::{
    files::{
        create_dir_all,
        output::{OutputError, OutputPath},
    },
    invoker::Invoker,
};

/// Settings of the interval logs, and what they have so far.
#[derive(Debug)]
pub(crate) struct HdrLog {
    files: Vec<(Phase, File)>,
    written: RefCell<Written>,
}

/// Part of the trace that is in the logs.
#[derive(Debug, Default)]
struct Written {
    /// Time that all other times are relative to; none until the first interval.
    base: Option<SystemTime>,
    until: Option<SystemTime>,
    phases: Phases,
}

/// Reasons why interval logs cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HdrLogError {
    /// The directory cannot be made.
    #[error("cannot make the directory of --hdr-log: {0}")]
    Directory(io::Error),
    /// A file cannot be made.
    #[error(transparent)]
    File(#[from] OutputError),
    /// A file cannot be written any more.
    #[error("cannot write the logs of --hdr-log: {0}; the lines before are complete")]
    Write(io::Error),
}

impl HdrLog {
    /// Makes the directory and the files.
    pub(crate) fn open(directory: &Path, invoker: Option<&Invoker>) -> Result<Self, HdrLogError> {
        create_dir_all(directory, invoker).map_err(HdrLogError::Directory)?;
        let open = |phase: Phase| {
            let path = directory.join(format!("{}.hlog", phase.key()));
            let file = OutputPath::open(&path, invoker)?.begin()?;
            Ok((phase, file.commit_open()?))
        };
        let files: Result<_, OutputError> = Phase::ALL.into_iter().map(open).collect();
        Ok(Self {
            files: files?,
            written: RefCell::default(),
        })
    }

    /// Writes the samples since the last time.
    pub(super) fn take(&self, occasion: Occasion, results: &Results) -> Result<(), HdrLogError> {
        let about = &results.description;
        let now = about.started_at + std::time::Duration::from_nanos(about.elapsed_ns());
        let mut written = self.written.borrow_mut();
        let nothing_new = now <= written.until.unwrap_or(about.started_at);
        let is_other = matches!(occasion, Occasion::Report | Occasion::TerminalFree);
        if is_other || occasion == Occasion::UnderWay && nothing_new {
            return Ok(());
        }
        // After the figures have begun anew the trace begins later than the last interval has ended.
        let from = written
            .until
            .unwrap_or(about.started_at)
            .max(about.started_at);
        let base = *written.base.get_or_insert(about.started_at);
        let is_first = written.until.is_none();
        if written.until.is_some_and(|until| about.started_at >= until) {
            // The figures have begun anew.
            written.phases = Phases::default();
        }
        let phases = &results.snapshot.totals.phases;
        for (phase, file) in &self.files {
            let samples = phases.get(*phase).since(written.phases.get(*phase));
            let text = interval(*phase, &samples, is_first, base, [from, now]);
            let text = text.map_err(HdrLogError::Write)?;
            io::Write::write_all(&mut &*file, &text).map_err(HdrLogError::Write)?;
        }
        (written.until, written.phases) = (Some(now), phases.clone());
        Ok(())
    }
}

/// Line of an interval, after the head if it is the first.
fn interval(
    phase: Phase,
    samples: &Latency,
    is_first: bool,
    base: SystemTime,
    [from, to]: [SystemTime; 2],
) -> io::Result<Vec<u8>> {
    let mut builder = IntervalLogWriterBuilder::new();
    if is_first {
        let title = format!(
            "tracer: {} (from {} to {}), ns",
            phase.title(),
            phase.from(),
            phase.to()
        );
        builder
            .add_comment("[Histogram log format version 1.3]")
            .add_comment(&title)
            .with_start_time(base)
            .with_base_time(base);
    }
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = builder.begin_log_with(&mut text, &mut serializer)?;
    let since = |at: SystemTime, start| at.duration_since(start).unwrap_or_default();
    let line = writer.write_histogram(&samples.to_hdr(), since(from, base), since(to, from), None);
    line.map_err(|error| match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
    })?;
    Ok(text)
}
