//! Files with probes that are written to.
//!
//! The kernel remembers the instruction that a breakpoint replaces as it was when the probe was placed. If a file is
//! overwritten in place and then run, processes would run the old instruction in the middle of new code. So the probes have
//! to go at once. (A file that is in use as an executable cannot be written to; linkers and package managers make new files.)

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// The kernel's watch over files.
#[derive(Debug)]
pub(super) struct Changes(Inotify);

/// Watch over one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watched(WatchDescriptor);

impl Changes {
    pub(super) fn new() -> io::Result<Self> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Ok(Self(Inotify::init(flags)?))
    }

    /// Watches a file from now on.
    pub(super) fn watch(&self, path: &str) -> io::Result<Watched> {
        let watched = self.0.add_watch(path, AddWatchFlags::IN_MODIFY)?;
        Ok(Watched(watched))
    }

    /// Ends a watch.
    pub(super) fn forget(&self, file: Watched) {
        // The file may be gone, and its watch with it.
        let _ = self.0.rm_watch(file.0);
    }

    /// Files that were written to since the last call.
    pub(super) fn take(&self) -> Vec<Watched> {
        // An error means that there is nothing to read.
        let events = self.0.read_events().unwrap_or_default().into_iter();
        events.map(|event| Watched(event.wd)).collect()
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
