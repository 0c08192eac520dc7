//! Child processes that end with the test, and waiting without sleeping blindly.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a server may take to answer, a client to end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls `ready` until it gives a value or `limit` is over.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if Instant::now() > deadline {
            bail!("waited {limit:?} in vain for {what}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A child process; its output goes to unnamed files; killed and reaped on drop.
pub struct Process {
    name: String,
    child: Child,
    stdout: File,
    stderr: File,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Process {
    /// Starts `command` with its output collected and nothing on standard input.
    pub fn start(command: &mut Command) -> Result<Self> {
        let stdout = tempfile::tempfile()?;
        let stderr = tempfile::tempfile()?;
        let name = format!("{command:?}");
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self {
            name,
            child,
            stdout,
            stderr,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)
            .with_context(|| format!("{signal} to {}", self.name))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// What it printed so far.
    pub fn stdout(&self) -> Result<String> {
        contents(&self.stdout)
    }

    /// What it complained about so far.
    pub fn stderr(&self) -> Result<String> {
        contents(&self.stderr)
    }

    /// Waits for the end, at most `limit`.
    pub fn finish_within(mut self, limit: Duration) -> Result<Finished> {
        let name = self.name.clone();
        let status = wait_for(&format!("the end of {name}"), limit, || {
            Ok(self.child.try_wait()?)
        })?;
        Ok(Finished {
            status,
            stdout: self.stdout()?,
            stderr: self.stderr()?,
        })
    }

    /// Waits for the end.
    pub fn finish(self) -> Result<Finished> {
        self.finish_within(PATIENCE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads an output file without moving the offset, which the child shares.
fn contents(file: &File) -> Result<String> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len())?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs `command` to its end and gives its standard output; a failure is an error.
pub fn output(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let finished = Process::start(command)?.finish()?;
    if !finished.status.success() {
        bail!(
            "{name}: {}\n{}{}",
            finished.status,
            finished.stdout,
            finished.stderr
        );
    }
    Ok(finished.stdout)
}
