//! `--fail-on` of all commands that need no rights, and the commands of docs/user/gate.md.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn recording(name: &str) -> PathBuf {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    recordings.join(name).with_extension("trace")
}

fn tracer(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn export(directory: &Path, name: &str, file: &str) {
    let trace = recording(name);
    let arguments = ["replay", "--quiet", "--json", file, trace.to_str().unwrap()];
    let output = tracer(directory, &arguments);
    assert!(output.status.success(), "{output:?}");
}

/// A directory with what the page speaks of.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    export(directory.path(), "crawl", "crawl.json");
    export(directory.path(), "crawl", "before.json");
    export(directory.path(), "hosts", "after.json");
    std::fs::copy(recording("crawl"), directory.path().join("crawl.trace")).unwrap();
    directory
}

#[track_caller]
fn check(directory: &Path, arguments: &[&str], code: i32, said: &str) {
    let output = tracer(directory, arguments);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(said), "{arguments:?}: no {said:?} in {text}");
}

#[test]
fn a_gate_of_an_export() {
    let directory = directory();
    let at = directory.path();
    let gate = |expression, code, said| {
        check(
            at,
            &["check", "crawl.json", "--fail-on", expression],
            code,
            said,
        );
    };
    gate("requests.count < 1", 0, "0 of 1 failed, 0 unknown");
    gate(
        "requests.count > 1",
        1,
        "FAILED   requests.count > 1: requests.count is ",
    );
    gate("hosts['none'].port > 1", 1, "was not measured");
    gate(
        "requests.cout > 1",
        2,
        "did you mean `count`?\n  requests.cout > 1\n           ^^^^\n",
    );
    let unknown = [
        "check",
        "crawl.json",
        "--fail-on",
        "hosts['none'].port > 1",
        "--allow-unknown",
    ];
    check(at, &unknown, 0, "0 of 1 failed, 1 unknown");
    check(at, &["check", "crawl.json"], 2, "--fail-on");
    check(
        at,
        &["check", "crawl.trace", "--fail-on", "hosts[*].port > 1"],
        4,
        "crawl.trace",
    );
}

#[test]
fn a_gate_of_a_replay() {
    let directory = directory();
    let at = directory.path();
    let gate = ["replay", "--fail-on", "requests.count > 1", "crawl.trace"];
    check(
        at,
        &gate,
        1,
        "\ngate          1 of 1 failed, 0 unknown\n  FAILED   requests.count > 1",
    );
    let quiet = [&gate[..], &["--quiet", "--json", "judged.json"]].concat();
    check(at, &quiet, 1, "tracer: FAILED   requests.count > 1");
    let text = std::fs::read(at.join("judged.json")).unwrap();
    let verdicts = tracer_export::read(&text).unwrap().verdicts.unwrap();
    assert_eq!(verdicts[0].result, tracer_export::VerdictResult::Failed);
    assert_eq!(verdicts[0].figure, "requests.count");
    let schema = published();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let broken: Vec<_> = validator
        .iter_errors(&serde_json::from_slice(&text).unwrap())
        .map(|e| e.to_string())
        .collect();
    assert_eq!(broken, [""; 0]);
    check(
        at,
        &["replay", "--fail-on", "requests.count < 1", "crawl.trace"],
        0,
        "passed ",
    );
    // Nothing is replayed before the expression is known to be right.
    check(
        at,
        &["replay", "--fail-on", "requests > 1", "none.trace"],
        2,
        "not one figure",
    );
}

#[test]
fn a_gate_of_a_change() {
    let directory = directory();
    let at = directory.path();
    let gate = |expression, code, said| {
        let arguments = ["diff", "before.json", "after.json", "--fail-on", expression];
        check(at, &arguments, code, said);
    };
    gate(
        "requests.count > +0.1%",
        1,
        "FAILED   requests.count > +0.1%: requests.count ",
    );
    gate("requests.count > +100000%", 0, "passed ");
    let json = [
        "diff",
        "--json",
        "before.json",
        "after.json",
        "--fail-on",
        "requests.count > 1k",
    ];
    let output = tracer(at, &json);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document.pointer("/verdicts/0/expr").unwrap(),
        "requests.count > 1k"
    );
    assert!(document.pointer("/verdicts/0/before").unwrap().is_number());
}

/// In Markdown the names of files are text, whatever they are called.
#[test]
fn a_change_in_markdown() {
    let directory = directory();
    let at = directory.path();
    std::fs::rename(at.join("after.json"), at.join("a|b<i>@x.json")).unwrap();
    let gate = ["--fail-on", "requests.count > 1"];
    let arguments = ["diff", "--markdown", "before.json", "a|b<i>@x.json"];
    let output = tracer(at, &[&arguments[..], &gate].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.starts_with("### tracer: before → a\\|b&lt;i&gt;&#64;x\n"),
        "{text}"
    );
    assert!(
        text.contains("- **FAILED   requests.count &gt; 1: "),
        "{text}"
    );
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{text}");
    for row in rows {
        let cells = row.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 6, "{row}");
    }
    check(
        at,
        &["diff", "--markdown", "--json", "before.json", "crawl.json"],
        2,
        "--json",
    );
}

/// Commands of the page that need no rights, with the exit code behind their `#`.
fn commands(page: &str) -> Vec<(String, i32)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/user")
        .join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("tracer "));
    let split = |line: &str| match line.rsplit_once(" # ") {
        Some((command, note)) => (command.to_owned(), note.trim().parse().unwrap_or(0)),
        None => (line.to_owned(), 0),
    };
    lines.map(split).collect()
}

#[test]
fn commands_of_the_page_do_what_it_says() {
    check_page("gate.md", 6);
}

/// Written by `tracer merge`, an export keeps the schema, and its parts are the two files.
#[test]
fn exports_are_merged() {
    let directory = directory();
    let at = directory.path();
    let merge = |files: [&str; 2], output, code, said| {
        check(at, &["merge", files[0], files[1], "-o", output], code, said);
    };
    merge(["after.json", "before.json"], "sum.json", 0, "");
    merge(["before.json", "after.json"], "again.json", 0, "");
    let text = std::fs::read(at.join("sum.json")).unwrap();
    assert!(std::fs::read(at.join("again.json")).unwrap() == text);
    let sum = tracer_export::read(&text).unwrap();
    assert_eq!(sum.merged.unwrap().parts.len(), 2);
    let schema = published();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let value = serde_json::from_slice(&text).unwrap();
    let errors = validator.iter_errors(&value);
    let broken: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert_eq!(broken, [""; 0]);
    merge(["sum.json", "before.json"], "-", 4, "is in it already");
    merge(["before.json", "none.json"], "-", 4, "none.json");
    let newer = "{\"schema\": \"tracer.export/2\"}";
    std::fs::write(at.join("newer.json"), newer).unwrap();
    merge(["before.json", "newer.json"], "-", 4, "reads up to");
}

#[test]
fn commands_of_the_page_of_merging_do_what_it_says() {
    check_page("merge.md", 3);
}

#[test]
fn commands_of_the_page_of_reports_do_what_it_says() {
    check_page("report.md", 3);
}

#[test]
fn reports_of_what_is_no_export() {
    let directory = directory();
    let at = directory.path();
    check(at, &["report", "none.json", "-o", "x.html"], 4, "none.json");
    check(
        at,
        &["report", "crawl.trace", "-o", "x.html"],
        4,
        "crawl.trace",
    );
    assert!(!at.join("x.html").exists());
    check(at, &["report", "crawl.json"], 2, "--output");
    check(
        at,
        &["report", "crawl.json", "-o", "none/x.html"],
        2,
        "none",
    );
}

fn published() -> Value {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = std::fs::read(docs.join("schema/tracer.export.1.schema.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[track_caller]
fn check_page(page: &str, least: usize) {
    let directory = directory();
    let binary = Path::new(env!("CARGO_BIN_EXE_tracer")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let commands = commands(page);
    assert!(commands.len() >= least, "{commands:?}");
    for (command, code) in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", &path)
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
}
