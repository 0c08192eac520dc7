//! An export, read back: another tracer's, so every key may be missing.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The major version that is understood.
const MAJOR: u64 = 1;
/// Longest file read; a million hosts take less.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Why a file is no input.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiffError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not JSON.
    #[error("{path} is not JSON ({source}); expected what `tracer … --json FILE` writes")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
    /// It is JSON of another kind.
    #[error("{path} has schema {got:?}, expected \"tracer.export/1\": is it an export of tracer?")]
    NotAnExport {
        /// The file.
        path: PathBuf,
        /// Its `schema`, if it has one.
        got: Option<String>,
    },
    /// It was written by a later tracer.
    #[error(
        "{path} has schema {got:?}, this tracer reads up to \"tracer.export/1\"; use the tracer that wrote it, or a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        got: String,
    },
}

/// An export of a major version that is understood.
#[derive(Debug)]
pub(crate) struct Export {
    value: Value,
}

impl Export {
    /// Reads and checks a file.
    pub(crate) fn read(path: &Path) -> Result<Self, DiffError> {
        let unreadable = |source| DiffError::Unreadable {
            path: path.into(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = Vec::new();
        file.take(MAX_FILE_BYTES)
            .read_to_end(&mut text)
            .map_err(unreadable)?;
        let value = serde_json::from_slice(&text).map_err(|source| DiffError::NotJson {
            path: path.into(),
            source,
        })?;
        Self::check(value, path)
    }

    /// Takes a document after a look at its schema; `path` is for the error.
    pub(crate) fn check(value: Value, path: &Path) -> Result<Self, DiffError> {
        let path = path.to_path_buf();
        let schema = value.get("schema").and_then(Value::as_str);
        let major = schema
            .and_then(|schema| schema.strip_prefix("tracer.export/"))
            .and_then(|major| major.parse::<u64>().ok());
        match (schema, major) {
            (_, Some(MAJOR)) => Ok(Self { value }),
            (Some(schema), Some(major)) if major > MAJOR => Err(DiffError::Newer {
                path,
                got: schema.to_owned(),
            }),
            (schema, _) => Err(DiffError::NotAnExport {
                path,
                got: schema.map(str::to_owned),
            }),
        }
    }

    /// A value by its JSON pointer (RFC 6901).
    pub(crate) fn value(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer).filter(|value| !value.is_null())
    }

    /// A number; `None` when it is missing.
    pub(crate) fn number(&self, pointer: &str) -> Option<f64> {
        self.value(pointer).and_then(Value::as_f64)
    }

    /// A text; `None` when it is missing.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.value(pointer).and_then(Value::as_str)
    }

    /// The sum of numbers; `None` when one is missing.
    pub(crate) fn sum(&self, pointers: &[&str]) -> Option<f64> {
        pointers.iter().map(|pointer| self.number(pointer)).sum()
    }

    /// Samples of a phase.
    pub(crate) fn samples(&self, phase: &str) -> Option<f64> {
        self.number(&format!("/totals/phases/{phase}/count"))
    }

    /// A figure of a phase in ns, such as `p50_ns`; `None` without a sample.
    pub(crate) fn phase_ns(&self, phase: &str, figure: &str) -> Option<f64> {
        let samples = self.samples(phase)?;
        let value = self.number(&format!("/totals/phases/{phase}/{figure}"));
        value.filter(|_| samples > 0.0)
    }

    /// All samples of a phase together, ns; 0 without a sample, `None` when the phase is not in the export.
    pub(crate) fn phase_total_ns(&self, phase: &str) -> Option<f64> {
        let samples = self.samples(phase)?;
        let mean = self.number(&format!("/totals/phases/{phase}/mean_ns"))?;
        Some(samples * mean)
    }

    /// Records, connections and hosts that are missing in the figures.
    pub(crate) fn losses(&self) -> Option<f64> {
        self.sum(&[
            "/events/lost",
            "/events/undecodable",
            "/events/map_full",
            "/events/evicted",
        ])
    }

    /// Nothing is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.losses() == Some(0.0)
    }
}
