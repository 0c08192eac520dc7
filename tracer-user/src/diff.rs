//! Comparison of two exports: every figure with its change and an explanation in plain words.

mod chance;
mod export;
mod figure;
mod findings;
mod headline;
mod hosts;
mod markdown;
mod row;
mod table;
mod words;

use std::path::Path;

use serde_json::{Value, json};
use tracer_export::{Export, Verdict};

pub(crate) use chance::latency;
pub(crate) use export::{DiffError, percentile_ns, read};
use findings::Changed;
use hosts::Pair;
pub(crate) use row::Row;

use crate::gates::{self, Gates};

/// Name and major version of the JSON.
const SCHEMA: &str = "tracer.diff/1";

/// Limit of the rows of a short comparison.
const SHORT: usize = 10;

/// Comparison of two exports.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Title of each column.
    names: [String; 2],
    a: Export,
    b: Export,
    rows: Vec<Row>,
    findings: Vec<Changed>,
    /// Verdict of each `--fail-on`.
    verdicts: Vec<Verdict>,
}

impl Comparison {
    /// Compares two exports; `names` are the titles of the columns.
    pub(crate) fn new(names: [String; 2], a: Export, b: Export) -> Self {
        Self {
            names,
            rows: row::all(&a, &b),
            findings: findings::changed(&a, &b),
            a,
            b,
            verdicts: Vec::new(),
        }
    }

    /// Judges the change; tells whether it fails the run.
    pub(crate) fn judge(&mut self, gates: &Gates) -> bool {
        self.verdicts = gates.judge_change(&self.a, &self.b);
        gates.any_fails(&self.verdicts)
    }

    /// Compares two files; the columns are named after them.
    pub(crate) fn of_files(a: &Path, b: &Path) -> Result<Self, DiffError> {
        Ok(Self::new(column_names(a, b), read(a)?, read(b)?))
    }

    /// Titles of the columns.
    pub(crate) fn names(&self) -> &[String; 2] {
        &self.names
    }

    /// The two exports that are compared, the earlier one first.
    pub(crate) fn exports(&self) -> [&Export; 2] {
        [&self.a, &self.b]
    }

    /// Every row, in the order of the table.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Parts of the line about both.
    pub(crate) fn headline_parts(&self) -> Vec<String> {
        headline::parts(self.exports(), &self.rows)
    }

    /// Findings of both: 1 for one that is gone, -1 for a new one and 0 for any other; its fate in words; and a line.
    pub(crate) fn finding_lines(&self) -> Vec<(i8, &'static str, String)> {
        let lines = self.findings.iter();
        let line = |it: &Changed| (it.fate.verdict(), it.fate.words(), it.figures());
        lines.map(line).collect()
    }

    /// Hosts of both, those with the most requests first.
    pub(crate) fn hosts(&self) -> Vec<Pair<'_>> {
        hosts::pairs(&self.a, &self.b)
    }

    /// The row with this id.
    #[cfg(test)]
    pub(crate) fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// The line about both, then the table without empty rows, hosts and findings.
    pub(crate) fn to_text(&self, color: bool) -> String {
        let mut text = self.headline(color);
        let rows: Vec<&Row> = self.rows.iter().collect();
        table::rows(&mut text, &self.names, &rows, true, color);
        table::hosts(&mut text, &hosts::lines(&self.a, &self.b), color);
        table::findings(&mut text, &self.findings, color);
        if !self.verdicts.is_empty() {
            text.push('\n');
            text += &gates::text(&self.verdicts, color);
        }
        text
    }

    /// The line about both, and the rows that changed most for better or worse.
    pub(crate) fn to_short_text(&self, color: bool) -> String {
        let mut text = self.headline(color);
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| row.verdict() != 0).collect();
        rows.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        rows.truncate(SHORT);
        if !rows.is_empty() {
            table::rows(&mut text, &self.names, &rows, false, color);
        }
        text
    }

    fn headline(&self, color: bool) -> String {
        let mut text = String::new();
        table::headline(&mut text, &self.headline_parts(), color);
        text
    }

    /// The comparison as Markdown, for pull requests.
    pub(crate) fn to_markdown(&self) -> String {
        let document = markdown::Document {
            names: &self.names,
            exports: [&self.a, &self.b],
            rows: &self.rows,
            findings: &self.findings,
            verdicts: &self.verdicts,
        };
        document.text()
    }

    /// The comparison as JSON: every row, unrounded.
    pub(crate) fn to_json(&self) -> Value {
        let side = |name: &str, export: &Export| {
            json!({
                "name": name,
                "started_at": Some(&export.window.started_at).filter(|at| !at.is_empty()),
                "duration_ns": export.window.duration_ns.map(|ns| ns as f64),
                "command": export.command,
                "complete": export.is_complete(),
            })
        };
        let mut document = json!({
            "schema": SCHEMA,
            "a": side(&self.names[0], &self.a),
            "b": side(&self.names[1], &self.b),
            "rows": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Changed::to_json).collect::<Vec<_>>(),
        });
        if !self.verdicts.is_empty() {
            document["verdicts"] = json!(self.verdicts);
        }
        document
    }
}

/// File names without extension; A and B when these are equal.
fn column_names(a: &Path, b: &Path) -> [String; 2] {
    let stem = |path: &Path| {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    match (stem(a), stem(b)) {
        (a, b) if a == b || a.is_empty() || b.is_empty() => ["A".into(), "B".into()],
        (a, b) => [a, b],
    }
}

#[cfg(test)]
mod tests;
