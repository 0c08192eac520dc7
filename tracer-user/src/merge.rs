//! Exports in files, merged one after the other, so that only one is in memory beside the sum.

use std::path::{Path, PathBuf};

use tracer_export::{
    Export, Tracer,
    merge::{MergeError, Merger},
};

use crate::diff::{DiffError, read};

/// Reasons why files cannot be merged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeFileError {
    /// A file is no export that can be read.
    #[error(transparent)]
    File(#[from] DiffError),
    /// An export cannot be added.
    #[error("{path}: {source}")]
    Export {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: MergeError,
    },
}

/// Merges the exports in these files.
pub(crate) fn merge<P: AsRef<Path>>(files: &[P]) -> Result<Export, MergeFileError> {
    let mut merger = Merger::default();
    for file in files {
        let path = file.as_ref();
        let added = merger.add(read(path)?);
        added.map_err(|source| MergeFileError::Export {
            path: path.to_path_buf(),
            source,
        })?;
    }
    Ok(merger.finish(Tracer {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("TRACER_COMMIT").to_owned(),
    }))
}
