//! Text on standard output and standard error. Writing to either may fail: a disk may be full, or a pipe closed.

use std::{
    fmt::{self, Display},
    io::{self, Write},
};

/// Stream that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {stream}: {source}; redirect it to where there is room")]
pub(crate) struct StreamError {
    stream: &'static str,
    source: io::Error,
}

/// Writes all of a text to standard output.
pub(crate) fn print(text: &str) -> Result<(), StreamError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    checked("standard output", written.and_then(|()| stdout.flush()))
}

/// Writes results to standard error.
pub(crate) fn print_to_stderr(text: &str) -> Result<(), StreamError> {
    checked("standard error", io::stderr().write_all(text.as_bytes()))
}

/// Prints a line with tracer's name on standard error. Errors are ignored, because there is no other place to report
/// them.
pub(crate) fn say(text: impl Display) {
    note(format_args!("tracer: {text}\n"));
}

/// Prints text for the user on standard error; errors are ignored.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    // A single write, so that lines of other processes do not come in between.
    let _ = io::stderr().write_all(text.to_string().as_bytes());
}

/// Result of writing to a stream. A closed pipe is no error: its reader has read enough.
pub(crate) fn checked(stream: &'static str, written: io::Result<()>) -> Result<(), StreamError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|source| StreamError { stream, source }),
    }
}
