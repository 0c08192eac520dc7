//! Walk to a directory, one component at a time, so that each link is checked before it is followed.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use nix::{
    fcntl::{AT_FDCWD, OFlag, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat},
    unistd::Uid,
};

use crate::invoker::Invoker;

/// Links followed on the way to a directory at most; the kernel has the same limit.
const MAX_LINKS: u32 = 40;

/// Reasons why a directory cannot be reached.
#[derive(Debug)]
pub(crate) enum WalkError {
    /// The system refused a step.
    Failed(nix::Error),
    /// An untrusted user made a link on the way.
    Foreign {
        /// The link's name.
        link: PathBuf,
        /// Owner of the link.
        owner: Uid,
    },
}

impl From<nix::Error> for WalkError {
    fn from(error: nix::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<WalkError> for io::Error {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Failed(errno) => errno.into(),
            WalkError::Foreign { link, owner } => Self::other(foreign(&link, owner)),
        }
    }
}

/// Text about a link that is not followed.
pub(crate) fn foreign(link: &Path, owner: Uid) -> String {
    format!(
        "{} on the way is a symbolic link made by user {owner}; give the path it leads to if that is meant",
        link.display()
    )
}

/// A walk: the users whose links are followed, and whether missing directories are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    trusted: [Uid; 2],
    make: bool,
}

impl Walk {
    /// With the rights of `user`, links of that user and of root are followed. With root's rights only root's are: a
    /// link of the user could lead to where the user may not go.
    pub(crate) fn of(user: Option<&Invoker>) -> Self {
        Self {
            trusted: [
                Uid::from_raw(0),
                user.map_or_else(Uid::effective, Invoker::uid),
            ],
            make: false,
        }
    }

    /// Makes missing directories on the way.
    pub(crate) fn making(self) -> Self {
        Self { make: true, ..self }
    }

    /// Walks to the directory and opens it.
    pub(crate) fn open(self, dir: &Path) -> Result<OwnedFd, WalkError> {
        let mut here = enter(None, OsStr::new("."))?;
        let mut pending = reversed(dir);
        let mut links = 0;
        while let Some(name) = pending.pop() {
            let next = self.enter(&here, &name)?;
            let stat = fstat(&next)?;
            if !is(&stat, SFlag::S_IFLNK) {
                here = next;
                continue;
            }
            links += 1;
            self.check_link(&name, &stat, links)?;
            pending.extend(reversed(Path::new(&readlinkat(&next, "")?)));
        }
        // Fails with ENOTDIR for a file, and with EACCES for a directory that may not be entered.
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(openat(&here, ".", flags, Mode::empty())?)
    }

    fn enter(self, here: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
        match enter(Some(here), name) {
            Err(nix::Error::ENOENT) if self.make => {
                match mkdirat(here, name, Mode::from_bits_truncate(0o777)) {
                    Err(nix::Error::EEXIST) | Ok(()) => enter(Some(here), name),
                    Err(errno) => Err(errno),
                }
            }
            entered => entered,
        }
    }

    fn check_link(self, name: &OsStr, stat: &FileStat, links: u32) -> Result<(), WalkError> {
        let owner = Uid::from_raw(stat.st_uid);
        match (self.trusted.contains(&owner), links) {
            (false, _) => Err(WalkError::Foreign {
                link: name.into(),
                owner,
            }),
            (_, ..=MAX_LINKS) => Ok(()),
            _ => Err(nix::Error::ELOOP.into()),
        }
    }
}

/// Opens one component without following a link; an absolute one starts from the root.
fn enter(at: Option<&OwnedFd>, name: &OsStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match at {
        Some(dir) => openat(dir, name, flags, Mode::empty()),
        None => openat(AT_FDCWD, name, flags, Mode::empty()),
    }
}

/// Components of a path, the last first, including the root.
fn reversed(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter(|c| *c != Component::CurDir)
        .map(|c| c.as_os_str().into())
        .collect()
}

/// Tells whether a file is of this kind.
pub(crate) fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

/// Directory and name of a file's path; `None` when it ends in a slash, a dot or nothing.
pub(crate) fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.ends_with(b"/") || bytes.ends_with(b"/.") {
        return None;
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    path.file_name().map(|name| (parent, name))
}
