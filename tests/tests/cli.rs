//! Exit codes, refusals in one clear line, the command's own streams and status, no leftovers.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::Export;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::outcome::nginx;
use tracer_tests::process::{Finished, PATIENCE, Process, output, wait_for};
use tracer_tests::schema;
use tracer_tests::server::{Threaded, answer};
use tracer_tests::tracer::{Attached, run};

fn tracer(arguments: &[&str]) -> Result<Finished> {
    Process::start(Command::new(tracer_binary()?).args(arguments))?.finish()
}

/// tracer refuses with `code` and one line which says all of `words`.
fn check_refused(finished: &Finished, code: i32, words: &[&str]) -> Result<()> {
    let mut differences = Differences::of(format!("a refusal with {code}"));
    differences.equal("exit code", finished.status.code(), Some(code));
    let lines = finished.stderr.trim_end().lines().count();
    differences.equal("lines on standard error", lines, 1);
    for word in words {
        differences.holds(&format!("says {word:?}"), finished.stderr.contains(word));
    }
    differences.equal("standard output", finished.stdout.as_str(), "");
    differences.finish(|| finished.stderr.clone())
}

#[test]
fn bad_flags_are_usage_errors() -> Result<()> {
    let bad: [&[&str]; 7] = [
        &["attach", "--no-such-flag"],
        &["no-such-command"],
        &["attach", "--port", "0"],
        &["attach", "--port", "70000"],
        &["attach", "--cidr", "10.0.0.0/40"],
        &["attach", "--duration", "soon"],
        &["run"],
    ];
    for arguments in bad {
        let finished = tracer(arguments)?;
        ensure!(
            finished.status.code() == Some(2),
            "{arguments:?}: {finished:?}"
        );
        ensure!(
            !finished.stderr.is_empty(),
            "{arguments:?}: no word about it"
        );
    }
    Ok(())
}

#[test]
fn unknown_process() -> Result<()> {
    require_root()?;
    check_refused(&tracer(&["attach", "--pid", "4194303"])?, 2, &["4194303"])
}

#[test]
fn command_not_found() -> Result<()> {
    require_root()?;
    let finished = tracer(&["run", "--quiet", "--", "no-such-crawler"])?;
    check_refused(&finished, 2, &["no-such-crawler"])
}

#[test]
fn output_that_cannot_be_written() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let marker = directory.path().join("ran").display().to_string();
    let arguments = [
        "run",
        "--json",
        "/no/such/directory/export.json",
        "--",
        "touch",
        &marker,
    ];
    check_refused(&tracer(&arguments)?, 2, &["/no/such/directory"])?;
    ensure!(
        !Path::new(&marker).exists(),
        "the command ran although its trace could not be kept"
    );
    Ok(())
}

/// A copy of the binary where everyone can reach it.
fn public_binary() -> Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let copy = directory.path().join("tracer");
    fs::copy(tracer_binary()?, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    Ok((directory, copy))
}

fn check_missing_rights(setpriv: &[&str]) -> Result<()> {
    require_root()?;
    let (_directory, binary) = public_binary()?;
    for arguments in [
        &["attach", "--quiet"][..],
        &["run", "--quiet", "--", "true"],
    ] {
        let mut command = Command::new("setpriv");
        let finished =
            Process::start(command.args(setpriv).arg(&binary).args(arguments))?.finish()?;
        check_refused(&finished, 3, &["tracer:"])?;
    }
    Ok(())
}

#[test]
fn ordinary_user() -> Result<()> {
    check_missing_rights(&["--reuid", "65534", "--regid", "65534", "--clear-groups"])
}

#[test]
fn root_without_capabilities() -> Result<()> {
    check_missing_rights(&["--bounding-set", "-all", "--inh-caps", "-all"])
}

#[test]
fn status_of_the_command_is_passed_on() -> Result<()> {
    require_root()?;
    for (script, code) in [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -INT $$", 130),
    ] {
        let finished = tracer(&["run", "--quiet", "--", "sh", "-c", script])?;
        ensure!(
            finished.status.code() == Some(code),
            "{script}: {finished:?}"
        );
    }
    Ok(())
}

/// A failed gate is 1 after a command that has succeeded; any other command tells its own status.
#[test]
fn a_failed_gate_shows_after_a_command_that_succeeds() -> Result<()> {
    require_root()?;
    for (gate, script, code) in [
        ("connections.opened > 0", "exit 0", 0),
        ("connections.opened == 0", "exit 0", 1),
        ("connections.opened == 0", "exit 7", 7),
        ("phases.tls.p99_ns > 1s", "exit 0", 1),
        ("phases.tls.p99 > 1s", "exit 7", 2),
    ] {
        let flags = ["run", "--quiet", "--fail-on", gate];
        let finished = tracer(&[&flags[..], &["--", "sh", "-c", script]].concat())?;
        ensure!(
            finished.status.code() == Some(code),
            "{gate}, {script}: {finished:?}"
        );
    }
    Ok(())
}

#[test]
fn streams_of_the_command_are_its_own() -> Result<()> {
    require_root()?;
    let script = "printf 'to stdout'; printf 'to stderr' >&2";
    let quiet = tracer(&["run", "--quiet", "--", "sh", "-c", script])?;
    ensure!(
        quiet.stdout == "to stdout" && quiet.stderr == "to stderr",
        "{quiet:?}"
    );
    let talking = tracer(&["run", "--", "sh", "-c", script])?;
    ensure!(
        talking.stdout == "to stdout",
        "tracer wrote to the command's output: {talking:?}"
    );
    ensure!(
        talking.stderr.len() > "to stderr".len(),
        "no summary: {talking:?}"
    );
    Ok(())
}

#[test]
fn standard_input_of_the_command_is_its_own() -> Result<()> {
    require_root()?;
    let script = r#"printf 'passed on' | "$1" run --quiet -- cat"#;
    let binary = tracer_binary()?;
    let finished =
        Process::start(Command::new("sh").args(["-c", script, "sh"]).arg(binary))?.finish()?;
    ensure!(finished.stdout == "passed on", "{finished:?}");
    Ok(())
}

/// A signal to tracer ends the command, and the export is complete.
fn check_interrupted(signal: Signal) -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let (file, started) = (
        directory.path().join("export.json"),
        directory.path().join("started"),
    );
    let script = r#"touch "$1"; exec sleep 60"#;
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["run", "--json"])
        .arg(&file)
        .args(["--", "sh", "-c", script, "sh"])
        .arg(&started);
    let process = Process::start(&mut command)?;
    wait_for("the command", PATIENCE, || {
        Ok(started.exists().then_some(()))
    })?;
    process.signal(signal)?;
    let finished = process.finish()?;
    ensure!(
        finished.status.code() == Some(128 + signal as i32),
        "{finished:?}"
    );
    schema::validate(&tracer_tests::export::Export::read(&file)?)
}

#[test]
fn interrupted_by_sigterm() -> Result<()> {
    check_interrupted(Signal::SIGTERM)
}

#[test]
fn interrupted_by_sigint() -> Result<()> {
    check_interrupted(Signal::SIGINT)
}

/// A command may take its time, but not for ever: 7 s are fine, and one that never ends is killed by the second signal.
#[test]
fn a_command_has_time_to_end() -> Result<()> {
    require_root()?;
    let slow = r"trap 'sleep 7; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let deaf = r"trap '' TERM; echo ready; while :; do sleep 0.1; done";
    for (script, signals, code) in [(slow, 1, 9), (deaf, 2, 137)] {
        let mut command = Command::new(tracer_binary()?);
        command.args(["run", "--quiet", "--", "sh", "-c", script]);
        let process = Process::start(&mut command)?;
        wait_for("the command", PATIENCE, || {
            Ok(process.stdout()?.contains("ready").then_some(()))
        })?;
        for _ in 0..signals {
            process.signal(Signal::SIGTERM)?;
            std::thread::sleep(Duration::from_millis(300));
        }
        let finished = process.finish()?;
        ensure!(finished.status.code() == Some(code), "{finished:?}");
    }
    Ok(())
}

/// The command runs as who was asked for, with the groups and the home of that user; what it opens is traced all the same.
#[test]
fn the_command_of_another_user() -> Result<()> {
    let server = Threaded::start(answer)?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    let script = r#"echo "$(id -u) $(id -g) $(id -Gn) $HOME $USER $LOGNAME"
        grep CapEff /proc/self/status
        curl -s "$1""#;
    let url = format!("http://127.0.0.1:{}/", server.port());
    require_root()?;
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["run", "--quiet", "--user", "nobody", "--json"])
        .arg(&file)
        .args(["--", "sh", "-c", script, "sh", &url]);
    let finished = Process::start(&mut command)?.finish()?;
    let known = output(Command::new("getent").args(["passwd", "nobody"]))?;
    let fields: Vec<&str> = known.trim().split(':').collect();
    let groups = output(Command::new("id").args(["-Gn", "nobody"]))?;
    let [name, _, uid, gid, _, home, ..] = fields[..] else {
        anyhow::bail!("{known}");
    };
    let expected = format!(
        "{uid} {gid} {} {home} {name} {name}\nCapEff:\t0000000000000000\npage\n",
        groups.trim()
    );
    ensure!(finished.stdout == expected, "{finished:?}");
    let export = Export::read(&file)?;
    let mut differences = Differences::of("another user's command");
    compare!(
        &mut differences,
        export,
        totals.connections.established = 1,
        totals.requests.count = 1,
    );
    differences.finish(|| format!("{finished:?}"))
}

#[test]
fn users_and_flags_that_do_not_go() -> Result<()> {
    require_root()?;
    let finished = tracer(&["run", "--user", "no-such-user", "--", "true"])?;
    check_refused(&finished, 2, &["--user", "no-such-user"])?;
    let finished = tracer(&["run", "--pid", "1", "--", "true"])?;
    check_refused(&finished, 2, &["--pid", "attach"])
}

/// Every cgroup-v2 directory.
fn cgroups() -> Result<BTreeSet<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mount = mounts
        .lines()
        .find(|line| line.contains(" - cgroup2 "))
        .context("no cgroup v2")?;
    let mut found = BTreeSet::new();
    let mut left = vec![PathBuf::from(
        mount.split(' ').nth(4).context("a strange mountinfo")?,
    )];
    while let Some(directory) = left.pop() {
        // One that is gone by now is not left over.
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        left.extend(
            entries
                .map(|entry| entry.path())
                .filter(|path| path.is_dir()),
        );
        found.insert(directory);
    }
    Ok(found)
}

/// The cgroups whose name has our process id or tracer's in it, and what is pinned.
#[test]
fn nothing_is_left_behind() -> Result<()> {
    let certificate = tracer_tests::certificate::Certificate::small()?;
    let server = nginx("TLSv1.3", &certificate)?;
    let before = cgroups()?;
    let pinned = pins();
    let url = format!("https://localhost:{}/", server.port);
    run(&Client::shell("curl", r#"curl -sk "$1""#, &[&url]))?;
    Attached::start(&["--port", &server.port.to_string()])?.end(Signal::SIGTERM)?;
    let gone = |path: &PathBuf| {
        wait_for("a cgroup to go", PATIENCE, || {
            Ok((!path.exists()).then_some(()))
        })
    };
    let ours = |path: &&PathBuf| path.to_string_lossy().contains("tracer");
    for path in cgroups()?.difference(&before).filter(ours) {
        // One of another tracer on this machine goes by itself as well.
        gone(path).with_context(|| path.display().to_string())?;
    }
    ensure!(pins() == pinned, "something stays pinned: {:?}", pins());
    Ok(())
}

/// Pinned objects in the BPF file system, if there is one.
fn pins() -> Vec<PathBuf> {
    let entries = fs::read_dir("/sys/fs/bpf").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Loading BPF and everything else that is not needed any more is given up once attached.
#[test]
fn capabilities_are_dropped_after_attaching() -> Result<()> {
    const SYS_MODULE: u32 = 16;
    const SYS_RAWIO: u32 = 17;
    const NET_RAW: u32 = 13;
    const BPF: u32 = 39;
    let attached = Attached::start(&["--port", "1"])?;
    let status = fs::read_to_string(format!("/proc/{}/status", attached.id()))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .context("no CapEff")?;
    let effective = u64::from_str_radix(line.trim(), 16)?;
    attached.end(Signal::SIGTERM)?;
    for capability in [SYS_MODULE, SYS_RAWIO, NET_RAW, BPF] {
        ensure!(
            effective & (1 << capability) == 0,
            "capability {capability} is kept: {line}"
        );
    }
    Ok(())
}

#[test]
fn doctor_finds_this_machine_fit() -> Result<()> {
    require_root()?;
    let finished = tracer(&["doctor"])?;
    ensure!(finished.status.code() == Some(0), "{finished:?}");
    ensure!(finished.stdout.contains("BTF"), "{finished:?}");
    Ok(())
}

/// Backtraces name functions; lines and types would be three quarters of the file.
#[test]
fn the_binary_has_names_and_no_lines() -> Result<()> {
    let sections = output(Command::new("readelf").arg("-SW").arg(tracer_binary()?))?;
    ensure!(
        sections.contains(" .symtab ") && !sections.contains(" .debug_"),
        "{sections}"
    );
    Ok(())
}
