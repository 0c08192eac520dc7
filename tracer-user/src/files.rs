//! Files that tracer makes for another user: their paths are walked without following links of untrusted users. They
//! are made with the rights of the user behind sudo where that user may make them, and keep owner and rights of the
//! files that they replace.

pub(crate) mod crawl;
pub(crate) mod kept;
pub(crate) mod output;
pub(crate) mod walk;

use std::{io, path::Path};

use self::walk::Walk;
use crate::invoker::Invoker;

/// True if the system denied an operation to this user.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Makes a directory and its missing parents. They belong to `invoker` where that user may make them.
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
