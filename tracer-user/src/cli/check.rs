//! `tracer check`.

use serde_json::json;

use super::args::Check;
use super::settings::use_color;
use crate::{diff, exit_code, failure::Failure, gates, say};

/// Name and major version of the JSON.
const SCHEMA: &str = "tracer.check/1";

/// Judges an export that exists.
pub(crate) fn check(arguments: &Check) -> Result<u8, Failure> {
    let gates = arguments.gate.to_gates();
    if gates.is_empty() {
        return Err(Failure::Usage(
            "check needs an expression: --fail-on EXPR".into(),
        ));
    }
    let export = diff::read(&arguments.file)?;
    let verdicts = gates.judge(&export);
    let text = match arguments.json {
        true => format!("{:#}\n", json!({"schema": SCHEMA, "verdicts": verdicts})),
        false => gates::text(&verdicts, use_color(arguments.color, false)),
    };
    say::print(&text)?;
    Ok(match gates.any_fails(&verdicts) {
        true => exit_code::GATE,
        false => exit_code::OK,
    })
}
