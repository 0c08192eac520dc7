//! Sinks, which results go to: a closed set, a folder for each. A sink is fed by immutable snapshots and knows no other.
//!
//! To add one: its folder with its settings, a variant of [`Sink`] and of [`SinkError`], and the flag that
//! `cli/settings` makes it of.

pub(crate) mod json;
pub(crate) mod text;

use std::sync::Arc;

use tracer_core::snapshot::Snapshot;

use self::{
    json::{Json, JsonError},
    text::Text,
};
use crate::{say::StreamError, trace::description::Description};

/// Results of a trace as of one moment. Clones share them, and nothing changes them.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    /// The figures.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The trace they are of.
    pub(crate) description: Arc<Description>,
}

/// Occasion on which sinks get results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Tracing goes on, and an interval is over.
    UnderWay,
    /// Tracing is over; the live screen may still have the terminal.
    Over,
    /// The terminal is free for a last word.
    TerminalFree,
}

/// A sink, with its settings.
#[derive(Debug)]
pub(crate) enum Sink {
    /// The export.
    Json(Json),
    /// The text summary.
    Text(Text),
}

impl Sink {
    /// Gives it results.
    fn take(&self, occasion: Occasion, results: &Results) -> Result<(), SinkError> {
        match self {
            Self::Json(json) => json.take(occasion, results)?,
            Self::Text(text) => text.take(occasion, results)?,
        }
        Ok(())
    }

    /// True if it writes files, which may need rights.
    fn writes_files(&self) -> bool {
        match self {
            Self::Json(json) => json.writes_files(),
            Self::Text(_) => false,
        }
    }
}

/// All sinks of a trace.
#[derive(Debug, Default)]
pub(crate) struct Sinks(Vec<Sink>);

impl Sinks {
    /// Adds a sink; they get results in this order.
    pub(crate) fn add(&mut self, sink: Sink) {
        self.0.push(sink);
    }

    /// Gives results to every sink; the reasons of those that did not take them.
    pub(crate) fn take(&self, occasion: Occasion, results: &Results) -> Vec<SinkError> {
        let taken = self.0.iter().map(|sink| sink.take(occasion, results));
        taken.filter_map(Result::err).collect()
    }

    /// True if one of them writes files.
    pub(crate) fn write_files(&self) -> bool {
        self.0.iter().any(Sink::writes_files)
    }
}

/// Reasons why a sink could not take results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    /// The export.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The text summary.
    #[error(transparent)]
    Text(#[from] StreamError),
}
