//! Files of a crawl under sudo: they belong to the user behind sudo where that user may make them, else to root.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat, renameat},
    sys::stat::{Mode as Rights, SFlag, fstat, fstatat},
    unistd::{Uid, UnlinkatFlags, unlinkat},
};
use tracer_crawler::files::{FileSystem, Files, Mode};

use super::{
    create_dir_all, is_denied,
    walk::{Walk, foreign, is, split},
};
use crate::invoker::Invoker;

/// Rights of a file that root makes, before the umask, as with other programs.
const FILE_MODE: u32 = 0o666;

/// Opener of the files of a crawl, for the user behind sudo if there is one.
pub(crate) fn files_of(invoker: Option<Invoker>) -> Files {
    invoker.map_or_else(Files::default, |user| Files::new(Shared(user)))
}

/// Opener that tries everything with the user's rights first. What the user may not do is done with root's rights; then
/// it follows no link that the user made, and puts no file of the user where the user could not put it.
#[derive(Debug)]
struct Shared(Invoker);

impl Shared {
    fn try_both<T>(
        &self,
        theirs: impl FnOnce() -> io::Result<T>,
        ours: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match self.0.act(theirs) {
            Err(error) if is_denied(&error) => ours(),
            done => done,
        }
    }
}

impl FileSystem for Shared {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<File> {
        self.try_both(
            || mode.options().open(path),
            || Place::find(path)?.open(mode),
        )
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        create_dir_all(path, Some(&self.0))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.try_both(
            || fs::rename(from, to),
            || Place::find(from)?.rename(&Place::find(to)?),
        )
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.try_both(|| fs::remove_file(path), || Place::find(path)?.remove())
    }
}

/// A name in a directory that was reached with root's rights without following a link of another user.
struct Place<'a> {
    path: &'a Path,
    name: &'a std::ffi::OsStr,
    dir: OwnedFd,
}

impl<'a> Place<'a> {
    fn find(path: &'a Path) -> io::Result<Self> {
        let (parent, name) = split(path).ok_or(io::ErrorKind::InvalidInput)?;
        let dir = Walk::of(None).open(parent)?;
        Ok(Self { path, name, dir })
    }

    fn open(&self, mode: Mode) -> io::Result<File> {
        let flags = OFlag::O_CLOEXEC
            | match mode {
                Mode::Read => OFlag::O_RDONLY,
                Mode::Update => OFlag::O_RDWR,
                Mode::Keep | Mode::Empty => OFlag::O_RDWR | OFlag::O_CREAT,
                Mode::New => OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL,
            };
        let open = |flags| {
            let rights = Rights::from_bits_truncate(FILE_MODE);
            openat(&self.dir, self.name, flags, rights)
        };
        let file = match open(flags | OFlag::O_NOFOLLOW) {
            Err(Errno::ELOOP) => {
                self.check_link()?;
                open(flags)?
            }
            opened => opened?,
        };
        let file = File::from(file);
        self.check_names(&file)?;
        if mode == Mode::Empty && file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        Ok(file)
    }

    /// Checks that a link may be followed: root made it, in a directory where only root can, as with `/dev/stdout`.
    fn check_link(&self) -> io::Result<()> {
        let owner = self.owner()?;
        if owner.is_root() && self.is_roots_alone()? {
            return Ok(());
        }
        Err(io::Error::other(foreign(Path::new(self.name), owner)))
    }

    /// Checks that no other user can have given this name to the file: a user may make a hard link to a file that they
    /// cannot open.
    fn check_names(&self, file: &File) -> io::Result<()> {
        let stat = fstat(file)?;
        if !is(&stat, SFlag::S_IFREG) || stat.st_nlink <= 1 || self.is_roots_alone()? {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} is one of {} names of a file that its user may not open; choose another name",
            self.path.display(),
            stat.st_nlink
        )))
    }

    /// Renames a file, but only one of root's: a file of the user would land where the user may not put it.
    fn rename(&self, to: &Self) -> io::Result<()> {
        if !self.owner()?.is_root() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(renameat(&self.dir, self.name, &to.dir, to.name)?)
    }

    fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(&self.dir, self.name, UnlinkatFlags::NoRemoveDir)?)
    }

    fn owner(&self) -> io::Result<Uid> {
        let stat = fstatat(&self.dir, self.name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok(Uid::from_raw(stat.st_uid))
    }

    /// Tells whether only root can make and name files in the directory. An access control list that lets others do so
    /// shows in the group bits of the mode.
    fn is_roots_alone(&self) -> io::Result<bool> {
        let stat = fstat(&self.dir)?;
        let others = Rights::S_IWGRP | Rights::S_IWOTH;
        let shared = Rights::from_bits_truncate(stat.st_mode).intersects(others);
        Ok(stat.st_uid == 0 && !shared)
    }
}

#[cfg(test)]
mod tests;
