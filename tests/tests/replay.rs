//! Recordings of real traces: what is replayed is what was traced, byte for byte; what is cut off or foreign is said.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tracer_recording::{Entry, Input, Reader, preamble};
use tracer_tests::certificate::Certificate;
use tracer_tests::client::Client;
use tracer_tests::export::Export;
use tracer_tests::figure;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::outcome::nginx;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::recording::{Recorded, check_same, keep, record, replay, unchanged};
use tracer_tests::server::{Nginx, NginxOptions};
use tracer_tests::{port, schema};

const NOBODY: u32 = 65534;

/// A shell script, traced and recorded.
fn record_script(script: &str, arguments: &[&str]) -> Result<Recorded> {
    record(&[], &Client::shell("sh", script, arguments))
}

/// Full and resumed handshakes, reuse, a refused connect, lookups, a client that is killed.
fn crawl() -> Result<Recorded> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.2 TLSv1.3", &certificate)?;
    let script = r#"for _ in $(seq 5); do curl -s -o /dev/null --cacert "$2" "https://localhost:$1/" "https://localhost:$1/"; done
      curl -s -o /dev/null --tls-max 1.2 --cacert "$2" "https://localhost:$1/"
      curl -s -o /dev/null --max-time 2 http://does-not-exist.invalid/ || true
      curl -s "http://127.0.0.1:$3/" || true
      sleep 1.2"#;
    let ca = certificate.path().display().to_string();
    record_script(
        script,
        &[&server.port.to_string(), &ca, &port::unused()?.to_string()],
    )
}

#[test]
fn of_a_crawl_is_the_same() -> Result<()> {
    let recorded = crawl()?;
    let live = recorded.live()?;
    let export = Export::parse(&live)?;
    ensure!(
        figure!(export, totals.tls.full)? >= 6,
        "too little was traced"
    );
    schema::validate(&export)?;
    check_same(&live, &replay(&recorded.trace())?)?;
    keep(&recorded.trace(), "crawl", &mut unchanged)
}

/// Connections that were open before, are open at the end, or are idle; the trace is ended by a signal.
#[test]
fn of_open_connections_is_the_same() -> Result<()> {
    require_root()?;
    let certificate = Certificate::small()?;
    let options = NginxOptions {
        protocols: None,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &certificate)?;
    let clear = server.port;
    let mut before = TcpStream::connect(("127.0.0.1", clear))?;
    let directory = tempfile::tempdir()?;
    let (trace, live) = (
        directory.path().join("run.trace"),
        directory.path().join("live.json"),
    );
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["attach", "--no-tui", "--port", &clear.to_string(), "--json"])
        .arg(&live)
        .arg("--record")
        .arg(&trace);
    let mut process = Process::start(&mut tracer)?;
    wait_for("tracer to attach", PATIENCE, || {
        ensure!(!process.has_ended()?, "{}", process.stderr()?);
        Ok(process.stderr()?.contains("tracer: tracing").then_some(()))
    })?;
    let after = TcpStream::connect(("127.0.0.1", clear))?;
    before.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    // Two listings, so that the view of connections is in the recording.
    wait_for("two listings", PATIENCE, || {
        let views = views(&trace)?;
        Ok((views >= 2).then_some(()))
    })?;
    process.signal(Signal::SIGINT)?;
    let finished = process.finish()?;
    drop((before, after));
    ensure!(finished.status.success(), "{finished:?}");
    let live = std::fs::read_to_string(live)?;
    let export = Export::parse(&live)?;
    ensure!(figure!(export, totals.connections.adopted)? == 1, "{live}");
    check_same(&live, &replay(&trace)?)
}

/// Number of views of open connections that a recording holds so far.
fn views(trace: &Path) -> Result<usize> {
    let Ok((mut reader, _)) = Reader::open(std::fs::File::open(trace)?) else {
        return Ok(0);
    };
    let mut count = 0;
    while let Some(entry) = reader.next() {
        if let Entry::Input(Input::Watch { records, .. }) = entry {
            count += usize::from(!records.is_empty());
        }
    }
    Ok(count)
}

#[test]
fn of_a_killed_tracer_goes_as_far_as_it_can() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("run.trace");
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["attach", "--no-tui", "--port", "1", "--record"])
        .arg(&trace);
    let mut process = Process::start(&mut tracer)?;
    wait_for("the recording to begin", PATIENCE, || {
        ensure!(!process.has_ended()?, "{}", process.stderr()?);
        let begun = trace.exists() && Reader::open(std::fs::File::open(&trace)?).is_ok();
        Ok(begun.then_some(()))
    })?;
    process.signal(Signal::SIGKILL)?;
    process.finish()?;
    let replayed = replay(&trace)?;
    ensure!(replayed.status.success(), "{replayed:?}");
    ensure!(replayed.stderr.contains("is cut off"), "{replayed:?}");
    schema::validate(&Export::parse(&replayed.stdout)?)
}

#[test]
fn cut_off_or_damaged_is_said_and_replayed_up_to_there() -> Result<()> {
    let recorded = crawl()?;
    let bytes = std::fs::read(recorded.trace())?;
    let file = recorded.file("broken.trace");
    std::fs::write(&file, &bytes[..bytes.len() - 10])?;
    let cut = replay(&file)?;
    ensure!(
        cut.status.success() && cut.stderr.lines().count() == 1,
        "{cut:?}"
    );
    ensure!(
        cut.stderr.contains("is cut off: read up to byte"),
        "{cut:?}"
    );
    let export = Export::parse(&cut.stdout)?;
    schema::validate(&export)?;
    ensure!(
        figure!(export, totals.connections.established)? > 0,
        "nothing was replayed"
    );
    let mut damaged = bytes.clone();
    let last = damaged.len() - 3;
    damaged[last] ^= 0xff;
    std::fs::write(&file, damaged)?;
    let damaged = replay(&file)?;
    ensure!(damaged.status.success(), "{damaged:?}");
    ensure!(damaged.stderr.contains("is damaged"), "{damaged:?}");
    Ok(())
}

#[test]
fn nothing_that_can_be_read_is_four() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("other.trace");
    let check = |bytes: &[u8], words: &str| -> Result<()> {
        std::fs::write(&file, bytes)?;
        let finished = replay(&file)?;
        ensure!(finished.status.code() == Some(4), "{finished:?}");
        ensure!(
            finished.stdout.is_empty() && finished.stderr.lines().count() == 1,
            "{finished:?}"
        );
        ensure!(finished.stderr.contains(words), "{finished:?}");
        Ok(())
    };
    check(b"", "no recording")?;
    check(
        b"{\"schema\": \"tracer.export/1\"}",
        "is an export, which has no records to replay",
    )?;
    check(&preamble::with_versions(7, 1), "format version 7")?;
    check(
        &preamble::with_versions(preamble::FORMAT, 200),
        "version 200",
    )?;
    check(&preamble::write(), "nothing in it can be read")?;
    let missing = replay(Path::new("/nonexistent/run.trace"))?;
    ensure!(missing.status.code() == Some(4), "{missing:?}");
    Ok(())
}

#[test]
fn needs_no_rights() -> Result<()> {
    let recorded = record_script("sleep 0.2", &[])?;
    let live = recorded.live()?;
    // Where nobody may go and read.
    let binary = recorded.file("tracer");
    std::fs::copy(tracer_binary()?, &binary)?;
    std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755))?;
    std::fs::set_permissions(recorded.directory.path(), PermissionsExt::from_mode(0o755))?;
    let mut tracer = Command::new(binary);
    tracer
        .args(["replay", "--quiet", "--json", "-"])
        .arg(recorded.trace())
        .uid(NOBODY)
        .gid(NOBODY);
    check_same(&live, &Process::start(&mut tracer)?.finish()?)
}

/// A file system of 16 KiB: the recording ends, the trace does not.
#[test]
fn a_full_disk_ends_the_recording_only() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let json = directory.path().join("live.json");
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk)?;
    let script = r#"mount -t tmpfs -o size=16k none "$1"
      exec "$2" run --no-tui --quiet --json "$3" --record "$1/run.trace" -- sh -c 'for _ in $(seq 400); do curl -s http://127.0.0.1:1/; done; sleep 1.5'"#;
    let mut tracer = Command::new("unshare");
    tracer.args(["--mount", "sh", "-ec", script, "sh"]);
    tracer.arg(&disk).arg(tracer_binary()?).arg(&json);
    let finished = Process::start(&mut tracer)?.finish_within(2 * PATIENCE)?;
    ensure!(finished.status.success(), "{finished:?}");
    let told = finished.stderr.matches("No space left").count();
    ensure!(told == 1, "said {told} times: {finished:?}");
    let export = Export::read(&json)?;
    ensure!(
        figure!(export, totals.connections.failed.refused)? == 400,
        "the trace lacks something"
    );
    Ok(())
}

/// At the speed it happened a replay takes as long as the trace did.
#[test]
fn at_the_speed_it_happened() -> Result<()> {
    let recorded = record_script("sleep 1.5", &[])?;
    let began = std::time::Instant::now();
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["replay", "--speed", "1", "--quiet", "--json", "-"])
        .arg(recorded.trace());
    let replayed = Process::start(&mut tracer)?.finish()?;
    ensure!(
        began.elapsed() >= Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    check_same(&recorded.live()?, &replayed)
}
