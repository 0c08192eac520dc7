//! Files that tracer makes for somebody else: found without following strangers' links, made with the rights of the
//! user behind sudo where that user may, and with what a replaced file leaves to the next one.

pub(crate) mod crawl;
pub(crate) mod kept;
pub(crate) mod output;
pub(crate) mod walk;

use std::{io, path::Path};

use self::walk::Walk;
use crate::invoker::Invoker;

/// The system did not let this user do it.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Makes a directory and those above it that are missing. They belong to `invoker` where that user may make them.
pub(crate) fn create_dir_all(path: &Path, invoker: Option<&Invoker>) -> io::Result<()> {
    let Some(user) = invoker else {
        return std::fs::create_dir_all(path);
    };
    match user.act(|| std::fs::create_dir_all(path)) {
        Err(error) if is_denied(&error) => {
            Walk::of(None).making().open(path)?;
            Ok(())
        }
        done => done,
    }
}
