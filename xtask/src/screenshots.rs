//! `cargo xtask screenshots`: pictures for the documentation. A crawl over a delayed link is recorded, the
//! recording is replayed on the live screen in tmux, and what tmux shows becomes SVG.

mod svg;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{build, setup, shell, workspace};

/// How long the recorded crawl lasts.
const SECONDS: &str = "40";
/// How long a replay may take to end, a screen to change.
const PATIENCE: Duration = Duration::from_secs(60);

/// A picture: its name, columns and rows, keys as tmux names them, and what the screen holds then.
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
        size: ("120", "14"),
        keys: &["2"],
        sign: "ttfb99",
    },
    Shot {
        name: "host",
        size: ("100", "24"),
        keys: &["2", "Enter"],
        sign: "connections used",
    },
    Shot {
        name: "histogram",
        size: ("100", "24"),
        keys: &["1", "Down", "Down", "Down", "Down", "Enter", "c"],
        sign: "against",
    },
];

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = crate::flags(args, [])?;
    if !shell::is_root() {
        bail!("recording a crawl over a delayed link needs root");
    }
    build::build(&setup::for_build()?)?;
    setup::for_test()?;
    let home = workspace::target_dir().join("screenshots");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    record(&home)?;
    let images = workspace::root().join("docs/images");
    fs::create_dir_all(&images)?;
    for shot in SHOTS {
        let file = images.join(format!("{}.svg", shot.name));
        fs::write(&file, svg::of(&take(shot, &home)?))?;
        println!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn record(home: &Path) -> Result<()> {
    let assets = workspace::root().join("xtask/assets/screenshots");
    let testbed = testbed()?;
    let mut link = Command::new(&testbed);
    link.args(["link", "--rtt", "40ms", "--jitter", "4ms", "--", "sh"])
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

/// What a terminal shows: text with its colours (ECMA-48 SGR).
fn take(shot: &Shot, home: &Path) -> Result<String> {
    let terminal = Terminal::open(shot.size, home)?;
    terminal.wait("ended")?;
    for key in shot.keys {
        terminal.tmux(&["send-keys", "-t", "shot", key])?;
    }
    terminal.wait(shot.sign)?;
    terminal.tmux(&["capture-pane", "-e", "-p", "-t", "shot"])
}

/// A replay in a terminal of its own; ended on drop.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open((width, height): (&str, &str), home: &Path) -> Result<Self> {
        let socket = format!("tracer-screenshots-{}", std::process::id());
        let terminal = Self { socket };
        let tracer = workspace::tracer();
        let replay = format!(
            "exec env LC_ALL=C.UTF-8 TERM=screen-256color '{}' replay --speed max '{}'",
            tracer.display(),
            home.join("crawl.trace").display()
        );
        let size = ["-x", width, "-y", height];
        let start = ["new-session", "-d", "-s", "shot"];
        terminal.tmux(&[&start[..], &size, &[replay.as_str()]].concat())?;
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
        let begun = Instant::now();
        loop {
            let shown = self.tmux(&["capture-pane", "-p", "-t", "shot"])?;
            if shown.contains(sign) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("waited in vain for {sign:?} in\n{shown}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A server that has ended already is as good.
        let _ = self.tmux(&["kill-server"]);
    }
}
