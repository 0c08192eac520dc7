//! Sinks, which results go to. Every sink takes the immutable snapshot; only [`json`] makes an export of it.

mod hdr;
pub(crate) mod json;
pub(crate) mod output;
pub(crate) mod rescue;
mod text;

use tracer_core::snapshot::Snapshot;

use self::{output::OutputError, rescue::Rescued};
use crate::{
    cli::settings::{JsonTarget, OutputSettings},
    say::{self, StreamError},
    trace::description::Description,
};

/// Reasons why results could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    /// A file.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The export, at the end of a trace.
    #[error("{0}; {1}")]
    Export(OutputError, Rescued),
    /// A standard stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The export cannot be put into words, which should not happen.
    #[error("writing the export: {0}")]
    Document(std::io::Error),
}

/// All sinks of a trace.
#[derive(Debug)]
pub(crate) struct Sinks {
    /// Outputs asked for.
    pub(crate) output: OutputSettings,
    /// Description of the trace.
    pub(crate) description: Description,
}

impl Sinks {
    /// Says what a person gets to read at the end.
    pub(crate) fn say(&self, snapshot: &Snapshot) -> Result<(), SinkError> {
        if self.output.quiet {
            return Ok(());
        }
        let duration_ns = self.description.elapsed_ns();
        let text = text::summary(snapshot, duration_ns, self.output.color);
        Ok(if self.output.text_to_stderr {
            say::print_to_stderr(&text)
        } else {
            say::print(&text)
        }?)
    }

    /// The export as text.
    pub(crate) fn document(&self, snapshot: &Snapshot) -> Result<String, SinkError> {
        let export = json::export(snapshot, &self.description);
        export
            .to_text()
            .map_err(std::io::Error::from)
            .map_err(SinkError::Document)
    }

    /// Writes the export, if one is wanted.
    pub(crate) fn export(&self, snapshot: &Snapshot) -> Result<(), SinkError> {
        let Some(target) = &self.output.json else {
            return Ok(());
        };
        let text = self.document(snapshot)?;
        match target {
            JsonTarget::Stdout => Ok(say::print(&text)?),
            JsonTarget::File(path) => Ok(path.replace(text.as_bytes())?),
        }
    }

    /// Writes the export for the last time. Where its file cannot be written, it is put somewhere else.
    pub(crate) fn export_at_the_end(&self, snapshot: &Snapshot) -> Result<(), SinkError> {
        let Some(JsonTarget::File(path)) = &self.output.json else {
            return self.export(snapshot);
        };
        let text = self.document(snapshot)?;
        path.replace(text.as_bytes()).map_err(|failure| {
            let rescued = rescue::rescue(text.as_bytes(), self.output.invoker.as_ref());
            SinkError::Export(failure, rescued)
        })
    }
}
