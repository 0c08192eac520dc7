//! Recordings of clients with one fault each, and of healthy ones that look sick, replayed: each rule finds its own fault
//! and no other. The end-to-end tests of findings make the recordings, when UPDATE_GENERATED is set.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tracer_recording::{Entry, Input, Reader};

/// Beginning of the names of recordings without a fault.
const HEALTHY: &str = "healthy";
/// Limit of all recordings together.
const MAX_BYTES: u64 = 1_500_000;

fn recordings() -> Result<BTreeMap<String, PathBuf>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_stem().context("no name")?.to_string_lossy();
        all.insert(name.into_owned(), path);
    }
    Ok(all)
}

fn export(recording: &Path) -> Result<Value> {
    let mut tracer = Command::new(env!("CARGO_BIN_EXE_tracer"));
    let output = tracer
        .args(["replay", "--quiet", "--json", "-"])
        .arg(recording)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Column of a rule: `#` for a fault, `i` for information, `.` for none, blank when it cannot tell.
type Row = Vec<(String, char)>;

fn row(export: &Value) -> Result<Row> {
    let findings = export["findings"].as_array().context("no findings")?;
    let mark = |finding: &Value| match finding["status"].as_str() {
        Some("found") if finding["severity"] == "info" => 'i',
        Some("found") => '#',
        Some("clear") => '.',
        _ => ' ',
    };
    let id = |finding: &Value| finding["id"].as_str().unwrap_or_default().to_owned();
    let mut row: Row = findings.iter().map(|f| (id(f), mark(f))).collect();
    row.sort();
    Ok(row)
}

/// Table of all recordings against all rules.
fn table(rows: &BTreeMap<String, Row>) -> String {
    let mut text = String::new();
    let rules: Vec<&String> = rows.values().flatten().map(|(id, _)| id).collect();
    let rules: BTreeSet<&String> = rules.into_iter().collect();
    for (at, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "{:40}{}{rule}", "", "  ".repeat(at));
    }
    for (name, row) in rows {
        let marks: Vec<String> = row.iter().map(|(_, mark)| mark.to_string()).collect();
        let _ = writeln!(text, "{name:40}{}", marks.join(" "));
    }
    text
}

/// Rule that a recording breaks.
fn rule_of(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

#[test]
fn each_rule_finds_its_own_fault_and_no_other() -> Result<()> {
    let mut rows = BTreeMap::new();
    for (name, path) in recordings()? {
        rows.insert(name, row(&export(&path)?)?);
    }
    let table = table(&rows);
    println!("{table}");
    for (name, row) in &rows {
        let expected = rule_of(name);
        for (id, mark) in row {
            let is_right = match id == expected {
                true => matches!(mark, '#' | 'i'),
                false => *mark != '#',
            };
            ensure!(is_right, "{name}: {id} is {mark:?}\n{table}");
        }
    }
    let rules: BTreeSet<&str> = rows
        .values()
        .flatten()
        .map(|(id, _)| id.as_str())
        .chain([HEALTHY])
        .collect();
    let recorded: BTreeSet<&str> = rows.keys().map(|name| rule_of(name)).collect();
    ensure!(rules == recorded, "rules {rules:?}, recorded {recorded:?}");
    Ok(())
}

/// All that a recording has as text.
fn contents(recording: &Path) -> Result<String> {
    let (mut reader, start) = Reader::open(File::open(recording)?)?;
    let mut text = format!("{start:?}");
    while let Some(entry) = reader.next() {
        match entry {
            Entry::Input(Input::Record(record)) => text.push_str(&String::from_utf8_lossy(record)),
            other => text.push_str(&format!("{other:?}")),
        }
    }
    Ok(text)
}

#[test]
fn recordings_are_small_and_name_no_machine() -> Result<()> {
    let mut bytes = 0;
    for (name, path) in recordings()? {
        bytes += std::fs::metadata(&path)?.len();
        let text = contents(&path)?;
        for word in ["/work/", "/home/", "/root/", "/tmp/"] {
            ensure!(!text.contains(word), "{name} has a path below {word}");
        }
    }
    ensure!(bytes <= MAX_BYTES, "{bytes} bytes");
    Ok(())
}
