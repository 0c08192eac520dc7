//! `tracer diff`.

use super::args::Diff;
use super::settings::use_color;
use crate::diff::Comparison;
use crate::exit_code;
use crate::failure::Failure;
use crate::say;

/// Prints the comparison of two exports.
pub(crate) fn diff(arguments: &Diff) -> Result<u8, Failure> {
    let comparison = Comparison::of_files(&arguments.a, &arguments.b)?;
    let color = use_color(arguments.color, false);
    let text = match (arguments.json, arguments.short) {
        (true, _) => format!("{:#}\n", comparison.to_json()),
        (false, true) => comparison.to_short_text(color),
        (false, false) => comparison.to_text(color),
    };
    say::print(&text)?;
    Ok(exit_code::OK)
}
