//! The table as text.

use std::fmt::Write as _;

use tracer_text::{
    columns::{left, shorten, wrapped},
    number,
    printable::printable,
};

use unicode_width::UnicodeWidthStr;

use super::{figure::Unit, findings::Changed, row::Row};

/// Columns of the whole comparison.
const WIDTH: usize = 100;
const TITLE: usize = 33;
const CELL: usize = 10;

/// Adds the line about both: its parts are never broken.
pub(super) fn headline(text: &mut String, parts: &[String], color: bool) {
    let mut line = String::new();
    wrapped(&mut line, ("", 2, WIDTH), parts, "; ");
    let first = line.split('\n').next().unwrap_or_default().to_owned();
    text.push_str(&line.replacen(&first, &paint(color, "1", &first), 1));
    text.push('\n');
}

/// Adds columns and rows; `is_grouped` puts blank lines between groups of them.
pub(super) fn rows(
    text: &mut String,
    names: &[String; 2],
    rows: &[&Row],
    is_grouped: bool,
    color: bool,
) {
    let head = format!(
        "{:TITLE$}{}{}{:>CELL$}  {}",
        "",
        cut(names.first()),
        cut(names.get(1)),
        "change",
        "what it means"
    );
    let _ = writeln!(text, "{}", paint(color, "1", head.trim_end()));
    let mut begins = false;
    for row in rows {
        begins |= row.begins_group;
        // The first row of a group may be one that has nothing to show.
        if is_grouped && begins && !row.is_empty() {
            text.push('\n');
            begins = false;
        }
        if row.is_empty() {
            continue;
        }
        let change = format!("{:>CELL$}", row.change().print());
        let change = match row.verdict() {
            1 => paint(color, "32", &change),
            -1 => paint(color, "31", &change),
            _ => change,
        };
        let cell = |value| fitted(row.unit, value);
        let _ = writeln!(
            text,
            "{}{:>CELL$}{:>CELL$}{change}  {}",
            left(&row.title, TITLE),
            cell(row.a),
            cell(row.b),
            row.explanation()
        );
    }
}

/// A figure that leaves a blank before it: a count with many digits is rounded.
fn fitted(unit: Unit, value: Option<f64>) -> String {
    let text = unit.print(value);
    match (text.chars().count() < CELL, value) {
        (false, Some(value)) => number::short_count(value as u64),
        _ => text,
    }
}

/// Adds the hosts of both, if there are any.
pub(super) fn hosts(text: &mut String, lines: &[String], color: bool) {
    for (at, line) in lines.iter().enumerate() {
        let _ = match at {
            0 => writeln!(text, "\n{}", paint(color, "1", line)),
            _ => writeln!(text, "{line}"),
        };
    }
}

/// Adds the findings of both, if there are any.
pub(super) fn findings(text: &mut String, findings: &[Changed], color: bool) {
    if !findings.is_empty() {
        let _ = writeln!(text, "\n{}", paint(color, "1", "findings"));
    }
    for finding in findings {
        let words: Vec<String> = finding.to_text().split(' ').map(str::to_owned).collect();
        let mut lines = String::new();
        wrapped(&mut lines, ("", 13, WIDTH), &words, " ");
        let lines = lines.trim_end();
        let lines = match finding.fate.verdict() {
            1 => paint(color, "32", lines),
            -1 => paint(color, "31", lines),
            _ => lines.to_owned(),
        };
        let _ = writeln!(text, "{lines}");
    }
}

fn paint(color: bool, code: &str, words: &str) -> String {
    match color {
        true => format!("\x1b[{code}m{words}\x1b[0m"),
        false => words.to_owned(),
    }
}

/// Name of a column, cut to its width, with blanks before it.
fn cut(name: Option<&String>) -> String {
    let name = shorten(&printable(name.map_or("", String::as_str)), CELL - 1);
    " ".repeat(CELL.saturating_sub(name.width())) + &name
}
