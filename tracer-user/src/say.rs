//! Text on standard output and standard error. Writing to either may fail: a disk may be full, a reader gone.

use std::{
    fmt::{self, Display},
    io::{self, Write},
};

/// A stream that did not take what was said.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {stream}: {source}; redirect it to where there is room")]
pub(crate) struct StreamError {
    stream: &'static str,
    source: io::Error,
}

/// Writes to standard output, all of it.
pub(crate) fn print(text: &str) -> Result<(), StreamError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    checked("standard output", written.and_then(|()| stdout.flush()))
}

/// Writes results to standard error.
pub(crate) fn print_to_stderr(text: &str) -> Result<(), StreamError> {
    checked("standard error", io::stderr().write_all(text.as_bytes()))
}

/// A line of tracer's own on standard error. There is no other place to tell of it.
pub(crate) fn say(text: impl Display) {
    note(format_args!("tracer: {text}\n"));
}

/// Text on standard error that is of use only while somebody reads it.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    // One write for the whole, so that lines of others do not come in between.
    let _ = io::stderr().write_all(text.to_string().as_bytes());
}

/// Result of writing to a stream. A reader that has seen enough is no fault.
pub(crate) fn checked(stream: &'static str, written: io::Result<()>) -> Result<(), StreamError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|source| StreamError { stream, source }),
    }
}
