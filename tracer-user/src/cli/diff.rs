//! `tracer diff`.

use super::args::Diff;
use super::settings::use_color;
use crate::diff::Comparison;
use crate::failure::{Failure, code};

/// Prints the comparison of two exports.
pub(crate) fn diff(arguments: &Diff) -> Result<u8, Failure> {
    let comparison = Comparison::of_files(&arguments.a, &arguments.b)?;
    let text = match arguments.json {
        true => format!("{:#}\n", comparison.to_json()),
        false => comparison.to_text(use_color(arguments.color, false)),
    };
    print(&text)?;
    Ok(code::OK)
}

/// To standard output; a reader that has seen enough is no fault.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::internal("writing to standard output")(error))
        }
        _ => Ok(()),
    }
}
