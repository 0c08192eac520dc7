//! The export: valid by its published schema, its HDR payloads as good as its printed figures.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::outcome::nginx;
use tracer_tests::process::{Finished, PATIENCE, Process, wait_for};
use tracer_tests::tracer::run;
use tracer_tests::{port, schema};

/// Schema and distributions; gives how many distributions had samples.
fn check(client: &Client) -> Result<usize> {
    let traced = run(client)?;
    schema::validate(&traced.export)?;
    let mut differences = Differences::of("distributions");
    schema::check_distributions(&traced.export, &mut differences)?;
    differences.finish(|| traced.story())?;
    let phases = traced.export.totals.phases.iter();
    Ok(phases.filter_map(|(_, phase)| phase.measured()).count())
}

/// An export that cannot be written while tracing is said once, and everything goes on.
#[test]
fn an_export_that_cannot_be_written_meanwhile() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    // While a directory stands in its place no export can be written.
    let script = r#"until [ -f "$1" ]; do sleep 0.05; done
        until rm -f "$1" && mkdir "$1" 2>/dev/null; do :; done
        sleep 1; rmdir "$1"; exit 7"#;
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["run", "--quiet", "--interval", "50ms", "--json"])
        .arg(&file)
        .args(["--", "sh", "-c", script, "sh"])
        .arg(&file);
    let finished = Process::start(&mut command)?.finish()?;
    ensure!(finished.status.code() == Some(7), "{finished:?}");
    let said = finished.stderr.matches("tracing goes on").count();
    ensure!(said == 1, "said {said} times: {finished:?}");
    schema::validate(&Export::read(&file)?)
}

#[test]
fn of_a_crawl() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.2 TLSv1.3", &certificate)?;
    let script = r#"for _ in $(seq 30); do curl -s -o /dev/null --cacert "$2" "https://localhost:$1/"; done
      curl -s "http://127.0.0.1:$3/" || true"#;
    let ca = certificate.path().display().to_string();
    let arguments = [&server.port.to_string(), &ca, &port::unused()?.to_string()];
    let client = Client::shell("curl", script, &arguments.map(String::as_str));
    let filled = check(&client)?;
    ensure!(filled >= 4, "only {filled} phases have samples");
    Ok(())
}

#[test]
fn of_resumed_handshakes() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.3", &certificate)?;
    let (address, ca) = (format!("127.0.0.1:{}", server.port), certificate.path());
    let ca = ca.display().to_string();
    let binary = env!("CARGO_BIN_EXE_rustls_client");
    let arguments = [binary, "resume", &address, "localhost", "300", &ca, "1.3"];
    let filled = check(&Client::new("rustls_client", arguments))?;
    ensure!(filled >= 4, "only {filled} phases have samples");
    Ok(())
}

#[test]
fn of_a_command_that_opens_no_socket() -> Result<()> {
    check(&Client::new("true", ["true"])).map(drop)
}

#[test]
fn says_what_was_run_and_when() -> Result<()> {
    let traced = run(&Client::new("true", ["true", "one argument", "--another"]))?;
    let export = &traced.export;
    let mut differences = Differences::of("a run of true");
    differences.equal("schema", &*export.schema, "tracer.export/1");
    let command = ["true", "one argument", "--another"].map(str::to_owned);
    differences.equal("command", export.command.as_deref(), Some(&command[..]));
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    differences.equal("kernel", &*export.machine.kernel, release.trim());
    differences.holds(
        "started before ended",
        export.window.started_at < export.window.ended_at,
    );
    differences.finish(|| traced.story())
}

/// `tracer run --json FILE … -- CMD`
fn write(file: &Path, command: &[&str]) -> Result<Finished> {
    require_root()?;
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["run", "--no-tui", "--json"])
        .arg(file)
        .arg("--")
        .args(command);
    Process::start(&mut tracer)?.finish()
}

#[test]
fn is_not_written_through_a_link() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (victim, link) = (
        directory.path().join("victim"),
        directory.path().join("link"),
    );
    std::fs::write(&victim, "precious")?;
    symlink(&victim, &link)?;
    let finished = write(&link, &["true"])?;
    ensure!(
        std::fs::read_to_string(&victim)? == "precious",
        "the link's target was overwritten"
    );
    let replaced = !std::fs::symlink_metadata(&link)?.is_symlink();
    ensure!(
        replaced || finished.status.code() == Some(2),
        "neither replaced nor refused: {finished:?}"
    );
    Ok(())
}

#[test]
fn replaces_an_older_one() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    std::fs::write(&file, "x".repeat(1 << 20))?;
    write(&file, &["true"])?;
    Export::read(&file)?;
    let left: Vec<_> = std::fs::read_dir(directory.path())?.collect();
    ensure!(left.len() == 1, "temporary files stay behind: {left:?}");
    Ok(())
}

#[test]
fn goes_to_standard_output() -> Result<()> {
    require_root()?;
    let mut tracer = Command::new(tracer_binary()?);
    tracer.args([
        "attach",
        "--port",
        "1",
        "--duration",
        "500ms",
        "--quiet",
        "--json",
        "-",
    ]);
    let finished = Process::start(&mut tracer)?.finish()?;
    let export = Export::parse(&finished.stdout).with_context(|| format!("{finished:?}"))?;
    schema::validate(&export)
}

/// While it is rewritten every few milliseconds, a reader never sees half of one.
#[test]
fn is_replaced_whole() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["run", "--no-tui", "--interval", "100ms", "--json"])
        .arg(&file);
    let mut process = Process::start(tracer.args(["--", "sleep", "3"]))?;
    let mut versions = std::collections::BTreeSet::new();
    wait_for("the end of tracer", PATIENCE, || {
        if file.exists() {
            let export = Export::read(&file)?;
            versions.insert(figure!(export, window.duration_ns)?);
        }
        Ok(process.has_ended()?.then_some(()))
    })?;
    ensure!(
        versions.len() > 5,
        "only {} versions of the export were seen",
        versions.len()
    );
    let last = Duration::from_nanos(*versions.last().context("none")?);
    ensure!(
        last >= Duration::from_secs(3),
        "the last one covers {last:?}"
    );
    schema::validate(&Export::read(&file)?)
}
