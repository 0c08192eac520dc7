//! Reasons why a source cannot go on.

use std::io;

use super::kernel::{KernelError, diag::DiagError};

/// Failure of a source in use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The kernel programs.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Listings of sockets.
    #[error(transparent)]
    Diag(#[from] DiagError),
    /// A step that should not fail.
    #[error("{what}: {source}")]
    System {
        /// The step that failed.
        what: &'static str,
        /// Error of the step.
        source: io::Error,
    },
}

impl SourceError {
    /// Wraps the error of a step that should not fail.
    pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
