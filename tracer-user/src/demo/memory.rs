//! Files that are in no directory: they vanish with the processes that use them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file in memory that children open by a path.
#[derive(Debug)]
pub(super) struct MemoryFile {
    file: File,
}

impl MemoryFile {
    /// Makes an empty file.
    pub(super) fn new() -> io::Result<Self> {
        let descriptor = memfd_create(c"tracer-demo", MFdFlags::MFD_CLOEXEC)?;
        Ok(Self {
            file: descriptor.into(),
        })
    }

    /// Makes a file with this content.
    pub(super) fn with(content: &str) -> io::Result<Self> {
        let mut made = Self::new()?;
        made.file.write_all(content.as_bytes())?;
        Ok(made)
    }

    /// Path of the file, valid for this process and its children while this value lives.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// Content of the file.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let mut file = &self.file;
        file.rewind()?;
        file.read_to_end(&mut content)?;
        Ok(content)
    }

    /// File for a child's standard output and standard error.
    pub(super) fn for_child(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}
