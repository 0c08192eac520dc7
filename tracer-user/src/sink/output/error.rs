//! Why an output file cannot be written, and what to do about it.

use std::{io, path::PathBuf};

use nix::unistd::Uid;

use crate::files::{is_denied, walk::foreign};

/// Why an output file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The path ends in a slash, a dot or nothing.
    #[error(
        "cannot write to {path:?}: it names no file; give a file name, or - for standard output"
    )]
    NoName {
        /// As given.
        path: PathBuf,
    },
    /// The directory is missing or closed.
    #[error(
        "cannot write {path}: its directory cannot be opened: {source}; create it or choose another"
    )]
    Directory {
        /// As given.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// Somebody else's link leads to the directory.
    #[error("cannot write {path}: {}", foreign(link, *owner))]
    ForeignLink {
        /// As given.
        path: PathBuf,
        /// The link's name.
        link: PathBuf,
        /// Who made it.
        owner: Uid,
    },
    /// The target is something that must not be replaced.
    #[error(
        "cannot write {path}: it is {kind}, expected a regular file or nothing; remove it, choose another name, or use - for standard output"
    )]
    NotAFile {
        /// As given.
        path: PathBuf,
        /// Kind of the file.
        kind: &'static str,
    },
    /// The target belongs to another user and the directory is sticky.
    #[error(
        "cannot write {path}: it belongs to user {owner} in a directory where only they may replace it; choose another name or run as root"
    )]
    NotYours {
        /// As given.
        path: PathBuf,
        /// Who owns it.
        owner: Uid,
    },
    /// Creating, writing, syncing or renaming failed.
    #[error("cannot {what} {path}: {source}")]
    Failed {
        /// The step that failed.
        what: &'static str,
        /// As given.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
}

impl OutputError {
    /// The system did not let this user do it.
    pub(crate) fn is_denied(&self) -> bool {
        match self {
            Self::Directory { source, .. } | Self::Failed { source, .. } => is_denied(source),
            _ => false,
        }
    }

    /// Something has this name already.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::NotAFile { .. } => true,
            Self::Failed { source, .. } => source.kind() == io::ErrorKind::AlreadyExists,
            _ => false,
        }
    }
}
