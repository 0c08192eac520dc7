//! The directory of the exports, locked so that two demos never write to the same one.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{DemoError, Profile};
use crate::{files::create_dir_all, invoker::Invoker};

/// Name of the directory when none is given; a number is added while other demos use it.
const DEFAULT: &str = "tracer-demo";
/// Number of demos at once that get a directory of their own by default.
const MAX_DEFAULTS: u32 = 1000;
/// Time limit for the processes of a killed demo to close their files, the lock among them.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two tries to lock a directory.
const RETRY: Duration = Duration::from_millis(50);

/// A directory that only this demo writes to. The lock ends with the processes that hold it, so that nothing remains
/// however they end.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// `None` where the file system has no locks.
    lock: Option<OwnedFd>,
}

impl Directory {
    /// Makes the directory and locks it. When none is given, takes the first default one that no other demo uses.
    pub(super) fn take(asked: Option<&Path>) -> Result<Self, DemoError> {
        match asked {
            Some(path) => Self::wait_for(path, PATIENCE),
            None => Self::free(Path::new("")),
        }
    }

    /// Locks the given directory. The kernel closes the files of a killed process after the process has vanished from
    /// the lists, and closing those of a trace takes a moment: a demo started again at once waits for that.
    fn wait_for(path: &Path, patience: Duration) -> Result<Self, DemoError> {
        let start = Instant::now();
        loop {
            if let Some(taken) = Self::lock(path)? {
                return Ok(taken);
            }
            if start.elapsed() >= patience {
                return Err(DemoError::InUse { path: path.into() });
            }
            std::thread::sleep(RETRY);
        }
    }

    /// The first directory with a default name in `parent` that no other demo uses.
    fn free(parent: &Path) -> Result<Self, DemoError> {
        for number in 1..=MAX_DEFAULTS {
            let name = match number {
                1 => DEFAULT.to_owned(),
                _ => format!("{DEFAULT}-{number}"),
            };
            if let Some(taken) = Self::lock(&parent.join(name))? {
                return Ok(taken);
            }
        }
        Err(DemoError::InUse {
            path: parent.join(DEFAULT),
        })
    }

    /// Locks a directory; `None` when another demo has locked it.
    fn lock(path: &Path) -> Result<Option<Self>, DemoError> {
        let failed = |source| DemoError::Out {
            path: path.into(),
            source,
        };
        create_dir_all(path, Invoker::find().as_ref()).map_err(failed)?;
        let directory = File::open(path).map_err(failed)?;
        let lock = match directory.try_lock() {
            Ok(()) => Some(directory.into()),
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Network file systems may refuse locks; the demo goes on without one.
            Err(TryLockError::Error(_)) => None,
        };
        Ok(Some(Self {
            path: path.into(),
            lock,
        }))
    }

    /// Path of a profile's export.
    pub(super) fn export(&self, profile: Profile) -> PathBuf {
        self.path.join(format!("{}.json", profile.name()))
    }

    /// Shares the lock with a command: when this process is killed, the command may still write an export for a moment.
    pub(super) fn share(&self, command: &mut Command) -> io::Result<()> {
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        let lock = lock.try_clone()?;
        let keep_open = move || {
            // SAFETY: F_SETFD takes a descriptor, which the closure keeps open, and a number.
            match unsafe { libc::fcntl(lock.as_raw_fd(), libc::F_SETFD, 0) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: between fork and exec there is one system call, which is async-signal-safe.
        unsafe { command.pre_exec(keep_open) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until the first name is free. Children of other tests in this process may have inherited the lock, and
    /// hold it until they execute a program or end.
    fn wait_until_free(parent: &Path) {
        while Directory::free(parent).unwrap().path != parent.join(DEFAULT) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn demos_at_once_have_directories_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        let first = Directory::free(parent).unwrap();
        let second = Directory::free(parent).unwrap();
        assert_eq!(first.path, parent.join("tracer-demo"));
        assert_eq!(second.path, parent.join("tracer-demo-2"));
        let asked = Directory::wait_for(&second.path, RETRY);
        assert!(matches!(asked, Err(DemoError::InUse { .. })), "{asked:?}");
        drop(first);
        wait_until_free(parent);
    }

    #[test]
    fn a_demo_waits_for_the_lock_of_one_that_is_ending() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("exports");
        let ending = Directory::take(Some(&path)).unwrap();
        let next = std::thread::scope(|scope| {
            let next = scope.spawn(|| Directory::take(Some(&path)));
            std::thread::sleep(2 * RETRY);
            drop(ending);
            next.join().unwrap()
        });
        assert_eq!(next.unwrap().path, path);
    }

    #[test]
    fn a_command_that_outlives_the_demo_keeps_its_directory() {
        let parent = tempfile::tempdir().unwrap();
        let first = Directory::free(parent.path()).unwrap();
        let mut command = Command::new("cat");
        let command = command.stdin(std::process::Stdio::piped());
        first
            .share(command.stdout(std::process::Stdio::null()))
            .unwrap();
        let mut child = command.spawn().unwrap();
        drop(first);
        // The closure given to the command holds the lock, too.
        *command = Command::new("true");
        let while_it_runs = Directory::free(parent.path()).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        wait_until_free(parent.path());
        assert_eq!(while_it_runs.path, parent.path().join("tracer-demo-2"));
    }
}
