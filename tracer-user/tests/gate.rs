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
    gate("requests.cout > 1", 2, "did you mean `count`?");
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
    let schema =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/tracer.export.1.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
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
    let directory = directory();
    let binary = Path::new(env!("CARGO_BIN_EXE_tracer")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let commands = commands("gate.md");
    assert!(commands.len() > 6, "{commands:?}");
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
