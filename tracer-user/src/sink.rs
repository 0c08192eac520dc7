//! Sinks, which write the results: a closed set, with a folder for each. A sink gets immutable snapshots and depends on
//! no other sink.
//!
//! To add a sink: write its folder with its settings, add a variant to [`Sink`] and [`SinkError`], and the flag from
//! which `cli/settings` makes it.

pub(crate) mod hdr_log;
pub(crate) mod json;
pub(crate) mod otlp;
pub(crate) mod text;

use std::{path::Path, sync::Arc};

use tracer_core::{
    finding::{
        self, Finding,
        allow::{Allow, allow},
    },
    sample::Sample,
    snapshot::Snapshot,
};

use tracer_export::Verdict;

use self::{
    hdr_log::{HdrLog, HdrLogError},
    json::{Json, JsonError},
    otlp::{Otlp, OtlpError},
    text::Text,
};
use crate::{gates::Gates, say::StreamError, trace::description::Description};

/// Results of a trace at one moment. Clones share the same immutable data.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    /// The figures.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Result of every rule, with what is allowed marked.
    pub(crate) findings: Arc<Vec<Finding>>,
    /// Description of the trace.
    pub(crate) description: Arc<Description>,
    /// Verdict of each `--fail-on`.
    pub(crate) verdicts: Arc<Vec<Verdict>>,
    /// Connections and requests that have ended since the last results, if they are followed one by one.
    pub(crate) samples: Arc<Vec<Sample>>,
}

impl Results {
    /// Judges a snapshot.
    pub(crate) fn new(snapshot: Snapshot, description: &Description, allowed: &[Allow]) -> Self {
        let mut findings = finding::evaluate(&snapshot, description.elapsed_ns());
        allow(&mut findings, allowed);
        Self {
            snapshot: Arc::new(snapshot),
            findings: Arc::new(findings),
            description: Arc::new(description.clone()),
            verdicts: Arc::default(),
            samples: Arc::default(),
        }
    }

    /// Judges the results by the conditions of the run.
    pub(crate) fn judge(&self, gates: &Gates) -> Arc<Vec<Verdict>> {
        match gates.is_empty() {
            true => Arc::default(),
            false => Arc::new(gates.judge(&json::export(self))),
        }
    }
}

/// Occasion on which sinks get results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Tracing goes on, and an interval is over.
    UnderWay,
    /// Tracing goes on, and a report to other systems is due.
    Report,
    /// Tracing is over; the live screen may still have the terminal.
    Over,
    /// Tracing is over and the live screen has closed: sinks may print.
    TerminalFree,
    /// Tracing goes on, an interval is over, and the results are those of the window under way.
    WindowUnderWay,
    /// A window is over; the results are its own.
    WindowOver,
    /// Tracing is over, and the results are those of the last window.
    LastWindow,
}

impl Occasion {
    /// True if the results are those of a window, not of the whole trace.
    pub(crate) fn is_of_window(self) -> bool {
        matches!(
            self,
            Self::WindowUnderWay | Self::WindowOver | Self::LastWindow
        )
    }
}

/// A sink, with its settings.
#[derive(Debug)]
pub(crate) enum Sink {
    /// The export.
    Json(Json),
    /// Interval logs.
    HdrLog(Box<HdrLog>),
    /// The text summary.
    Text(Text),
    /// Metrics for a collector.
    Otlp(Box<Otlp>),
}

impl Sink {
    /// Passes results to the sink.
    fn take(&self, occasion: Occasion, results: &Results) -> Result<(), SinkError> {
        match self {
            Self::Json(json) => json.take(occasion, results)?,
            _ if occasion.is_of_window() => {}
            Self::HdrLog(log) => log.take(occasion, results)?,
            Self::Text(text) => text.take(occasion, results)?,
            Self::Otlp(otlp) => otlp.take(occasion, results)?,
        }
        Ok(())
    }

    /// True if the sink writes files, which may need rights.
    fn writes_files(&self) -> bool {
        match self {
            Self::Json(json) => json.writes_files(),
            // Its files are open already.
            Self::HdrLog(_) | Self::Text(_) | Self::Otlp(_) => false,
        }
    }
}

/// All sinks of a trace.
#[derive(Debug, Default)]
pub(crate) struct Sinks(Vec<Sink>);

impl Sinks {
    /// Adds a sink; sinks get results in the order of adding.
    pub(crate) fn add(&mut self, sink: Sink) {
        self.0.push(sink);
    }

    /// Adds further sinks.
    pub(crate) fn extend(&mut self, sinks: impl IntoIterator<Item = Sink>) {
        self.0.extend(sinks);
    }

    /// Passes results to every sink; returns the errors of those that failed.
    pub(crate) fn take(&self, occasion: Occasion, results: &Results) -> Vec<SinkError> {
        let taken = self.0.iter().map(|sink| sink.take(occasion, results));
        taken.filter_map(Result::err).collect()
    }

    /// Replaces the export, which comes first.
    pub(crate) fn set_json(&mut self, json: Option<Json>) {
        self.0.retain(|sink| !matches!(sink, Sink::Json(_)));
        if let Some(json) = json {
            self.0.insert(0, Sink::Json(json));
        }
    }

    /// Sets the path that the names of windows' exports are made of.
    pub(crate) fn rotate(&mut self, base: Option<&Path>) {
        for sink in &mut self.0 {
            if let Sink::Json(json) = sink {
                json.rotate = base.map(Path::to_path_buf);
            }
        }
    }

    /// True if a sink writes files.
    pub(crate) fn write_files(&self) -> bool {
        self.0.iter().any(Sink::writes_files)
    }
}

/// Reasons why a sink could not take results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    /// Error of the export.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Error of the interval logs.
    #[error(transparent)]
    HdrLog(#[from] HdrLogError),
    /// Error of the text summary.
    #[error(transparent)]
    Text(#[from] StreamError),
    /// Error of the metrics for a collector.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
}
