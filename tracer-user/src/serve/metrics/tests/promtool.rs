//! Judgement of promtool, the checker of Prometheus (package `prometheus` of Debian).

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::*;

/// Output of promtool, which must be content.
fn promtool(arguments: &[&str], input: &[u8]) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/prometheus");
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool; `cargo xtask setup` installs it");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn finds_nothing_in_the_metrics() {
    let mut metrics = Metrics::new(10);
    let mut results = results(two_hosts(), 0);
    results.findings = Arc::new(found());
    let page = metrics.page(Format::Text, &results, Vec::new());
    assert_eq!(promtool(&["check", "metrics"], &page), "");
}

#[test]
fn finds_nothing_in_the_rules() {
    let said = promtool(&["check", "rules", "alerts.yml"], b"");
    assert!(said.contains("SUCCESS"), "{said}");
    let said = promtool(&["test", "rules", "alerts-test.yml"], b"");
    assert!(said.contains("SUCCESS"), "{said}");
}
