//! The live screen in a real terminal: what it shows is what the export says, and the terminal is as it was.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tracer_export::Phase;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::export::{Export, shown as shown_part};
use tracer_tests::figure;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::schema;
use tracer_tests::screen::Screen;
use tracer_tests::server::{Go, GoOptions};

const SIZE: (u16, u16) = (120, 40);

/// Three digits and a unit, as the screen writes times.
fn time(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns}ns"),
        1_000..999_500 => (ns as f64 / 1e3, "µs"),
        999_500..999_500_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.decimals$}{unit}")
}

/// A terminal whose settings are noted, for [`check_terminal`].
fn opened(directory: &Path) -> Result<Screen> {
    let screen = Screen::open(directory, SIZE)?;
    screen.run("stty -a > before")?;
    Ok(screen)
}

/// The export whose name the screen says.
fn exported(screen: &Screen) -> Result<Export> {
    screen.keys(&["e"])?;
    let shown = screen.wait("wrote /")?;
    let line = shown.lines().last().context("an empty screen")?;
    let path = line.trim().strip_prefix("wrote ").context("no path")?;
    let export = Export::read(Path::new(path))?;
    schema::validate(&export)?;
    Ok(export)
}

/// Phases on the screen against those of the totals.
fn compare_phases(shown: &str, export: &Export, differences: &mut Differences) -> Result<()> {
    for phase in [
        Phase::Connect,
        Phase::Tls,
        Phase::TtfbFirst,
        Phase::TtfbReused,
        Phase::Transfer,
        Phase::Idle,
    ] {
        let name = format!("{} ", phase.title());
        let histogram = export.phase(phase).context("no such phase")?;
        let [p50, p90, p99, max] = [
            histogram.p50_ns,
            histogram.p90_ns,
            histogram.p99_ns,
            histogram.max_ns,
        ]
        .map(|ns| ns.map_or_else(String::new, time));
        let count = histogram.count.context("no count")?;
        let expected = vec![count.to_string(), p50, p90, p99, max];
        let words = Screen::words(shown, &name)?;
        differences.equal(
            &name,
            words.get(..5).map(<[String]>::to_vec),
            Some(expected),
        );
    }
    Ok(())
}

/// Every screen by its key, with something that only it shows.
fn visit_screens(screen: &Screen) -> Result<()> {
    for (key, sign) in [
        ("2", "ttfb p99"),
        ("3", "process 1/"),
        ("4", "idle"),
        ("5", "lookups"),
        ("6", "of range"),
        ("7", "cannot tell"),
        ("8", "the first line"),
        ("9", "Everywhere"),
        ("1", "A request takes"),
    ] {
        screen.keys(&[key])?;
        screen.wait(sign)?;
    }
    Ok(())
}

#[test]
fn a_crawler_from_start_to_end() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let certificate = Certificate::small()?;
    let server = Go::start(
        &GoOptions {
            version: Some("1.2"),
            flags: vec!["-delay=2ms".into()],
        },
        &certificate,
    )?;
    let url = format!("https://localhost:{}/", server.port);
    let ca = certificate.path().display().to_string();
    let client = Client::go(&["default", &url, "3000", "8", &ca])?;
    let screen = opened(directory.path())?;
    let tracer = tracer_binary()?;
    let script = format!("echo the first line; {}", client.line().replace('\'', ""));
    screen.run(&format!(
        "{} run --child-log log -- sh -c '{script}; exit 7'; echo status $?",
        tracer.display()
    ))?;
    screen.wait("A request takes")?;
    visit_screens(&screen)?;
    screen.keys(&["p"])?;
    screen.wait("PAUSED")?;
    screen.keys(&["p"])?;
    screen.wait("the command has ended: exit status: 7")?;

    let export = exported(&screen)?;
    let mut differences = Differences::of("the screen and the export");
    screen.keys(&["1"])?;
    let overview = screen.wait("A request takes")?;
    compare_phases(&overview, &export, &mut differences)?;
    let requests = figure!(export, totals.requests.count)?;
    differences.equal("requests of the client", requests, 3000);
    differences.equal(
        "requests on the overview",
        Screen::words(&overview, "requests")?.first().cloned(),
        Some(requests.to_string()),
    );
    screen.keys(&["2"])?;
    let hosts = screen.wait("localhost")?;
    let row = Screen::words(&hosts, "localhost")?;
    differences.equal("port", row.first().cloned(), Some(server.port.to_string()));
    differences.equal(
        "requests of the host",
        row.get(1).cloned(),
        Some(requests.to_string()),
    );
    differences.finish(|| format!("{overview}\n{hosts}"))?;

    look_closer(&screen)?;
    screen.keys(&["q"])?;
    screen.wait("status 7")?;
    check_terminal(&screen, directory.path())?;
    let log = fs::read_to_string(directory.path().join("log"))?;
    ensure!(log.starts_with("the first line\n"), "{log}");
    ensure!(log.contains("\"requests\":3000"), "{log}");
    server.finish().map(drop)
}

/// A host, a histogram, a comparison, a filter; larger, smaller and tiny.
fn look_closer(screen: &Screen) -> Result<()> {
    screen.keys(&["Enter"])?;
    screen.wait("connections used")?;
    screen.keys(&["Home", "Down", "Down", "Down", "Enter"])?;
    screen.wait("at or below")?;
    screen.keys(&["c"])?;
    screen.wait("tls full against tls resumed")?;
    screen.keys(&["Escape"])?;
    screen.wait("connections used")?;
    screen.keys(&["Escape"])?;
    screen.wait("ttfb p99")?;
    screen.text("/nowhere")?;
    screen.wait("no row passes the filter")?;
    screen.keys(&["Escape"])?;
    screen.wait("localhost")?;
    for (size, sign) in [
        ((40, 12), "2/9 Hosts"),
        ((18, 4), "needs 20x5"),
        (SIZE, "2 Hosts"),
    ] {
        screen.resize(size)?;
        let shown = screen.wait(sign)?;
        ensure!(
            shown
                .lines()
                .all(|line| line.chars().count() <= size.0.into()),
            "{shown}"
        );
    }
    Ok(())
}

/// Checks that the terminal is as before tracer, in everything that stty knows and tmux sees.
fn check_terminal(screen: &Screen, directory: &Path) -> Result<()> {
    screen.check_is_plain()?;
    screen.run("stty -a > after; echo written")?;
    screen.wait("\nwritten")?;
    let [before, after] = ["before", "after"].map(|name| fs::read_to_string(directory.join(name)));
    ensure!(before? == after?, "the terminal is not as it was");
    Ok(())
}

/// `tracer attach` in a terminal, and its process id.
fn attached(directory: &TempDir) -> Result<(Screen, Pid)> {
    require_root()?;
    let screen = opened(directory.path())?;
    let tracer = tracer_binary()?;
    let port = tracer_tests::port::unused()?;
    let run = format!(
        "sh -c 'echo $$ > pid; exec {} attach --port {port} --json export.json'; echo status $?",
        tracer.display()
    );
    screen.run(&run)?;
    screen.wait("A request takes")?;
    let pid = fs::read_to_string(directory.path().join("pid"))?;
    Ok((screen, Pid::from_raw(pid.trim().parse()?)))
}

#[test]
fn ended_by_a_signal() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (screen, pid) = attached(&directory)?;
    kill(pid, Signal::SIGTERM)?;
    screen.wait("status 0")?;
    check_terminal(&screen, directory.path())?;
    schema::validate(&Export::read(&directory.path().join("export.json"))?)
}

#[test]
fn ended_by_control_c() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (screen, _) = attached(&directory)?;
    screen.keys(&["C-c"])?;
    screen.wait("status 0")?;
    check_terminal(&screen, directory.path())
}

#[test]
fn suspended_and_resumed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (screen, pid) = attached(&directory)?;
    for from_outside in [false, true] {
        match from_outside {
            false => screen.keys(&["C-z"])?,
            true => kill(pid, Signal::SIGTSTP)?,
        }
        screen.wait("Stopped")?;
        check_terminal(&screen, directory.path())?;
        screen.run("clear; fg")?;
        screen.wait_until("the screen again", |shown| {
            shown.contains("A request takes") && !shown.contains("Stopped")
        })?;
    }
    screen.keys(&["q"])?;
    // The shell has gone on with its line when tracer was stopped.
    screen.wait("nothing lost")?;
    check_terminal(&screen, directory.path())
}

/// The screen that a traceback of Python leaves, then what is said when it is closed.
fn traceback(directory: &Path) -> Result<(String, String)> {
    let screen = opened(directory)?;
    let script = directory.join("fails.py");
    fs::write(
        &script,
        "def fails():\n    raise ValueError('\\x1b[2Jthe last words')\nfails()\n",
    )?;
    screen.run(&format!(
        "clear; {} run --quiet -- python3 {}; echo status $?",
        tracer_binary()?.display(),
        script.display()
    ))?;
    screen.wait("the command has ended: exit status: 1")?;
    screen.keys(&["8"])?;
    let output = screen.wait("Traceback (most recent call last)")?;
    screen.keys(&["q"])?;
    let after = screen.wait("status 1\n")?;
    check_terminal(&screen, directory)?;
    Ok((output, after))
}

#[test]
fn the_last_words_of_a_command_are_seen() -> Result<()> {
    require_root()?;
    for _ in 0..3 {
        let directory = tempfile::tempdir()?;
        let (output, after) = traceback(directory.path())?;
        let words = "ValueError: \\u{1b}[2Jthe last words";
        ensure!(output.contains(words), "{output}");
        ensure!(
            after.contains("tracer: the command has ended: exit status: 1; the last lines of its standard error:"),
            "{after}"
        );
        ensure!(after.contains(&format!("\n    {words}\n")), "{after}");
    }
    Ok(())
}

#[test]
fn quitting_asks_before_it_ends_the_command() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let screen = opened(directory.path())?;
    let tracer = tracer_binary()?;
    screen.run(&format!(
        "{} run -- sh -c 'echo $$ > pid; exec sleep 1000'; echo status $?",
        tracer.display()
    ))?;
    screen.wait("A request takes")?;
    let path = directory.path().join("pid");
    let pid = wait_for("the command", PATIENCE, || {
        Ok(fs::read_to_string(&path).ok())
    })?;
    screen.keys(&["q"])?;
    screen.wait("the command is still running")?;
    ensure!(
        Path::new(&format!("/proc/{}", pid.trim())).exists(),
        "it was ended"
    );
    screen.keys(&["q"])?;
    screen.wait("status 143")?;
    check_terminal(&screen, directory.path())
}

#[test]
fn no_screen_where_none_is_wanted() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let screen = Screen::open(directory.path(), SIZE)?;
    let tracer = tracer_binary()?;
    let tracer = tracer.display();
    for line in [
        format!("{tracer} run --no-tui -- true"),
        format!("TERM=dumb {tracer} run -- true"),
        format!("{tracer} run -- true | cat"),
    ] {
        screen.run(&format!("clear; {line}; echo status $?"))?;
        let shown = screen.wait("status 0")?;
        ensure!(!shown.contains("A request takes"), "{shown}");
    }
    Ok(())
}

/// Whatever fails at the end: the terminal is as it was, and what failed can be read.
#[test]
fn a_failure_gives_the_terminal_back() -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let screen = opened(directory.path())?;
    let tracer = tracer_binary()?;
    screen.run(&format!(
        "{} attach --port 1 --json x.json; echo status $?",
        tracer.display()
    ))?;
    screen.wait("A request takes")?;
    // The export cannot take the place of a directory.
    fs::create_dir(directory.path().join("x.json"))?;
    screen.keys(&["q"])?;
    let shown = screen.wait("status 2")?;
    ensure!(
        shown.contains("tracer: ") && shown.contains("x.json"),
        "{shown}"
    );
    check_terminal(&screen, directory.path())
}

/// `w` in the middle of a trace: the recording says what the screen says from then on.
#[test]
fn a_recording_begun_and_ended_at_the_screen() -> Result<()> {
    require_root()?;
    let certificate = Certificate::small()?;
    let (_server, client) = Go::with_tuned_client(&certificate, 100_000)?;
    let directory = TempDir::new()?;
    let screen = Screen::open(directory.path(), SIZE)?;
    screen.run(&format!(
        "{} run -- {}",
        tracer_binary()?.display(),
        client.line()
    ))?;
    screen.wait_until("a request answered on each connection", |shown| {
        Screen::words(shown, "ttfb first")
            .is_ok_and(|row| row.first().is_some_and(|count| count == "6"))
    })?;
    screen.keys(&["w"])?;
    screen.wait("recording to /")?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    let live = exported(&screen)?;
    screen.keys(&["w"])?;
    screen.wait("the recording is complete")?;
    screen.keys(&["q", "q"])?;
    let trace = fs::read_dir(directory.path())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "trace")
        })
        .context("no recording")?;
    let json = directory.path().join("replayed.json");
    let status = std::process::Command::new(tracer_binary()?)
        .arg("replay")
        .arg(&trace)
        .args(["--no-tui", "--quiet", "--json"])
        .arg(&json)
        .status()?;
    ensure!(status.success(), "replay: {status}");
    let replayed = Export::read(&json)?;
    schema::validate(&replayed)?;
    let mut differences = Differences::of("recorded from the middle");
    // The recording goes on for the moment between both keys.
    let (shown, recorded) = (
        figure!(live, totals.requests.count)?,
        figure!(replayed, totals.requests.count)?,
    );
    differences.holds(
        &format!("{recorded} requests recorded, {shown} on the screen before"),
        shown > 100 && recorded >= shown && recorded < shown + 2000,
    );
    differences.equal(
        "connections adopted",
        (
            figure!(replayed, totals.connections.adopted)?,
            figure!(replayed, totals.connections.opened)?,
            figure!(replayed, events.unmatched)?,
        ),
        (6, 0, 0),
    );
    let host = replayed.hosts.first().context("no host")?;
    differences.equal("host", host.group.requests.count, Some(recorded));
    differences.finish(|| shown_part(&replayed.totals.requests))
}
