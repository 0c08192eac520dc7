//! Which files are one file.
//!
//! The kernel puts probes at the file below an overlay file system, which many containers share, and two probes there
//! would count every call twice. What a file below is called differs by kernel: sometimes it has the device of the overlay,
//! sometimes its own. The other way round, snapshots of btrfs have the same inode numbers and times and are different
//! files. So files are one if number, size and times agree, and also the device unless one of them is in an overlay.

use std::{collections::HashMap, fs::Metadata, os::unix::fs::MetadataExt};

/// What two names of a file agree about.
type Traits = (u64, u64, (i64, i64), (i64, i64));

/// A name that is known.
#[derive(Debug, Clone, Copy)]
struct Known {
    device: u64,
    in_overlay: bool,
}

/// Files that have been looked at.
#[derive(Debug, Default)]
pub(super) struct Files(HashMap<Traits, Vec<Known>>);

impl Files {
    /// True if the file was added, on this device or by way of an overlay.
    pub(super) fn has(&self, file: &Metadata) -> bool {
        self.agrees(file, false)
    }

    /// Adds a file. False if it is one that was added before.
    pub(super) fn add(&mut self, file: &Metadata, in_overlay: bool) -> bool {
        let is_new = !self.agrees(file, in_overlay);
        let device = file.dev();
        let known = self.0.entry(traits(file)).or_default();
        if !known.iter().any(|it| it.device == device) {
            known.push(Known { device, in_overlay });
        }
        is_new
    }

    fn agrees(&self, file: &Metadata, in_overlay: bool) -> bool {
        let known = self.0.get(&traits(file));
        let same = |it: &Known| it.device == file.dev() || it.in_overlay || in_overlay;
        known.is_some_and(|known| known.iter().any(same))
    }
}

fn traits(file: &Metadata) -> Traits {
    let modified = (file.mtime(), file.mtime_nsec());
    let changed = (file.ctime(), file.ctime_nsec());
    (file.ino(), file.size(), modified, changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_once() {
        let mut files = Files::default();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "a").unwrap();
        let first = std::fs::metadata(&path).unwrap();
        assert!(!files.has(&first));
        assert!(files.add(&first, false));
        assert!(files.has(&first) && !files.add(&first, false));
        // The same file by way of an overlay.
        assert!(!files.add(&first, true));
        std::fs::write(directory.path().join("b"), "b").unwrap();
        let second = std::fs::metadata(directory.path().join("b")).unwrap();
        assert!(!files.has(&second) && files.add(&second, true));
    }
}
