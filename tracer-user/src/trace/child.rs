//! The command that `tracer run` starts.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal},
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::{
        prctl::set_pdeathsig,
        resource::{UsageWho, getrusage},
        signal::{SigSet, Signal},
        time::{TimeVal, TimeValLike},
    },
    unistd::{Pid, getpid, getppid},
};

use crate::{
    source::kernel::cgroup::ChildCgroup,
    trace::{account::Account, capture::Pipes, description::CpuTime},
};

/// Reasons why the command could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    /// There is no word to start.
    #[error("no command given")]
    NoCommand,
    /// The program cannot be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// Program as given.
        program: String,
        /// Error of the system.
        source: io::Error,
    },
    /// The cgroup made for it cannot be opened.
    #[error("opening the command's cgroup: {0}")]
    Cgroup(io::Error),
}

/// Starts the command inside `cgroup`. It moves there itself before it executes anything, so that its
/// first socket is already in it. With `pipes` its output goes there, and it has no terminal to read from:
/// the live screen does. It is `user`'s, or of who called tracer. Signals come to it as they would without tracer:
/// `mask` is the one that tracer was started with.
pub(crate) fn start(
    command: &[OsString],
    user: Option<&Account>,
    cgroup: &ChildCgroup,
    pipes: Option<&mut Pipes>,
    mask: SigSet,
) -> Result<Started, ChildError> {
    let (program, arguments) = command.split_first().ok_or(ChildError::NoCommand)?;
    let procs = File::options()
        .write(true)
        .open(cgroup.procs_path())
        .map_err(ChildError::Cgroup)?;
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some((out, err)) = pipes.and_then(|pipes| pipes.writers.take()) {
        command.stdout(out).stderr(err);
        if io::stdin().is_terminal() {
            command.stdin(Stdio::null());
        }
    }
    // SAFETY: write(2) is async-signal-safe, and the descriptor is open until after the fork.
    unsafe {
        command.pre_exec(move || {
            match nix::libc::write(procs.as_raw_fd(), c"0".as_ptr().cast(), 1) {
                1 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
    if let Some(user) = user {
        user.take(&mut command);
    }
    let parent = getpid();
    // SAFETY: system calls only, on what was made before the fork.
    unsafe { command.pre_exec(move || end_with(parent, &mask)) };
    let child = command.spawn().map_err(|source| ChildError::Start {
        program: program.to_string_lossy().into_owned(),
        source,
    })?;
    Ok(Started(child))
}

/// Lets the command come to an end when tracer is killed in a way that it cannot prepare for: nothing would watch it, and
/// nobody would hear of its status. After the change of user, which the kernel takes as a reason to forget it.
fn end_with(parent: Pid, mask: &SigSet) -> io::Result<()> {
    set_pdeathsig(Signal::SIGTERM)?;
    mask.thread_set_mask()?;
    match getppid() == parent {
        true => Ok(()),
        // Killed already.
        false => Err(nix::Error::ESRCH.into()),
    }
}

/// A command that was started. It does not outlive this value: whatever made tracer give up, nothing goes on unwatched.
#[derive(Debug)]
pub(crate) struct Started(Child);

impl Started {
    /// Process id; its own as long as it was not waited for.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Status of the command, if it has ended.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Of one that was waited for nothing is left to kill, and this does not try.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of the command and of those of its descendants it has waited for, once it has ended;
/// `None` before that.
pub(crate) fn cpu() -> Option<CpuTime> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let cpu = CpuTime {
        user: duration(usage.user_time()),
        system: duration(usage.system_time()),
    };
    (!(cpu.user + cpu.system).is_zero()).then_some(cpu)
}

fn duration(time: TimeVal) -> Duration {
    let micros = time.num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
