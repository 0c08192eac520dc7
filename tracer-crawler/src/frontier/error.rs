//! What can go wrong with the frontier.

use thiserror::Error;

use crate::dedup::DedupError;

/// Why the frontier cannot go on.
#[derive(Debug, Error)]
pub enum FrontierError {
    /// The operating system refused.
    #[error(
        "cannot {doing} {path}: {source}; check the free space and the permissions of the state directory"
    )]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The database of the queue.
    #[error("the queue's database: {0}; if it is damaged, begin with an empty state directory")]
    Store(#[from] Box<redb::Error>),
    /// The table of seen URLs.
    #[error(transparent)]
    Dedup(#[from] DedupError),
    /// Another crawl has the directory.
    #[error("the state directory {path} is in use by another crawl; give each its own")]
    InUse {
        /// The directory.
        path: String,
    },
    /// The file is of a version this program does not read.
    #[error(
        "{path} has version {got}, expected {expected}; finish the crawl with the program that began it, or begin anew in an empty directory"
    )]
    Version {
        /// The file.
        path: String,
        /// As found.
        got: u64,
        /// As written by this program.
        expected: u64,
    },
    /// The thread that writes has ended.
    #[error(
        "the thread that writes the queue ended early; the state directory is whole, resume from it"
    )]
    WriterGone,
}
