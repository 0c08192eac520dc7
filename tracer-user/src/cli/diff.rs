//! `tracer diff`.

use super::args::Diff;
use super::settings::use_color;
use crate::diff::Comparison;
use crate::exit_code;
use crate::failure::Failure;
use crate::say;

/// Prints the comparison of two exports.
pub(crate) fn diff(arguments: &Diff) -> Result<u8, Failure> {
    let mut comparison = Comparison::of_files(&arguments.a, &arguments.b)?;
    let fails = comparison.judge(&arguments.gates());
    let text = match (arguments.json, arguments.markdown) {
        (true, _) => format!("{:#}\n", comparison.to_json()),
        (_, true) => comparison.to_markdown(),
        _ => comparison.to_text(use_color(arguments.color, false)),
    };
    say::print(&text)?;
    Ok(match fails {
        true => exit_code::GATE,
        false => exit_code::OK,
    })
}
