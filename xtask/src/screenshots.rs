//! `cargo xtask screenshots`: makes pictures for the documentation. A crawl over a delayed link is recorded, the
//! recording is replayed on the live screen in tmux, and the screen in tmux becomes SVG.

mod svg;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{arguments, build, setup, shell, workspace};

/// Length of the recorded crawl in seconds.
const SECONDS: &str = "60";
/// Speed of the replay, and time on its clock at which pictures are taken.
const SPEED: &str = "4";
const CLOCK: &str = " 00:00:4";
/// Longest wait for the replay to reach that time, and for a screen to change.
const PATIENCE: Duration = Duration::from_secs(60);

/// A picture: its name, columns and rows, keys as tmux names them, and a text that the screen holds afterwards.
struct Shot {
    name: &'static str,
    size: (&'static str, &'static str),
    keys: &'static [&'static str],
    sign: &'static str,
}

const SHOTS: &[Shot] = &[
    Shot {
        name: "overview",
        size: ("100", "27"),
        keys: &["1"],
        sign: "A request takes",
    },
    Shot {
        name: "hosts",
        size: ("130", "16"),
        keys: &["2"],
        sign: "ttfb p99",
    },
    Shot {
        name: "host",
        size: ("100", "24"),
        keys: &["2", "Down", "Down", "Enter", "Home", "Down", "Down"],
        sign: "connections used",
    },
    Shot {
        name: "connections",
        size: ("130", "20"),
        keys: &["4"],
        sign: "state",
    },
    Shot {
        name: "histogram",
        size: ("100", "24"),
        keys: &["1", "Home", "Down", "Down", "Enter", "c"],
        sign: "against",
    },
];

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [no_build, no_record] = arguments::flags(args, ["--no-build", "--no-record"])?;
    if !shell::is_root() && !no_record {
        bail!("recording a crawl over a delayed link needs root");
    }
    if !no_build {
        build::build(&setup::for_build()?)?;
    }
    setup::for_test()?;
    let home = workspace::target_dir().join("screenshots");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    if !no_record {
        record(&home)?;
    }
    let images = workspace::root().join("docs/images");
    fs::create_dir_all(&images)?;
    let terminal = Terminal::open(&home)?;
    terminal.wait(CLOCK)?;
    for shot in SHOTS {
        let file = images.join(format!("{}.svg", shot.name));
        fs::write(&file, svg::of(&take(shot, &terminal)?))?;
        println!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn record(home: &Path) -> Result<()> {
    let assets = workspace::root().join("xtask/assets/screenshots");
    let testbed = testbed()?;
    let mut link = Command::new(&testbed);
    link.args(["link", "--rtt", "40ms", "--jitter", "4ms"]);
    link.args(["--bandwidth", "40M", "--", "sh"])
        .arg(assets.join("record.sh"))
        .arg(&testbed)
        .arg(workspace::tracer())
        .arg(home)
        .arg(assets.join("crawl.py"))
        .arg(SECONDS);
    shell::run(&mut link)
}

fn testbed() -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "tracer-testbed",
    ]);
    shell::run(&mut cargo)?;
    Ok(workspace::target_dir().join("release/tracer-testbed"))
}

/// Takes the text of a terminal with its colours (ECMA-48 SGR).
fn take(shot: &Shot, terminal: &Terminal) -> Result<String> {
    let (width, height) = shot.size;
    terminal.tmux(&["resize-window", "-t", "shot", "-x", width, "-y", height])?;
    for key in shot.keys {
        terminal.tmux(&["send-keys", "-t", "shot", key])?;
    }
    terminal.wait(shot.sign)?;
    // The footer is drawn last. When it is on the last row, the screen has the requested size.
    terminal.wait_until("the footer", |shown| {
        let rows: Vec<&str> = shown.lines().collect();
        let footer = rows.last().is_some_and(|row| row.starts_with("q quit"));
        footer && rows.len().to_string() == height
    })?;
    terminal.tmux(&["capture-pane", "-e", "-p", "-t", "shot"])
}

/// A replay in a terminal of its own, ended on drop.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open(home: &Path) -> Result<Self> {
        let socket = format!("tracer-screenshots-{}", std::process::id());
        let terminal = Self { socket };
        let tracer = workspace::tracer();
        let replay = format!(
            "exec env LC_ALL=C.UTF-8 TERM=screen-256color '{}' replay --speed {SPEED} '{}'",
            tracer.display(),
            home.join("crawl.trace").display()
        );
        let start = ["new-session", "-d", "-s", "shot", "-x", "100", "-y", "27"];
        terminal.tmux(&[&start[..], &[replay.as_str()]].concat())?;
        terminal.tmux(&["set-option", "-g", "window-size", "manual"])?;
        Ok(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("tmux");
        command
            .args(["-L", &self.socket, "-f", "/dev/null"])
            .args(arguments)
            .env_remove("TMUX");
        let output = command.output().context("cannot start tmux")?;
        if !output.status.success() {
            bail!("tmux: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn wait(&self, sign: &str) -> Result<()> {
        self.wait_until(sign, |shown| shown.contains(sign))
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            let shown = self.tmux(&["capture-pane", "-p", "-t", "shot"])?;
            if is_so(&shown) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("waited in vain for {what:?} in\n{shown}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A server that has already ended needs no kill.
        let _ = self.tmux(&["kill-server"]);
    }
}
