//! The export as a sink: written to standard output or to a file, also at intervals while tracing goes on.

mod export;
pub(crate) mod rescue;
mod rotated;

use std::{io, path::PathBuf};

use tracer_export::Export;

use self::{
    rescue::{Rescued, rescue},
    rotated::rotated,
};
use super::{Occasion, Results};
use crate::{
    files::output::{OutputError, OutputPath},
    invoker::Invoker,
    say::{self, StreamError},
};

/// Settings of the export.
#[derive(Debug)]
pub(crate) struct Json {
    /// Target that the export is written to.
    pub(crate) target: JsonTarget,
    /// User behind sudo, for an export that has to be written to another place.
    pub(crate) invoker: Option<Invoker>,
    /// Path that the names of windows are made of, when each window has an export of its own.
    pub(crate) rotate: Option<PathBuf>,
}

/// Target of the export.
#[derive(Debug)]
pub(crate) enum JsonTarget {
    /// Standard output.
    Stdout,
    /// File, checked and with its directory held open.
    File(OutputPath),
}

/// Reasons why the export could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    /// The file cannot be written while tracing goes on.
    #[error(transparent)]
    File(#[from] OutputError),
    /// The file cannot be written at the end; with what became of the export.
    #[error("{0}; {1}")]
    LastFile(OutputError, Rescued),
    /// Standard output cannot be written.
    #[error(transparent)]
    Stdout(#[from] StreamError),
    /// The text of the export cannot be made, which should not happen.
    #[error("writing the export: {0}")]
    Document(io::Error),
}

impl Json {
    /// Writes the export. If its file cannot be written at the end, the export goes to another place.
    pub(super) fn take(&self, occasion: Occasion, results: &Results) -> Result<(), JsonError> {
        let is_for_windows = self.rotate.is_some();
        let is_other = matches!(occasion, Occasion::Report | Occasion::TerminalFree);
        if is_other || is_for_windows != occasion.is_of_window() {
            return Ok(());
        }
        let text = document(results)?;
        let written = match (&self.rotate, &self.target) {
            (Some(base), _) if occasion != Occasion::WindowUnderWay => {
                let path = rotated(base, results.description.started_at);
                let path = OutputPath::open(&path, self.invoker.as_ref());
                path.and_then(|path| path.replace(text.as_bytes()))
            }
            (_, JsonTarget::Stdout) => return Ok(say::print(&text)?),
            (_, JsonTarget::File(path)) => path.replace(text.as_bytes()),
        };
        match occasion {
            Occasion::Over | Occasion::LastWindow => written.map_err(|failure| {
                JsonError::LastFile(failure, rescue(text.as_bytes(), self.invoker.as_ref()))
            }),
            _ => Ok(written?),
        }
    }

    /// True if the export goes to a file.
    pub(super) fn writes_files(&self) -> bool {
        matches!(self.target, JsonTarget::File(_))
    }
}

/// The export.
pub(crate) fn export(results: &Results) -> Export {
    let verdicts = &results.verdicts;
    Export {
        verdicts: (!verdicts.is_empty()).then(|| verdicts.to_vec()),
        ..export::export(&results.snapshot, &results.findings, &results.description)
    }
}

/// The export as text.
pub(crate) fn document(results: &Results) -> Result<String, JsonError> {
    let text = export(results).to_text().map_err(io::Error::from);
    text.map_err(JsonError::Document)
}
