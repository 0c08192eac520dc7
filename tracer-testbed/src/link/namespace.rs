//! Named network namespaces (`ip netns`), removed on drop.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::LinkError;

/// Links made by this process so far.
static LINKS: AtomicU32 = AtomicU32::new(0);

/// A namespace of ours.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
}

/// `tracer-c-<pid>` and `tracer-s-<pid>`; with a number at the end from this process's second link on.
pub(super) fn pair() -> Result<(Namespace, Namespace), LinkError> {
    let id = std::process::id();
    let suffix = match LINKS.fetch_add(1, Relaxed) {
        0 => String::new(),
        number => format!("-{number}"),
    };
    let client = Namespace::create(format!("tracer-c-{id}{suffix}"))?;
    let server = Namespace::create(format!("tracer-s-{id}{suffix}"))?;
    Ok((client, server))
}

impl Namespace {
    fn create(name: String) -> Result<Self, LinkError> {
        ip(&["netns", "add", &name])?;
        Ok(Self { name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// `ip` with these arguments, in this namespace.
    pub(super) fn ip(&self, arguments: &[&str]) -> Result<String, LinkError> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// Runs `work` on a thread that is in this namespace.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LinkError> {
        let file = self.open()?;
        let result = std::thread::scope(|scope| {
            let thread =
                scope.spawn(move || setns(file, CloneFlags::CLONE_NEWNET).map(|()| work()));
            thread.join()
        });
        match result {
            Ok(outcome) => outcome.map_err(|errno| self.enter_error(errno.into())),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Makes a command start in this namespace.
    pub(super) fn put(&self, command: &mut Command) -> Result<(), LinkError> {
        let file = self.open()?;
        let enter = move || setns(&file, CloneFlags::CLONE_NEWNET).map_err(Into::into);
        // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
        unsafe { command.pre_exec(enter) };
        Ok(())
    }

    fn open(&self) -> Result<File, LinkError> {
        File::open(format!("/run/netns/{}", self.name)).map_err(|source| self.enter_error(source))
    }

    fn enter_error(&self, source: std::io::Error) -> LinkError {
        LinkError::Enter {
            name: self.name.clone(),
            source,
        }
    }

    /// Ends what still runs in here: it would keep the namespace alive. Nobody else's processes can be
    /// in a namespace that we made under our own name.
    fn end_processes(&self) {
        let Ok(pids) = ip(&["netns", "pids", &self.name]) else {
            return;
        };
        for pid in pids.lines().filter_map(|line| line.trim().parse().ok()) {
            if pid != std::process::id() as i32 {
                // It may have ended meanwhile.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.end_processes();
        if let Err(error) = ip(&["netns", "del", &self.name]) {
            eprintln!("link: {error}");
        }
    }
}

/// Runs iproute2; its output.
fn ip(arguments: &[&str]) -> Result<String, LinkError> {
    let failed = |reason: String| LinkError::Ip {
        command: format!("ip {}", arguments.join(" ")),
        reason,
    };
    let run = Command::new("ip").args(arguments).output();
    let output = run.map_err(|error| failed(format!("{error}; install iproute2")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}
