//! Network namespaces without a name. A descriptor holds each, and the kernel removes it with the last
//! descriptor, so that nothing stays if this process is killed.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::LinkError;

/// A namespace that this process made.
#[derive(Debug)]
pub(super) struct Namespace {
    file: File,
}

impl Namespace {
    /// Makes a namespace in a thread that ends again, so that this process stays in its own.
    pub(super) fn new() -> Result<Self, LinkError> {
        let made = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET)?;
                File::open("/proc/thread-self/ns/net")
            });
            thread.join()
        });
        match made {
            Ok(made) => made
                .map(|file| Self { file })
                .map_err(|source| LinkError::Namespace { source }),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// File by which other programs enter the namespace (`nsenter --net=…`) while this process lives.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// Runs `work` on a thread that is in this namespace.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LinkError> {
        let file = self.file()?;
        let result = std::thread::scope(|scope| {
            let thread =
                scope.spawn(move || setns(file, CloneFlags::CLONE_NEWNET).map(|()| work()));
            thread.join()
        });
        match result {
            Ok(outcome) => outcome.map_err(|errno| LinkError::Enter {
                source: errno.into(),
            }),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Makes a command start in this namespace, and end when the thread that started it ends.
    pub(super) fn put(&self, command: &mut Command) -> Result<(), LinkError> {
        let file = self.file()?;
        let enter = move || {
            setns(&file, CloneFlags::CLONE_NEWNET)?;
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
        unsafe { command.pre_exec(enter) };
        Ok(())
    }

    fn file(&self) -> Result<File, LinkError> {
        self.file
            .try_clone()
            .map_err(|source| LinkError::Enter { source })
    }

    /// Ends the processes in this namespace, because they would keep it alive. They were started through this
    /// value: nobody else can enter a namespace without a name.
    fn end_processes(&self) {
        let (Ok(ours), Ok(processes)) = (self.file.metadata(), std::fs::read_dir("/proc")) else {
            return;
        };
        for entry in processes.flatten() {
            let is_inside = lives_in(&entry.path(), (ours.dev(), ours.ino()));
            let pid = entry.file_name().to_string_lossy().parse::<i32>();
            if let (true, Ok(pid)) = (is_inside, pid)
                && pid != std::process::id().cast_signed()
            {
                // The process may have ended meanwhile.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// Tells whether the process of a /proc directory is in the namespace with this device and inode.
fn lives_in(process: &Path, namespace: (u64, u64)) -> bool {
    std::fs::metadata(process.join("ns/net"))
        .is_ok_and(|found| (found.dev(), found.ino()) == namespace)
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.end_processes();
    }
}
