//! `tracer diff` on files: the table, the JSON, and what is refused.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

fn diff(arguments: &[&str], dir: &Path) -> Result<Output> {
    let tracer = std::env::var("TRACER_BIN").context("TRACER_BIN is not set")?;
    let mut command = Command::new(tracer);
    command.arg("diff").args(arguments).current_dir(dir);
    Ok(command.output()?)
}

fn export(requests: u64, connections: u64) -> Value {
    json!({
        "schema": "tracer.export/1",
        "window": {"duration_ns": 10_000_000_000_u64},
        "events": {"lost": 0, "undecodable": 0, "map_full": 0, "evicted": 0},
        "totals": {
            "connections": {"opened": connections},
            "requests": {"count": requests},
            "phases": {"connect": {"count": connections, "mean_ns": 85_000_000, "p50_ns": 85_000_000, "p99_ns": 90_000_000}},
        },
        "time_wait": {"entered": connections, "peak": connections},
        "of_a_later_minor_version": [],
    })
}

#[test]
fn two_exports_side_by_side() -> Result<()> {
    let dir = tempfile::tempdir()?;
    std::fs::write(
        dir.path().join("default.json"),
        export(1000, 1000).to_string(),
    )?;
    std::fs::write(dir.path().join("tuned.json"), export(5000, 50).to_string())?;
    let files = ["default.json", "tuned.json"];
    let table = diff(&files, dir.path())?;
    let text = String::from_utf8(table.stdout)?;
    ensure!(
        table.status.code() == Some(0) && text.contains("+400 %"),
        "{text}"
    );
    ensure!(
        text.lines()
            .any(|line| line.contains("default") && line.contains("tuned")),
        "{text}"
    );
    ensure!(!text.contains('\x1b'), "colours in a pipe");
    let painted = diff(&["--color", "always", files[0], files[1]], dir.path())?;
    ensure!(painted.stdout.contains(&0x1b));
    let json: Value =
        serde_json::from_slice(&diff(&["--json", files[0], files[1]], dir.path())?.stdout)?;
    let rows = json["rows"].as_array().context("no rows")?;
    let row = |id: &str| {
        rows.iter()
            .find(|row| row["id"] == id)
            .context(id.to_owned())
    };
    ensure!(
        row("connections_per_request")?["change_ratio"] == json!(-0.99),
        "{json:#}"
    );
    ensure!(row("dns_queries")?["a"].is_null());
    Ok(())
}

#[test]
fn what_is_no_export_is_refused() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text);
    write("good.json", &export(1, 1).to_string())?;
    write("newer.json", r#"{"schema": "tracer.export/2"}"#)?;
    write("other.json", r#"{"schema": "har"}"#)?;
    write("cut.json", r#"{"schema": "tracer.exp"#)?;
    for (name, expected) in [
        ("newer.json", "a newer one"),
        ("other.json", "is it an export of tracer?"),
        ("cut.json", "is not JSON"),
        ("missing.json", "cannot read"),
    ] {
        for files in [["good.json", name], [name, "good.json"]] {
            let refused = diff(&files, dir.path())?;
            let error = String::from_utf8(refused.stderr)?;
            ensure!(
                refused.status.code() == Some(4),
                "{name}: {:?}",
                refused.status
            );
            ensure!(error.contains(expected) && error.contains(name), "{error}");
            ensure!(refused.stdout.is_empty());
        }
    }
    ensure!(diff(&["good.json"], dir.path())?.status.code() == Some(2));
    Ok(())
}
