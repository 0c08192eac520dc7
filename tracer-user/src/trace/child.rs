//! The command that `tracer run` starts.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::Path,
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
    /// The command line is empty.
    #[error("no command given")]
    NoCommand,
    /// No program of that name is in the directories of PATH.
    #[error("no command `{program}` in PATH; {remedy}")]
    NotInPath {
        /// Program as given.
        program: String,
        /// Command line to type, or another remedy.
        remedy: String,
    },
    /// The file does not exist.
    #[error("there is no file {program}; check its name, or give its whole path")]
    NoFile {
        /// Program as given.
        program: String,
    },
    /// The file may not be executed.
    #[error(
        "{program} is not executable; type: chmod +x {program}, or name its interpreter: tracer run -- sh {program}"
    )]
    NotExecutable {
        /// Program as given.
        program: String,
    },
    /// The program cannot be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// Program as given.
        program: String,
        /// Error of the system.
        source: io::Error,
    },
    /// The cgroup made for the command cannot be opened.
    #[error("opening the command's cgroup: {0}")]
    Cgroup(io::Error),
}

/// A word as a shell would read it back.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Checks that the program can be found, so that this mistake is told before anything else is done. Whatever cannot be
/// checked passes.
pub(crate) fn check(command: &[OsString]) -> Result<(), ChildError> {
    let program = command.first().ok_or(ChildError::NoCommand)?;
    let name = quoted(&program.to_string_lossy());
    let path = Path::new(program);
    if path.components().count() > 1 || path.is_absolute() {
        return match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ChildError::NoFile { program: name })
            }
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 == 0 => {
                Err(ChildError::NotExecutable { program: name })
            }
            _ => Ok(()),
        };
    }
    let Some(directories) = std::env::var_os("PATH") else {
        return Ok(());
    };
    let mut places = std::env::split_paths(&directories).map(|place| place.join(program));
    match places.any(|place| !matches!(place.try_exists(), Ok(false))) {
        true => Ok(()),
        false => Err(ChildError::NotInPath {
            remedy: remedy(path, &name),
            program: name,
        }),
    }
}

/// Remedy for a name that PATH does not have.
fn remedy(path: &Path, name: &str) -> String {
    if path.exists() {
        return format!("type: tracer run -- ./{name}");
    }
    match std::env::var_os("SUDO_USER") {
        Some(_) => {
            format!("sudo has a PATH of its own; type: sudo tracer run -- \"$(command -v {name})\"")
        }
        None => "check its name, or give its whole path".to_owned(),
    }
}

/// Starts the command inside `cgroup`. The child moves itself there before exec, so that its first socket is already in
/// the cgroup. With `pipes`, its output goes to them, and its standard input is not the terminal, because the live
/// screen reads that. The command runs as `user`, or as the user who runs tracer. It gets signals as it would without
/// tracer: `mask` is the signal mask that tracer was started with.
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

/// Makes the kernel send SIGTERM to the command when tracer is killed: no one would trace the command or pass on its
/// exit status any more. Called after the change of user, because the kernel clears this setting when the user id
/// changes.
fn end_with(parent: Pid, mask: &SigSet) -> io::Result<()> {
    set_pdeathsig(Signal::SIGTERM)?;
    mask.thread_set_mask()?;
    match getppid() == parent {
        true => Ok(()),
        // tracer was killed before the setting took effect.
        false => Err(nix::Error::ESRCH.into()),
    }
}

/// A command that was started. Dropping this value kills the command, so that it never runs on untraced.
#[derive(Debug)]
pub(crate) struct Started(Child);

impl Started {
    /// Process id. The kernel does not give it to another process until the command has been waited for.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Status of the command, if it has ended.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Waits for the end of the command.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // After the command has been waited for, kill does nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of the command and of those of its descendants that it has waited for; `None` before it has ended.
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
