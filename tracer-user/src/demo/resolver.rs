//! The C library's resolver in the client's namespace: it knows no other name server than a file of /etc
//! says, so the client gets a view of the file system in which that file is another.

use std::io;

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::write;

/// A directory that every system has, covered for a moment.
const COVERED: &str = "/tmp";
/// Names come from files and DNS: other services would ask outside.
const SWITCH: &str = "hosts: files dns\n";
/// Files to be replaced, and the names of the replacements within [`COVERED`].
const FILES: [(&str, &str); 2] = [
    ("/etc/resolv.conf", "/tmp/resolv.conf"),
    ("/etc/nsswitch.conf", "/tmp/nsswitch.conf"),
];

/// Replacements for two files of /etc.
#[derive(Debug)]
pub(super) struct Resolver {
    contents: [String; 2],
}

impl Resolver {
    /// `resolv` is the content of resolv.conf.
    pub(super) fn new(resolv: &str) -> Self {
        Self {
            contents: [resolv.to_owned(), SWITCH.to_owned()],
        }
    }

    /// Puts the calling process into a mount namespace of its own with the replacements in place. System
    /// calls only: it runs between fork and exec. The replacements are on a file system in memory that
    /// goes with the namespace.
    pub(super) fn enter(&self) -> io::Result<()> {
        const NONE: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
        mount(
            Some("tmpfs"),
            COVERED,
            Some("tmpfs"),
            MsFlags::empty(),
            NONE,
        )?;
        for ((target, replacement), content) in FILES.into_iter().zip(&self.contents) {
            let mode = Mode::from_bits_truncate(0o644);
            let file = open(replacement, OFlag::O_CREAT | OFlag::O_WRONLY, mode)?;
            write(&file, content.as_bytes())?;
            match mount(Some(replacement), target, NONE, MsFlags::MS_BIND, NONE) {
                // A system without the file gets its names from DNS anyhow.
                Err(nix::Error::ENOENT) if target == "/etc/nsswitch.conf" => {}
                mounted => mounted?,
            }
        }
        umount2(COVERED, MntFlags::MNT_DETACH)?;
        Ok(())
    }
}
