//! Locks on files, for which a crawl waits a moment: a process that is about to start a program has copies of all open files
//! of its parent, so a lock may outlive its file by that long.

use std::fs::{File, TryLockError};
use std::time::Duration;

/// Tries, and the time between two of them.
const TRIES: usize = 25;
const BETWEEN: Duration = Duration::from_millis(20);

/// Locks a file; the error says that somebody else has it, or what else is wrong.
pub(crate) fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN),
            other => return other,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> File {
        File::options().append(true).open(path).unwrap()
    }

    #[test]
    fn a_lock_that_is_given_back_in_a_moment() {
        let kept = tempfile::NamedTempFile::new().unwrap();
        let first = open(kept.path());
        lock(&first).unwrap();
        assert!(matches!(
            lock(&open(kept.path())),
            Err(TryLockError::WouldBlock)
        ));
        let waiting = std::thread::spawn({
            let second = open(kept.path());
            move || lock(&second)
        });
        std::thread::sleep(2 * BETWEEN);
        drop(first);
        assert!(waiting.join().unwrap().is_ok());
    }
}
