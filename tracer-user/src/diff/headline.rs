//! The first line of a comparison: speed, reuse, time to the first byte, and what is missing.

use tracer_export::Export;
use tracer_text::number;

use super::{figure::Change, row::Row};

/// Parts of the line, the most important first. A figure that one of the exports lacks is left out.
pub(super) fn parts(exports: [&Export; 2], rows: &[Row]) -> Vec<String> {
    let row = |id: &str| rows.iter().find(|row| row.id == id);
    let steady = row("requests_per_second_steady").filter(|row| is_known(row));
    let speed = steady.or_else(|| row("requests_per_second"));
    let mut parts = Vec::new();
    parts.extend(speed.and_then(speed_of));
    parts.extend(row("reuse").and_then(|row| span(row, "reuse")));
    parts.extend(row("first_byte_all").and_then(|row| span(row, "to first byte")));
    let failures = row("failures").filter(|row| row.b > Some(0.0));
    parts.extend(failures.and_then(|row| span(row, "failures")));
    let lost = exports.map(|export| export.events.losses());
    match lost {
        [Some(0), Some(0)] => parts.push("nothing lost".to_owned()),
        [Some(a), Some(b)] => {
            let lost = format!("LOST {a} and {b} records: counts are too small");
            parts.insert(0, lost);
        }
        _ => parts.push("losses unknown".to_owned()),
    }
    parts
}

fn is_known(row: &Row) -> bool {
    row.a.is_some() && row.b.is_some()
}

/// `713 requests/s instead of 108 (x6.6)`
fn speed_of(row: &Row) -> Option<String> {
    let (a, b) = (row.a?, row.b?);
    let round = |value: f64| match value < 100.0 {
        true => format!("{value:.1}"),
        false => number::count(value.round() as u64),
    };
    let head = format!("{} requests/s instead of {}", round(b), round(a));
    Some(match number::change(a, b) {
        Some(change) => format!("{head} ({change})"),
        None => head,
    })
}

/// `reuse 0.0 % -> 93.0 %`, or one value when both are equal.
fn span(row: &Row, name: &str) -> Option<String> {
    let (a, b) = (row.unit.print(Some(row.a?)), row.unit.print(Some(row.b?)));
    Some(match row.change() {
        Change::Same => format!("{name} {b}"),
        _ => format!("{name} {a} -> {b}"),
    })
}
