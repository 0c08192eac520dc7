//! Exports in files, and the figures of them that are compared. Another version of tracer may have written them:
//! figures that it did not measure are missing.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use tracer_export::{Export, Histogram, Phase, ReadError};

/// Longest file that is read; an export of a million hosts is shorter.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Reasons why a file cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiffError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{path} is not JSON ({source}); expected what `tracer … --json FILE` writes")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Place and kind of the fault.
        source: serde_json::Error,
    },
    /// The file is JSON of another kind.
    #[error("{path} has schema {got:?}, expected \"tracer.export/1\": is it an export of tracer?")]
    NotAnExport {
        /// The file.
        path: PathBuf,
        /// Schema that the file names, if any.
        got: Option<String>,
    },
    /// A later tracer wrote the file.
    #[error(
        "{path} has schema {got:?}, this tracer reads up to \"tracer.export/1\"; use the tracer that wrote it, or a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Schema that the file names.
        got: String,
    },
    /// A value is not of the type that the schema demands.
    #[error(
        "{path} breaks its schema, tracer.export/1 ({source}); expected what `tracer … --json FILE` writes"
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// Place and kind of the fault.
        source: serde_json::Error,
    },
}

impl DiffError {
    /// Converts an error of parsing a file.
    fn of(error: ReadError, path: &Path) -> Self {
        let path = path.to_path_buf();
        match error {
            ReadError::NotJson(source) => Self::NotJson { path, source },
            ReadError::NotAnExport { got } => Self::NotAnExport { path, got },
            ReadError::Newer { got } => Self::Newer { path, got },
            ReadError::Broken(source) => Self::Broken { path, source },
        }
    }
}

/// Reads and checks a file.
pub(crate) fn read(path: &Path) -> Result<Export, DiffError> {
    let unreadable = |source| DiffError::Unreadable {
        path: path.into(),
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    tracer_export::read(&text).map_err(|error| DiffError::of(error, path))
}

/// Number of samples of a phase; `None` when it was not measured.
pub(super) fn samples(export: &Export, phase: Phase) -> Option<f64> {
    export.phase(phase)?.count.map(|count| count as f64)
}

/// A percentile of a phase, ns; `None` without a sample.
pub(crate) fn percentile_ns(
    export: &Export,
    phase: Phase,
    of: fn(&Histogram) -> Option<u64>,
) -> Option<f64> {
    of(export.phase(phase)?.measured()?).map(|ns| ns as f64)
}

/// Sum of all samples of a phase, ns; 0 without a sample, `None` when it was not measured.
pub(super) fn total_ns(export: &Export, phase: Phase) -> Option<f64> {
    export.phase(phase)?.total_ns()
}
