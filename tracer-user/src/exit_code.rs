//! Exit codes; documented in `tracer --help` and docs/user/exit-codes.md.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// All went well.
pub(crate) const OK: u8 = 0;
/// A `--fail-on` was true, or unknown where that was not allowed.
pub(crate) const GATE: u8 = 1;
/// Wrong arguments, a command or process that does not exist, an output that cannot be written.
pub(crate) const USAGE: u8 = 2;
/// Tracing cannot work on this machine.
pub(crate) const CANNOT_TRACE: u8 = 3;
/// An input file cannot be read or understood.
pub(crate) const INPUT: u8 = 4;
/// A fault of tracer's own.
pub(crate) const INTERNAL: u8 = 70;

/// Exit code for the status of a command: its own code, or 128+n when signal n ended it.
pub(crate) fn passed_on(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.map_or(1, |code| code as u8)
}
