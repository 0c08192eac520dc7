//! Names that are of one file.
//!
//! The kernel puts probes at the file below an overlay file system, which many containers share, and two probes there
//! would count every call twice. What a file below is called differs by kernel: sometimes it has the device of the overlay,
//! sometimes its own. The other way round, snapshots of btrfs have the same inode numbers and times and are different
//! files. So files are one if number, size and times agree, and also the device unless one of them is in an overlay.

use std::{collections::HashMap, fs::Metadata, os::unix::fs::MetadataExt};

/// Number, size and times of a file, about which all its names agree.
type Traits = (u64, u64, (i64, i64), (i64, i64));

/// Number of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id(u64);

/// A name that is known.
#[derive(Debug, Clone, Copy)]
struct Known {
    device: u64,
    in_overlay: bool,
    id: Id,
}

/// Files that have been looked at.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: HashMap<Traits, Vec<Known>>,
    next: u64,
}

impl Files {
    /// Number of the file, if it was added, on this device or by way of an overlay.
    pub(super) fn find(&self, file: &Metadata) -> Option<Id> {
        self.agreeing(file, false)
    }

    /// Adds a file. None if it is one that was added before.
    pub(super) fn add(&mut self, file: &Metadata, in_overlay: bool) -> Option<Id> {
        let before = self.agreeing(file, in_overlay);
        let id = before.unwrap_or_else(|| {
            self.next += 1;
            Id(self.next)
        });
        let device = file.dev();
        let known = self.known.entry(traits(file)).or_default();
        if !known.iter().any(|it| it.device == device) {
            known.push(Known {
                device,
                in_overlay,
                id,
            });
        }
        before.is_none().then_some(id)
    }

    /// Forgets a file: it is new when it is met again.
    pub(super) fn forget(&mut self, id: Id) {
        self.known.retain(|_, known| {
            known.retain(|it| it.id != id);
            !known.is_empty()
        });
    }

    fn agreeing(&self, file: &Metadata, in_overlay: bool) -> Option<Id> {
        let known = self.known.get(&traits(file))?;
        let same = |it: &&Known| it.device == file.dev() || it.in_overlay || in_overlay;
        known.iter().find(same).map(|it| it.id)
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
        assert_eq!(files.find(&first), None);
        let id = files.add(&first, false).unwrap();
        assert_eq!(files.find(&first), Some(id));
        assert_eq!(files.add(&first, false), None);
        // The same file by way of an overlay.
        assert_eq!(files.add(&first, true), None);
        std::fs::write(directory.path().join("b"), "b").unwrap();
        let second = std::fs::metadata(directory.path().join("b")).unwrap();
        assert_eq!(files.find(&second), None);
        assert_ne!(files.add(&second, true), Some(id));
        // A file with other content is another one.
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(files.find(&std::fs::metadata(&path).unwrap()), None);
        files.forget(id);
        assert!(files.add(&first, false).is_some_and(|it| it != id));
    }
}
