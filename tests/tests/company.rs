//! Status and signals of a command under `tracer run`, whatever cannot be written and whoever sends a signal.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use nix::libc;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tracer_tests::export::Export;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::process::{Finished, PATIENCE, Process, wait_for};
use tracer_tests::pty::Pty;
use tracer_tests::schema;
use tracer_tests::tracer::Attached;

const SIZE: (u16, u16) = (120, 40);

/// Signals that end a process by default and that tracer passes on without taking them for itself.
fn passed_on() -> Vec<i32> {
    let mut numbers = vec![
        libc::SIGHUP,
        // The kernel and the shell both tell of a closed terminal.
        libc::SIGHUP,
        libc::SIGXCPU,
        libc::SIGQUIT,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGSTKFLT,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGIO,
        libc::SIGPWR,
        libc::SIGSYS,
    ];
    numbers.extend(libc::SIGRTMIN()..=libc::SIGRTMAX());
    numbers
}

/// `kill` with any number; the library's own type knows no signals of real time.
fn send(process: u32, number: i32) -> Result<()> {
    // SAFETY: kill(2) takes two numbers.
    let sent = unsafe { libc::kill(process.cast_signed(), number) };
    ensure!(sent == 0, "{number}: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Gives the signals of the keyboard their default again. A shell that runs the tests in the background has ignored them,
/// and what this process ignores its children ignore too.
fn default_keys() {
    for number in [libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: signal(2) takes a number and a constant; no handler is installed.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

/// A directory to work in, with one for the export.
struct Place(TempDir);

impl Place {
    fn new() -> Result<Self> {
        require_root()?;
        default_keys();
        let place = Self(tempfile::tempdir()?);
        fs::create_dir(place.out())?;
        Ok(place)
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    /// `tracer run --json out/export.json ARGUMENTS` in this directory.
    fn tracer(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(tracer_binary()?);
        command
            .current_dir(self.0.path())
            .args(["run", "--json", "out/export.json"])
            .args(arguments);
        Ok(command)
    }

    /// Runs a shell script below tracer, which is started by another script: `"$@"` is tracer.
    fn prepared(&self, before: &str, script: &str) -> Result<Finished> {
        let mut command = Command::new("sh");
        command
            .current_dir(self.0.path())
            .args(["-c", before, "sh"])
            .arg(tracer_binary()?)
            .args(["run", "--quiet", "--json", "out/export.json", "--"])
            .args(["sh", "-c", script]);
        Process::start(&mut command)?.finish()
    }

    /// Files named by the time of day: where an export was put instead.
    fn rescued(directory: &Path) -> Result<Vec<PathBuf>> {
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
        let names: Vec<PathBuf> = names.collect::<Result<_>>()?;
        let is_export = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("tracer-") && name.ends_with(".json")
        };
        Ok(names.into_iter().filter(is_export).collect())
    }
}

/// The command's status, and one line about the export, which is in the file it names.
fn check_rescued(finished: &Finished, code: i32, directory: &Path) -> Result<()> {
    ensure!(finished.status.code() == Some(code), "{finished:?}");
    ensure!(finished.stderr.lines().count() == 1, "{finished:?}");
    let [file] = &Place::rescued(directory)?[..] else {
        anyhow::bail!("no file, or several: {finished:?}");
    };
    let told = format!("the export is in {} instead", file.display());
    ensure!(
        finished.stderr.starts_with("tracer: ") && finished.stderr.contains(&told),
        "{finished:?}"
    );
    schema::validate(&Export::read(file)?)
}

#[test]
fn a_directory_that_goes_meanwhile() -> Result<()> {
    for code in [0, 3] {
        let place = Place::new()?;
        let script = format!("rm -r out; exit {code}");
        let finished = place.prepared(r#"exec "$@""#, &script)?;
        check_rescued(&finished, code, place.0.path())?;
    }
    Ok(())
}

/// The working directory is gone as well: then it is the one for temporary files.
#[test]
fn the_working_directory_goes_too() -> Result<()> {
    let (place, temporary) = (Place::new()?, tempfile::tempdir()?);
    let before = format!(
        r#"mkdir work work/out; cd work; TMPDIR={}; export TMPDIR; exec "$@""#,
        temporary.path().display()
    );
    let finished = place.prepared(&before, "cd ..; rm -r work; exit 7")?;
    check_rescued(&finished, 7, temporary.path())
}

#[test]
fn nowhere_to_write() -> Result<()> {
    let place = Place::new()?;
    let before = r#"mkdir work work/out; cd work; TMPDIR=/no/such/place; export TMPDIR; exec "$@""#;
    let finished = place.prepared(before, "cd ..; rm -r work; exit 7")?;
    ensure!(finished.status.code() == Some(7), "{finished:?}");
    ensure!(finished.stderr.lines().count() == 1, "{finished:?}");
    let told = ["out/export.json", "the export is lost", "/no/such/place"];
    ensure!(
        told.iter().all(|word| finished.stderr.contains(word)),
        "{finished:?}"
    );
    Ok(())
}

/// A file system of its own, in a mount namespace of its own, and no room left in it.
#[test]
fn a_full_disk() -> Result<()> {
    let before = r#"exec unshare -m sh -c '
        mount -t tmpfs -o size=64k none out
        head -c 1M /dev/zero >out/filler 2>/dev/null
        exec "$@"' sh "$@""#;
    for code in [0, 7] {
        let place = Place::new()?;
        let finished = place.prepared(before, &format!("exit {code}"))?;
        check_rescued(&finished, code, place.0.path())?;
    }
    Ok(())
}

/// A limit of files is an error like any other, though the kernel sends a signal besides.
#[test]
fn files_may_not_be_long() -> Result<()> {
    let place = Place::new()?;
    let finished = place.prepared(r#"ulimit -f 1; exec "$@""#, "exit 7")?;
    ensure!(finished.status.code() == Some(7), "{finished:?}");
    ensure!(
        finished.stderr.contains("File too large") && finished.stderr.contains("is lost"),
        "{finished:?}"
    );
    ensure!(Place::rescued(place.0.path())?.is_empty(), "half a file");
    ensure!(fs::read_dir(place.out())?.count() == 0, "half a file");
    Ok(())
}

#[test]
fn standard_error_is_full() -> Result<()> {
    for code in [0, 7] {
        let place = Place::new()?;
        let mut command = place.tracer(&["--", "sh", "-c", &format!("exit {code}")])?;
        command.stderr(File::options().write(true).open("/dev/full")?);
        let status = command.status()?;
        ensure!(status.code() == Some(code), "{status}");
        schema::validate(&Export::read(&place.out().join("export.json"))?)?;
    }
    Ok(())
}

/// With and without the live screen.
#[test]
fn the_terminal_is_closed() -> Result<()> {
    for (flags, code) in [(&[][..], 0), (&[][..], 5), (&["--no-tui"][..], 5)] {
        let place = Place::new()?;
        let started = place.0.path().join("started");
        // The shell takes SIGHUP when its sleep is over.
        let script = format!(
            r#"trap '' TERM; trap 'exit {code}' HUP; touch "$0"; while :; do sleep 0.02; done"#
        );
        let started_text = started.display().to_string();
        let line = ["--", "sh", "-c", &script, &started_text];
        let mut pty = Pty::start(&mut place.tracer(&[flags, &line].concat())?, SIZE)?;
        wait_for("the command", PATIENCE, || {
            Ok(started.exists().then_some(()))
        })?;
        pty.hang_up()?;
        let status = pty.wait(PATIENCE)?;
        ensure!(status.code() == Some(code), "{flags:?}: {status}");
        schema::validate(&Export::read(&place.out().join("export.json"))?)?;
    }
    Ok(())
}

/// Ends with 3 if SIGHUP comes and no signal follows it; with 9 otherwise.
const HANGUP_ALONE: &str = "import pathlib, signal, sys
both = {signal.SIGHUP, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)
pathlib.Path(sys.argv[1]).touch()
first = signal.sigwait(both)
alone = signal.sigtimedwait(both, 2) is None
sys.exit(3 if first == signal.SIGHUP and alone else 9)
";

/// A command that takes a while to end after SIGHUP is not disturbed meanwhile.
#[test]
fn the_hangup_of_a_terminal_comes_alone() -> Result<()> {
    let place = Place::new()?;
    let started = place.0.path().join("started");
    let text = started.display().to_string();
    let mut command = place.tracer(&["--", "python3", "-c", HANGUP_ALONE, &text])?;
    let mut pty = Pty::start(&mut command, SIZE)?;
    wait_for("the command", PATIENCE, || {
        Ok(started.exists().then_some(()))
    })?;
    pty.hang_up()?;
    let status = pty.wait(PATIENCE)?;
    ensure!(status.code() == Some(3), "{status}");
    schema::validate(&Export::read(&place.out().join("export.json"))?)
}

/// `--child-log` on a full disk, while the live screen is open.
#[test]
fn the_log_of_the_command_is_cut_off() -> Result<()> {
    let place = Place::new()?;
    let before = r#"exec unshare -m sh -c '
        mount -t tmpfs -o size=64k none out
        head -c 1M /dev/zero >out/filler 2>/dev/null
        exec "$@" 2>said' sh "$@""#;
    let mut command = Command::new("sh");
    command
        .current_dir(place.0.path())
        .args(["-c", before, "sh"])
        .arg(tracer_binary()?)
        .args(["run", "--quiet", "--child-log", "out/log", "--"])
        .args(["sh", "-c", "echo said; exit 7"]);
    let mut pty = Pty::start(&mut command, SIZE)?;
    let mut screen = pty.watch()?;
    screen.wait(PATIENCE, "the end", |shown| {
        shown.contains("the command has ended")
    })?;
    pty.keys("q")?;
    let status = pty.finish_within(PATIENCE)?;
    ensure!(status.code() == Some(7), "{status}");
    let said = fs::read_to_string(place.0.path().join("said"))?;
    ensure!(
        said.contains("tracer: --child-log is cut off: No space left"),
        "{said}"
    );
    Ok(())
}

/// Prints the number of every signal it gets; SIGTERM ends it with 9.
const LISTENER: &str = "import signal, sys
everything = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, everything)
print('ready', flush=True)
while (number := signal.sigwait(everything)) != signal.SIGTERM:
    print(int(number), flush=True)
sys.exit(9)
";

#[test]
fn signals_are_passed_on() -> Result<()> {
    let place = Place::new()?;
    let mut command = place.tracer(&["--quiet", "--", "python3", "-c", LISTENER])?;
    let process = Process::start(&mut command)?;
    let mut expected = "ready\n".to_owned();
    let heard = |expected: &str| {
        wait_for(expected, PATIENCE, || {
            Ok((process.stdout()? == expected).then_some(()))
        })
        .with_context(|| format!("{:?} {:?}", process.stdout(), process.stderr()))
    };
    heard(&expected)?;
    for number in passed_on() {
        send(process.id(), number)?;
        expected += &format!("{number}\n");
        heard(&expected)?;
    }
    process.signal(Signal::SIGTERM)?;
    let finished = process.finish()?;
    ensure!(finished.status.code() == Some(9), "{finished:?}");
    ensure!(finished.stdout == expected, "{finished:?}");
    schema::validate(&Export::read(&place.out().join("export.json"))?)
}

/// An interrupt sent to tracer alone is not a key, though tracer is in the foreground of a terminal.
#[test]
fn an_interrupt_for_tracer_alone_is_passed_on() -> Result<()> {
    let place = Place::new()?;
    let started = place.0.path().join("started");
    let script = r#"trap 'exit 6' INT; touch "$0"; while :; do sleep 0.02; done"#;
    let text = started.display().to_string();
    let mut command = place.tracer(&["--no-tui", "--", "sh", "-c", script, &text])?;
    let mut pty = Pty::start(&mut command, SIZE)?;
    wait_for("the command", PATIENCE, || {
        Ok(started.exists().then_some(()))
    })?;
    pty.signal(Signal::SIGINT)?;
    let status = pty.wait(PATIENCE)?;
    ensure!(status.code() == Some(6), "{status}");
    Ok(())
}

/// timeout(1) and others send a signal to a process and then to its group. Both wait here until tracer looks.
#[test]
fn two_signals_at_once_are_one_request() -> Result<()> {
    let place = Place::new()?;
    let script = "trap 'sleep 1; exit 9' TERM INT; echo ready; while :; do sleep 0.02; done";
    let process = Process::start(&mut place.tracer(&["--quiet", "--", "sh", "-c", script])?)?;
    wait_for("the command", PATIENCE, || {
        Ok((process.stdout()? == "ready\n").then_some(()))
    })?;
    for signal in [
        Signal::SIGSTOP,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGCONT,
    ] {
        process.signal(signal)?;
    }
    let finished = process.finish()?;
    ensure!(finished.status.code() == Some(9), "{finished:?}");
    Ok(())
}

#[test]
fn what_ends_others_ends_attach_in_order() -> Result<()> {
    default_keys();
    let tried = [
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGALRM,
        libc::SIGRTMIN(),
    ];
    for number in tried {
        let attached = Attached::start(&["--port", "1"])?;
        send(attached.id(), number)?;
        let traced = attached.finish()?;
        ensure!(
            traced.finished.status.code() == Some(0),
            "{number}: {:?}",
            traced.finished
        );
        schema::validate(&traced.export)?;
    }
    Ok(())
}

/// Lines of /proc/self/status about signals.
const SIGNALS: &str = "grep -E 'Sig(Blk|Ign)' /proc/self/status";

/// The command starts with the signals that it would have without tracer, also with those that nohup(1) ignores.
#[test]
fn the_command_starts_with_signals_as_they_were() -> Result<()> {
    for before in ["", "trap '' HUP USR1;"] {
        let place = Place::new()?;
        let alone = Command::new("sh")
            .args(["-c", &format!("{before} exec sh -c \"{SIGNALS}\"")])
            .output()?;
        let traced = place.prepared(&format!(r#"{before} exec "$@""#), SIGNALS)?;
        let alone = String::from_utf8(alone.stdout)?;
        ensure!(
            signal_sets(&alone)? == signal_sets(&traced.stdout)?,
            "alone {alone} traced {}",
            traced.stdout
        );
    }
    Ok(())
}

/// Sets of signals in lines of /proc/PID/status, without 32 and 33: the C library keeps these to itself, and no program
/// can block, ignore or restore them.
fn signal_sets(lines: &str) -> Result<Vec<u64>> {
    const OF_THE_C_LIBRARY: u64 = 0b11 << 31;
    let words = lines.lines().filter_map(|line| line.split('\t').nth(1));
    let sets: Vec<u64> = words
        .map(|word| Ok(u64::from_str_radix(word.trim(), 16)? & !OF_THE_C_LIBRARY))
        .collect::<Result<_>>()?;
    ensure!(sets.len() == 2, "{lines}");
    Ok(sets)
}

/// Signals that were ignored when tracer began do not end it.
#[test]
fn nohup_counts_for_tracer_too() -> Result<()> {
    let place = Place::new()?;
    let mut command = Command::new("sh");
    command
        .current_dir(place.0.path())
        .args(["-c", r#"trap '' HUP; exec "$@""#, "sh"])
        .arg(tracer_binary()?)
        .args(["run", "--quiet", "--", "python3", "-c", LISTENER]);
    let process = Process::start(&mut command)?;
    let heard = |expected: &str| {
        wait_for(expected, PATIENCE, || {
            Ok((process.stdout()? == expected).then_some(()))
        })
    };
    heard("ready\n")?;
    process.signal(Signal::SIGHUP)?;
    process.signal(Signal::SIGUSR1)?;
    let user = libc::SIGUSR1;
    heard(&format!("ready\n{user}\n"))?;
    process.signal(Signal::SIGTERM)?;
    let finished = process.finish()?;
    ensure!(finished.status.code() == Some(9), "{finished:?}");
    Ok(())
}

/// The command is told to end when tracer is killed, also when it is another user's.
#[test]
fn a_killed_tracer_ends_its_command() -> Result<()> {
    require_root()?;
    let script = "trap 'echo told; exit' TERM; echo $$; while :; do sleep 0.02; done";
    for user in [&[][..], &["--user", "nobody"]] {
        let mut command = Command::new(tracer_binary()?);
        command.args(["run", "--quiet"]).args(user);
        let mut process = Process::start(command.args(["--", "sh", "-c", script]))?;
        wait_for("the command", PATIENCE, || {
            Ok(process.stdout()?.ends_with('\n').then_some(()))
        })?;
        process.signal(Signal::SIGKILL)?;
        wait_for("a word of the command", PATIENCE, || {
            Ok(process.stdout()?.contains("told").then_some(()))
        })?;
        wait_for("the end of tracer", PATIENCE, || {
            Ok(process.has_ended()?.then_some(()))
        })?;
    }
    Ok(())
}

/// The demo with nobody to tell anything.
#[test]
fn a_demo_that_nobody_hears() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let full = || File::options().write(true).open("/dev/full");
    let demo = |stderr: Option<File>| -> Result<ExitStatus> {
        let mut command = Command::new(tracer_binary()?);
        command
            .args(["demo", "--no-tui", "--time", "1s", "--out"])
            .arg(directory.path())
            .stdout(full()?);
        if let Some(stderr) = stderr {
            command.stderr(stderr);
        }
        Ok(command.status()?)
    };
    let said = tempfile::tempfile()?;
    let status = demo(Some(said.try_clone()?))?;
    let mut text = String::new();
    std::io::Seek::rewind(&mut &said)?;
    std::io::Read::read_to_string(&mut &said, &mut text)?;
    ensure!(status.code() == Some(2), "{status}: {text}");
    ensure!(text.contains("cannot write to standard output"), "{text}");
    let status = demo(Some(full()?))?;
    ensure!(
        status.code() == Some(2) && status.signal().is_none(),
        "{status}"
    );
    Ok(())
}

/// An export that cannot be written is said, and an old one is not taken for it.
#[test]
fn a_demo_without_room_for_its_exports() -> Result<()> {
    let place = Place::new()?;
    let before = r#"exec unshare -m sh -c '
        mount -t tmpfs -o size=64k none out
        cp old out/default.json
        head -c 1M /dev/zero >out/filler 2>/dev/null
        exec "$@"' sh "$@""#;
    fs::write(place.0.path().join("old"), "{}")?;
    let mut command = Command::new("sh");
    command
        .current_dir(place.0.path())
        .args(["-c", before, "sh"])
        .arg(tracer_binary()?)
        .args(["demo", "--no-tui", "--time", "1s", "--out", "out"]);
    let finished = Process::start(&mut command)?.finish()?;
    ensure!(finished.status.code() == Some(2), "{finished:?}");
    ensure!(
        finished.stderr.contains("was not written") && finished.stderr.contains("instead"),
        "{finished:?}"
    );
    Ok(())
}
