//! The C library's resolver in the client's namespace. It uses only the name servers of a file in /etc, so the client
//! gets a mount namespace in which that file is replaced.

use std::io;

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::write;

/// A directory that every system has; a file system in memory is mounted over it for a moment.
const COVERED: &str = "/tmp";
/// Content of nsswitch.conf: names come from files and DNS only, since other services would ask outside.
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
    /// Makes replacements; `resolv` is the content of resolv.conf.
    pub(super) fn new(resolv: &str) -> Self {
        Self {
            contents: [resolv.to_owned(), SWITCH.to_owned()],
        }
    }

    /// Moves the calling process to a new mount namespace with the replacements in place. It makes system calls only,
    /// because it runs between fork and exec. The replacements are on a file system in memory that vanishes with the
    /// namespace.
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
                // A system without nsswitch.conf gets its names from DNS anyway.
                Err(nix::Error::ENOENT) if target == "/etc/nsswitch.conf" => {}
                mounted => mounted?,
            }
        }
        umount2(COVERED, MntFlags::MNT_DETACH)?;
        Ok(())
    }
}
