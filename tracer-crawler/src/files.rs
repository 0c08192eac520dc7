//! The files of a crawl: how they are opened, named and deleted.
//!
//! By default the operating system is simply asked. A program that runs the crawl with more rights than the person who
//! called it can do it another way, so that the files belong to that person and are put only where that person may.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Mode in which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads the file, which has to be there.
    Read,
    /// Reads and writes the file, which has to be there.
    Update,
    /// Reads and writes the file; makes it when it is not there.
    Keep,
    /// Reads and writes the file, empty at first; makes it when it is not there.
    Empty,
    /// Reads and writes the file, which must not be there.
    New,
}

impl Mode {
    /// Options of the standard library for this mode.
    pub fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(self != Self::Read);
        match self {
            Self::Read | Self::Update => &mut options,
            Self::Keep => options.create(true),
            Self::Empty => options.create(true).truncate(true),
            Self::New => options.create_new(true),
        };
        options
    }
}

/// A way to open, name and delete files.
pub trait FileSystem: fmt::Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<File>;

    /// Makes a directory, and those above it that are missing.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name; what has that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
}

/// The operating system with the rights of this process.
#[derive(Debug)]
struct Direct;

impl FileSystem for Direct {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<File> {
        mode.options().open(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The way that a crawl uses; clones are the same way.
#[derive(Debug, Clone)]
pub struct Files(Arc<dyn FileSystem>);

impl Default for Files {
    fn default() -> Self {
        Self::new(Direct)
    }
}

impl Files {
    /// File access of the caller's own instead of the default.
    pub fn new(way: impl FileSystem + 'static) -> Self {
        Self(Arc::new(way))
    }

    /// Opens a file.
    pub fn open(&self, path: &Path, mode: Mode) -> io::Result<File> {
        self.0.open(path, mode)
    }

    /// Makes a directory, and those above it that are missing.
    pub fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    /// Gives a file another name; what has that name is replaced.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    /// Deletes a file.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }

    /// Writes a file; its old content goes.
    pub fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.open(path, Mode::Empty)?.write_all(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mode: Mode, without: Option<&str>, with: Option<&str>) {
        let dir = tempfile::tempdir().unwrap();
        let (files, path) = (Files::default(), dir.path().join("file"));
        for (before, after) in [(None, without), (Some("old"), with)] {
            let _ = fs::remove_file(&path);
            if let Some(text) = before {
                fs::write(&path, text).unwrap();
            }
            let opened = files.open(&path, mode);
            assert_eq!(opened.is_ok(), after.is_some(), "{mode:?} {before:?}");
            if let Some(text) = after {
                assert_eq!(fs::read_to_string(&path).unwrap(), text, "{mode:?}");
            }
        }
    }

    #[test]
    fn modes() {
        check(Mode::Read, None, Some("old"));
        check(Mode::Update, None, Some("old"));
        check(Mode::Keep, Some(""), Some("old"));
        check(Mode::Empty, Some(""), Some(""));
        check(Mode::New, Some(""), None);
    }
}
