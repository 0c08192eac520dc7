//! A terminal that a test types into and reads: tmux on a socket of its own.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::machine::program;
use crate::process::{PATIENCE, output, wait_for};

/// A shell in a terminal, ended on drop.
#[derive(Debug)]
pub struct Screen {
    tmux: std::path::PathBuf,
    socket: String,
}

impl Screen {
    /// Starts a shell in `directory`, in a terminal of this width and height.
    pub fn open(directory: &std::path::Path, (width, height): (u16, u16)) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let screen = Self {
            tmux: program("tmux", "tmux")?,
            socket: format!("tracer-{}-{number}", std::process::id()),
        };
        let (width, height) = (width.to_string(), height.to_string());
        let mut command = screen.command();
        command
            .args([
                "new-session",
                "-d",
                "-s",
                "test",
                "-x",
                &width,
                "-y",
                &height,
                "-c",
            ])
            .arg(directory)
            .args([
                "env",
                "PS1=$ ",
                "LC_ALL=C.UTF-8",
                "bash",
                "--norc",
                "--noprofile",
                "-i",
            ]);
        output(&mut command)?;
        screen.tmux(&["set-option", "-g", "window-size", "manual"])?;
        screen.wait("$")?;
        Ok(screen)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.tmux);
        command.args(["-L", &self.socket, "-f", "/dev/null"]);
        command.env_remove("TMUX");
        command
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        output(self.command().args(arguments))
    }

    /// Types text as it is.
    pub fn text(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-t", "test", "-l", text])
            .map(drop)
    }

    /// Presses keys, by tmux's names.
    pub fn keys(&self, keys: &[&str]) -> Result<()> {
        let arguments = [&["send-keys", "-t", "test"], keys].concat();
        self.tmux(&arguments).map(drop)
    }

    /// Runs a command line.
    pub fn run(&self, line: &str) -> Result<()> {
        self.text(line)?;
        self.keys(&["Enter"])
    }

    /// Text on the screen.
    pub fn shown(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p", "-t", "test"])
    }

    /// Waits until the screen holds `text`, and gives the screen.
    pub fn wait(&self, text: &str) -> Result<String> {
        self.wait_until(text, |shown| shown.contains(text))
    }

    /// Waits until the screen is as wanted, and gives the screen.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let waited = wait_for(what, PATIENCE, || {
            std::thread::sleep(Duration::from_millis(20));
            let shown = self.shown()?;
            Ok(is_so(&shown).then_some(shown))
        });
        waited.with_context(|| self.shown().unwrap_or_default())
    }

    /// Changes the size of the terminal.
    pub fn resize(&self, (width, height): (u16, u16)) -> Result<()> {
        let (width, height) = (width.to_string(), height.to_string());
        let size = ["resize-window", "-t", "test", "-x", &width, "-y", &height];
        self.tmux(&size).map(drop)
    }

    /// Checks that a full-screen program left neither the second screen, nor mouse reports, nor a hidden cursor behind.
    pub fn check_is_plain(&self) -> Result<()> {
        let format = "#{alternate_on}#{mouse_any_flag}#{mouse_button_flag}#{cursor_flag}";
        let state = self.tmux(&["display-message", "-p", "-t", "test", format])?;
        ensure!(
            state.trim() == "0001",
            "alternate, mouse, mouse, cursor: {state}"
        );
        Ok(())
    }

    /// Finds the line that begins with `name`, and gives its words.
    pub fn words(shown: &str, name: &str) -> Result<Vec<String>> {
        let line = shown.lines().find(|line| line.starts_with(name));
        match line {
            Some(line) => Ok(line[name.len()..]
                .split_whitespace()
                .map(str::to_owned)
                .collect()),
            None => bail!("no line {name:?} in\n{shown}"),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A server that has already ended needs no kill.
        let _ = self.tmux(&["kill-server"]);
    }
}
