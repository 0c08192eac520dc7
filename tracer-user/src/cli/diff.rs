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
    let color = use_color(arguments.color, false);
    let text = match (arguments.json, arguments.markdown, arguments.short) {
        (true, _, _) => format!("{:#}\n", comparison.to_json()),
        (_, true, _) => comparison.to_markdown(),
        (_, _, true) => comparison.to_short_text(color),
        _ => comparison.to_text(color),
    };
    say::print(&text)?;
    Ok(match fails {
        true => exit_code::GATE,
        false => exit_code::OK,
    })
}
