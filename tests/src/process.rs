//! Child processes that end with the test, and waiting for conditions.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longest wait for a server to answer or a client to end.
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

/// Result of a process.
#[derive(Debug)]
pub struct Finished {
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
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

    /// Tells whether the process has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Standard output so far.
    pub fn stdout(&self) -> Result<String> {
        contents(&self.stdout)
    }

    /// Standard error so far.
    pub fn stderr(&self) -> Result<String> {
        contents(&self.stderr)
    }

    /// Waits until the process ends, at most `limit`.
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

    /// Waits until the process ends.
    pub fn finish(self) -> Result<Finished> {
        self.finish_within(PATIENCE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail if the process has already ended, which is as good.
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
