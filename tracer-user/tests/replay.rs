//! A recording of a real crawl, replayed: the export is what it was. Made anew as docs/dev/recording-format.md says.

use std::{path::Path, process::Command};

use serde_json::Value;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/crawl.trace");

fn replayed(arguments: &[&str]) -> std::io::Result<std::process::Output> {
    Command::new(env!("CARGO_BIN_EXE_tracer"))
        .arg("replay")
        .args(arguments)
        .arg(RECORDING)
        .output()
}

#[test]
fn the_export_is_what_it_was() {
    assert!(Path::new(RECORDING).exists());
    let output = replayed(&["--quiet", "--json", "-"]).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    let mut export: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Who replays, not what is replayed.
    export["tracer"] = Value::Null;
    insta::assert_json_snapshot!(export);
}

#[test]
fn the_summary_is_what_it_was() {
    let output = replayed(&["--no-tui", "--color", "never"]).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn no_further_than_asked_for() {
    let output = replayed(&["--quiet", "--json", "-", "--until", "100ms"]).unwrap();
    let export: Value = serde_json::from_slice(&output.stdout).unwrap();
    let duration_ns = export["window"]["duration_ns"].as_u64().unwrap();
    assert!(duration_ns <= 100_000_000, "{duration_ns}");
}
