//! Errors of the frontier.

use thiserror::Error;

use crate::dedup::DedupError;

/// Errors after which the frontier cannot go on.
#[derive(Debug, Error)]
pub enum FrontierError {
    /// The operating system refused a file operation.
    #[error(
        "cannot {doing} {path}: {source}; check the free space and the permissions of the state directory"
    )]
    Io {
        /// Operation that was tried.
        doing: &'static str,
        /// File or directory of the operation.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Error of the queue's database.
    #[error("the queue's database: {0}; if it is damaged, begin with an empty state directory")]
    Store(#[from] Box<redb::Error>),
    /// Error of the table of seen URLs.
    #[error(transparent)]
    Dedup(#[from] DedupError),
    /// The state directory is in use by another crawl.
    #[error("the state directory {path} is in use by another crawl; give each its own")]
    InUse {
        /// Path of the state directory.
        path: String,
    },
    /// The file has a version that this program cannot read.
    #[error(
        "{path} has version {got}, expected {expected}; finish the crawl with the program that began it, or begin anew in an empty directory"
    )]
    Version {
        /// Path of the file.
        path: String,
        /// Version found.
        got: u64,
        /// Version that this program writes.
        expected: u64,
    },
    /// The thread that writes the queue has ended early.
    #[error(
        "the thread that writes the queue ended early; the state directory is whole, resume from it"
    )]
    WriterGone,
}
