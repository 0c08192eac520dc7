//! Directory for a browser's files. It is removed with this value or, if the crawler was killed, at the start of a
//! later browser.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = "tracer-browser-";
/// Lock file, locked while the directory is in use. The kernel unlocks it whatever way its owner ends.
const LOCK: &str = "crawler.lock";

#[derive(Debug)]
pub(super) struct Profile {
    directory: TempDir,
    _lock: File,
}

impl Profile {
    /// Makes a directory among the temporary files, and removes those that are no longer in use.
    pub(super) fn new() -> io::Result<Self> {
        let place = std::env::temp_dir();
        remove_unused(&place);
        Self::new_in(&place)
    }

    fn new_in(place: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        // The file gets its name after it is locked, so that no other crawler finds it unlocked.
        let unnamed = directory.path().join("crawler.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, directory.path().join(LOCK))?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes directories of this user after their owner has ended. Directories that cannot be removed stay.
fn remove_unused(place: &Path) {
    let own = nix::unistd::geteuid().as_raw();
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries {
        let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let is_own = entry
            .metadata()
            .is_ok_and(|data| data.is_dir() && data.uid() == own);
        if is_named && is_own && is_unlocked(&entry.path().join(LOCK)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_unlocked(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let used = Profile::new_in(place.path()).unwrap();
        let left = place.path().join("tracer-browser-left");
        let unknown = place.path().join("tracer-browser-unknown");
        let other = place.path().join("other");
        for directory in [&left, &unknown, &other] {
            fs::create_dir_all(directory.join("Default")).unwrap();
        }
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(other.join(LOCK), "").unwrap();
        remove_unused(place.path());
        assert!(!left.exists());
        assert!(used.path().exists() && unknown.exists() && other.exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
