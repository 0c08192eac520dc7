//! The table as text.

use std::fmt::Write as _;

use tracer_export::Export;

use super::{findings::Changed, row::Row};
use tracer_text::printable::printable;

const TITLE: usize = 27;
const CELL: usize = 11;

/// Columns, rows and, when figures are incomplete, a line about that.
pub(super) fn text(
    names: &[String; 2],
    exports: [&Export; 2],
    rows: &[Row],
    color: bool,
) -> String {
    let mut text = String::new();
    let paint = |code, words: &str| paint(color, code, words);
    for (name, export) in names.iter().zip(exports) {
        if let Some(losses) = export.events.losses().filter(|losses| *losses > 0) {
            let line = format!(
                "{}: {losses} records lost, figures are not complete",
                printable(name)
            );
            let _ = writeln!(text, "{}", paint("1;31", &line));
        }
    }
    let head = format!(
        "{:TITLE$}{:>CELL$}{:>CELL$}{:>CELL$}  {}",
        "",
        cut(names.first()),
        cut(names.get(1)),
        "change",
        "what it means"
    );
    let _ = writeln!(text, "{}", paint("1", head.trim_end()));
    for row in rows {
        if row.begins_group {
            text.push('\n');
        }
        let change = format!("{:>CELL$}", row.change().print());
        let change = match row.verdict() {
            1 => paint("32", &change),
            -1 => paint("31", &change),
            _ => change,
        };
        let _ = writeln!(
            text,
            "{:TITLE$}{:>CELL$}{:>CELL$}{change}  {}",
            row.title,
            row.unit.print(row.a),
            row.unit.print(row.b),
            row.explanation()
        );
    }
    text
}

/// Adds the findings of both, if there are any.
pub(super) fn findings(text: &mut String, findings: &[Changed], color: bool) {
    if !findings.is_empty() {
        let _ = writeln!(text, "\n{}", paint(color, "1", "findings"));
    }
    for finding in findings {
        let line = finding.to_text();
        let line = match finding.fate.verdict() {
            1 => paint(color, "32", &line),
            -1 => paint(color, "31", &line),
            _ => line,
        };
        let _ = writeln!(text, "{line}");
    }
}

fn paint(color: bool, code: &str, words: &str) -> String {
    match color {
        true => format!("\x1b[{code}m{words}\x1b[0m"),
        false => words.to_owned(),
    }
}

/// Name of a column, cut to its width.
fn cut(name: Option<&String>) -> String {
    let name = printable(name.map_or("", String::as_str));
    match name.chars().count() {
        0..CELL => name,
        _ => name.chars().take(CELL - 2).chain(['…']).collect(),
    }
}
