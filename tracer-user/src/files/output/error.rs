//! Errors of output files: why a file cannot be written, and what to do about it.

use std::{io, path::PathBuf};

use nix::unistd::Uid;

use crate::files::{is_denied, walk::foreign};

/// Reasons why an output file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The path ends in a slash, a dot or nothing.
    #[error(
        "cannot write to {path:?}: it names no file; give a file name, or - for standard output"
    )]
    NoName {
        /// Path as given.
        path: PathBuf,
    },
    /// The directory is missing or may not be opened.
    #[error(
        "cannot write {path}: its directory cannot be opened: {source}; create it or choose another"
    )]
    Directory {
        /// Path as given.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A link of an untrusted user leads to the directory.
    #[error("cannot write {path}: {}", foreign(link, *owner))]
    ForeignLink {
        /// Path as given.
        path: PathBuf,
        /// The link's name.
        link: PathBuf,
        /// Owner of the link.
        owner: Uid,
    },
    /// The target is not a regular file and must not be replaced.
    #[error(
        "cannot write {path}: it is {kind}, expected a regular file or nothing; remove it, choose another name, or use - for standard output"
    )]
    NotAFile {
        /// Path as given.
        path: PathBuf,
        /// Kind of the file.
        kind: &'static str,
    },
    /// The target belongs to another user and the directory is sticky.
    #[error(
        "cannot write {path}: it belongs to user {owner} in a directory where only they may replace it; choose another name or run as root"
    )]
    NotYours {
        /// Path as given.
        path: PathBuf,
        /// Owner of the file.
        owner: Uid,
    },
    /// Creating, writing, syncing or renaming failed.
    #[error("cannot {what} {path}: {source}")]
    Failed {
        /// The step that failed.
        what: &'static str,
        /// Path as given.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
}

impl OutputError {
    /// True if the system denied an operation to this user.
    pub(crate) fn is_denied(&self) -> bool {
        match self {
            Self::Directory { source, .. } | Self::Failed { source, .. } => is_denied(source),
            _ => false,
        }
    }

    /// True if a file of this name exists already.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::NotAFile { .. } => true,
            Self::Failed { source, .. } => source.kind() == io::ErrorKind::AlreadyExists,
            _ => false,
        }
    }
}
