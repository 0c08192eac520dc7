//! Files that are written under sudo: whose they are, and what is left of those that they replace.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::pty::Pty;

/// The user who has called sudo, and that user's group.
const USER: u32 = 65534;
/// A group that the user is not in.
const GROUP: u32 = 12345;

/// tracer as sudo starts it.
fn tracer() -> Result<Command> {
    require_root()?;
    let mut command = Command::new(tracer_binary()?);
    for variable in ["SUDO_UID", "SUDO_GID"] {
        command.env(variable, USER.to_string());
    }
    command.env("SUDO_USER", "nobody");
    Ok(command)
}

/// A directory that everybody can enter, of this owner.
fn directory(owner: u32, mode: u32) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode))?;
    chown(directory.path(), Some(owner), Some(owner))?;
    Ok(directory)
}

/// A file of this owner and group that nobody else may read.
fn private(path: &Path, owner: u32, group: u32) -> Result<()> {
    fs::write(path, "old")?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(chown(path, Some(owner), Some(group))?)
}

/// Owner, group and rights; the file has got a new content.
fn state(path: &Path) -> Result<(u32, u32, u32)> {
    let meta = fs::metadata(path).with_context(|| path.display().to_string())?;
    ensure!(
        fs::read(path)? != b"old",
        "{} was not written",
        path.display()
    );
    Ok((meta.uid(), meta.gid(), meta.mode() & 0o7777))
}

/// Traces a command that sees the export rewritten once, so that it is also written without the rights of the start.
fn trace_into(directory: &Path) -> Result<()> {
    let file = directory.join("export.json");
    let script = r#"until [ "$(stat -c %i "$1")" != "$2" ]; do sleep 0.01; done"#;
    let inode = fs::metadata(&file).map_or(0, |meta| meta.ino()).to_string();
    let mut command = tracer()?;
    command
        .args(["run", "--quiet", "--interval", "20ms", "--json"])
        .arg(&file)
        .arg("--record")
        .arg(directory.join("trace"))
        .args(["--", "sh", "-c", script, "sh"])
        .arg(&file)
        .arg(inode);
    let finished = Process::start(&mut command)?.finish()?;
    ensure!(finished.status.success(), "{finished:?}");
    Ok(())
}

/// Owner, group and mode of a new file of a process with this umask.
fn fresh(owner: u32) -> (u32, u32, u32) {
    let umask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    nix::sys::stat::umask(umask);
    (owner, owner, 0o644 & !umask.bits())
}

#[test]
fn new_files() -> Result<()> {
    for (owner, mode, expected) in [(USER, 0o755, USER), (0, 0o755, 0), (0, 0o1777, USER)] {
        let place = directory(owner, mode)?;
        trace_into(place.path())?;
        for name in ["export.json", "trace"] {
            let got = state(&place.path().join(name))?;
            ensure!(
                got == fresh(expected),
                "{name} in {mode:o} of {owner}: {got:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn files_that_are_replaced() -> Result<()> {
    for (dir_owner, mode) in [(USER, 0o755), (0, 0o755), (0, 0o1777)] {
        for (owner, group) in [(0, 0), (USER, GROUP), (54321, 54321)] {
            let place = directory(dir_owner, mode)?;
            let files = ["export.json", "trace"].map(|name| place.path().join(name));
            for file in &files {
                private(file, owner, group)?;
            }
            trace_into(place.path())?;
            for file in &files {
                let got = state(file)?;
                ensure!(
                    got == (owner, group, 0o600),
                    "{} in {mode:o} of {dir_owner}: {got:?}",
                    file.display()
                );
            }
        }
    }
    Ok(())
}

/// `--child-log` and the export that a key writes at the live screen.
#[test]
fn files_of_the_live_screen() -> Result<()> {
    for owner in [USER, 0] {
        let place = directory(owner, 0o755)?;
        let mut command = tracer()?;
        command.current_dir(place.path());
        command.args(["run", "--child-log", "log", "--", "sh", "-c", "echo said"]);
        let mut pty = Pty::start(&mut command, (120, 40))?;
        let mut screen = pty.watch()?;
        screen.wait(PATIENCE, "the end", |shown| {
            shown.contains("the command has ended")
        })?;
        pty.keys("e")?;
        screen.wait(PATIENCE, "the export", |shown| shown.contains("wrote"))?;
        pty.keys("q")?;
        pty.finish_within(PATIENCE)?;
        let log = place.path().join("log");
        wait_for("the log", PATIENCE, || {
            Ok((fs::read_to_string(&log)? == "said\n").then_some(()))
        })?;
        let mut count = 0;
        for entry in fs::read_dir(place.path())? {
            let path = entry?.path();
            let got = state(&path)?;
            ensure!(got == fresh(owner), "{}: {got:?}", path.display());
            count += 1;
        }
        ensure!(count == 2, "{count} files");
    }
    Ok(())
}

#[test]
fn exports_of_the_demo() -> Result<()> {
    for owner in [USER, 0] {
        let place = directory(owner, 0o755)?;
        let out = place.path().join("deep/out");
        let mut command = tracer()?;
        command
            .args(["demo", "--no-tui", "--time", "1s", "--out"])
            .arg(&out);
        let finished = Process::start(&mut command)?.finish()?;
        for name in ["default.json", "tuned.json"] {
            let got = state(&out.join(name)).with_context(|| format!("{finished:?}"))?;
            ensure!(got == fresh(owner), "{name}: {got:?}");
        }
        for dir in [out.as_path(), &place.path().join("deep")] {
            let got = fs::metadata(dir)?.uid();
            ensure!(got == owner, "{} belongs to {got}", dir.display());
        }
    }
    Ok(())
}

/// A traced crawl: one process writes the export, another one the pages.
#[test]
fn a_crawl_and_its_trace_share_the_rule() -> Result<()> {
    let place = directory(USER, 0o755)?;
    let at = |name: &str| place.path().join(name).display().to_string();
    let mut command = tracer()?;
    command.args(["crawl", "--quiet", "--trace-json", &at("trace.json")]);
    command.args(["--jsonl", &at("pages.jsonl"), "--max-time", "1s"]);
    command.args(["--retries", "0", "http://127.0.0.1:1/"]);
    let finished = Process::start(&mut command)?.finish()?;
    for name in ["trace.json", "pages.jsonl"] {
        let got = fs::metadata(place.path().join(name))
            .with_context(|| format!("{finished:?}"))?
            .uid();
        ensure!(got == USER, "{name} belongs to {got}");
    }
    Ok(())
}
