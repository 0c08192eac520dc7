//! Files that tracer writes, often as root in a directory that another user can change.
//!
//! A file is written under a temporary name in the directory of its target, synced, and renamed over the target:
//! readers see the old or the new content, never a part. The directory is opened once, and all operations use that
//! descriptor, so that no part of the path can be exchanged in between. Links to a file are never followed: an existing
//! target must be a regular file. `-` for standard output is handled elsewhere.
//!
//! A new file belongs to the user who called sudo if that user could have made it: it is made with the user's own
//! rights. Otherwise it belongs to root. A file that replaces another keeps its owner, group and rights.

mod error;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};

pub(crate) use self::error::OutputError;
use crate::files::is_denied;
use crate::files::kept::Kept;
use crate::files::walk::{Walk, WalkError, is, split};
use crate::invoker::Invoker;

/// Names tried for the temporary file before giving up.
const MAX_NAMES: u32 = 100;
/// Rights of a new file once it is finished, before the umask.
const FILE_MODE: u32 = 0o644;

/// Flags for a file that must not exist yet.
const NEW_FILE: OFlag = OFlag::O_WRONLY
    .union(OFlag::O_CREAT)
    .union(OFlag::O_EXCL)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);
/// Rights of a new file at first: only its owner may read and write it.
const PRIVATE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// A place to write to, checked, with its directory held open. It can be written many times.
#[derive(Debug, Clone)]
pub(crate) struct OutputPath {
    path: PathBuf,
    dir: Arc<OwnedFd>,
    name: OsString,
    /// The user behind sudo, when that user may make files here.
    maker: Option<Invoker>,
}

impl OutputPath {
    /// Checks `path` by creating and removing a file beside it, with the rights of the user behind sudo first, then with
    /// those of this process.
    pub(crate) fn open(path: &Path, invoker: Option<&Invoker>) -> Result<Self, OutputError> {
        if let Some(user) = invoker {
            match Self::reach(path, Some(user)) {
                Err(error) if error.is_denied() => {}
                reached => return reached,
            }
        }
        Self::reach(path, None)
    }

    fn reach(path: &Path, maker: Option<&Invoker>) -> Result<Self, OutputError> {
        let (parent, name) =
            split(path).ok_or_else(|| OutputError::NoName { path: path.into() })?;
        let walk = || Walk::of(maker).open(parent);
        let dir = match maker {
            None => walk(),
            Some(user) => user.act(|| Ok(walk())).unwrap_or_else(|error| {
                let errno = error.raw_os_error().unwrap_or(libc::EACCES);
                Err(nix::Error::from_raw(errno).into())
            }),
        };
        let output = Self {
            path: path.into(),
            dir: Arc::new(dir.map_err(|error| unreachable_at(path, error))?),
            name: name.into(),
            maker: maker.cloned(),
        };
        output.check_target()?;
        let probe = output.create_temporary(maker);
        let (_, probe) = probe.map_err(|e| output.failed("create a file beside", e))?;
        output.remove(&probe, maker);
        Ok(output)
    }

    /// Starts new content; the old content stays until [`OutputFile::commit`].
    pub(crate) fn begin(&self) -> Result<OutputFile, OutputError> {
        let kept = self.look().map_err(|e| self.failed("look at", e))?;
        let theirs = |user: &&Invoker| kept.as_ref().is_none_or(|kept| kept.uid() == user.uid());
        let mut maker = self.maker.as_ref().filter(theirs);
        let mut made = self.create_temporary(maker);
        if maker.is_some() && made.as_ref().is_err_and(is_denied) {
            // The user could make files here when the place was checked; now root makes the file.
            maker = None;
            made = self.create_temporary(maker);
        }
        let (file, temporary) = made.map_err(|e| self.failed("create a file beside", e))?;
        Ok(OutputFile {
            maker: maker.cloned(),
            kept,
            output: self.clone(),
            writer: BufWriter::new(file),
            temporary: Some(temporary),
        })
    }

    /// Replaces the content.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<(), OutputError> {
        match self.try_replace(content) {
            // Another user's file may have been put there meanwhile: the target is checked again.
            Err(error) if error.is_denied() => self.try_replace(content),
            done => done,
        }
    }

    /// Makes the file, which must not exist yet, with rights for its owner only. If writing fails, the file is removed.
    pub(crate) fn create(&self, content: &[u8]) -> Result<(), OutputError> {
        let maker = self.maker.as_ref();
        let name = self.name.as_os_str();
        let create = || Ok(openat(&self.dir, name, NEW_FILE, PRIVATE)?);
        let made = act(maker, create).map_err(|e| self.failed("create", e))?;
        let mut file = File::from(made);
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.map_err(|e| {
            self.remove(&self.name, maker);
            self.failed("write", e)
        })
    }

    fn try_replace(&self, content: &[u8]) -> Result<(), OutputError> {
        let mut file = self.begin()?;
        file.write_all(content)
            .map_err(|e| self.failed("write", e))?;
        file.commit()
    }

    /// Properties of an existing file that its replacement gets.
    fn look(&self) -> io::Result<Option<Kept>> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let target = match openat(&self.dir, self.name.as_os_str(), flags, Mode::empty()) {
            Err(nix::Error::ENOENT) => return Ok(None),
            target => target?,
        };
        let stat = fstat(&target)?;
        // Another kind of file is refused later, before it is replaced.
        let file = is(&stat, SFlag::S_IFREG).then(|| Kept::of(&target, &stat));
        file.transpose()
    }

    /// A new file under an unused name, readable by its owner only.
    fn create_temporary(&self, maker: Option<&Invoker>) -> io::Result<(File, OsString)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        for _ in 0..MAX_NAMES {
            let name = format!(
                ".tracer-{}-{}.tmp",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            let create = || Ok(openat(&self.dir, name.as_str(), NEW_FILE, PRIVATE)?);
            match act(maker, create) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => return Ok((file?.into(), name.into())),
            }
        }
        Err(nix::Error::EEXIST.into())
    }

    /// Removes an unwanted file of ours. If that fails, nothing more can be done.
    fn remove(&self, name: &OsString, maker: Option<&Invoker>) {
        let name = name.as_os_str();
        let remove = || Ok(unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir)?);
        let _ = act(maker, remove);
    }

    /// Refuses a target that is not a regular file, or that may not be replaced.
    fn check_target(&self) -> Result<(), OutputError> {
        let target = match fstatat(
            &self.dir,
            self.name.as_os_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        ) {
            Err(nix::Error::ENOENT) => return Ok(()),
            target => target.map_err(|e| self.failed("look at", e.into()))?,
        };
        if let Some(kind) = not_a_file(&target) {
            return Err(OutputError::NotAFile {
                path: self.path.clone(),
                kind,
            });
        }
        let dir =
            fstat(&self.dir).map_err(|e| self.failed("look at the directory of", e.into()))?;
        let (me, owner) = (Uid::effective(), Uid::from_raw(target.st_uid));
        let sticky = Mode::from_bits_truncate(dir.st_mode).contains(Mode::S_ISVTX);
        if sticky && !me.is_root() && owner != me && Uid::from_raw(dir.st_uid) != me {
            return Err(OutputError::NotYours {
                path: self.path.clone(),
                owner,
            });
        }
        Ok(())
    }

    fn failed(&self, what: &'static str, source: io::Error) -> OutputError {
        OutputError::Failed {
            what,
            path: self.path.clone(),
            source,
        }
    }
}

/// New content that is being written. Dropped without [`OutputFile::commit`], it is removed, and the target keeps its
/// old content.
#[derive(Debug)]
pub(crate) struct OutputFile {
    output: OutputPath,
    /// User with whose rights the file was made, unless it was this process.
    maker: Option<Invoker>,
    /// Owner, group and rights of the file that is replaced.
    kept: Option<Kept>,
    writer: BufWriter<File>,
    /// Name of the temporary file; None once it has become the target.
    temporary: Option<OsString>,
}

impl OutputFile {
    /// Puts the content in place.
    pub(crate) fn commit(mut self) -> Result<(), OutputError> {
        let output = self.output.clone();
        self.writer.flush().map_err(|e| output.failed("write", e))?;
        self.settle().map_err(|e| output.failed("finish", e))?;
        output.check_target()?;
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        // A link put here since the check is replaced, not followed.
        let (from, to) = (temporary.as_os_str(), output.name.as_os_str());
        let rename = || Ok(renameat(&output.dir, from, &output.dir, to)?);
        act(self.maker.as_ref(), rename).map_err(|e| output.failed("replace", e))?;
        self.temporary = None;
        Ok(())
    }

    /// Puts the content written so far in place, and returns the file for more.
    pub(crate) fn commit_open(self) -> Result<File, OutputError> {
        let file = self.writer.get_ref().try_clone();
        let file = file.map_err(|e| self.output.failed("open", e))?;
        self.commit()?;
        Ok(file)
    }

    /// Sets owner and rights, and syncs everything to the disk.
    fn settle(&self) -> io::Result<()> {
        let file = self.writer.get_ref();
        match &self.kept {
            Some(kept) => kept.give(file)?,
            None => fchmod(file, Mode::from_bits_truncate(FILE_MODE & !umask()))?,
        }
        file.sync_all()
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            self.output.remove(temporary, self.maker.as_ref());
        }
    }
}

/// Does a file operation with the rights of `maker`, or with those of this process.
fn act<T>(maker: Option<&Invoker>, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    match maker {
        Some(user) => user.act(work),
        None => work(),
    }
}

fn unreachable_at(path: &Path, error: WalkError) -> OutputError {
    match error {
        WalkError::Failed(errno) => OutputError::Directory {
            path: path.into(),
            source: errno.into(),
        },
        WalkError::Foreign { link, owner } => OutputError::ForeignLink {
            path: path.into(),
            link,
            owner,
        },
    }
}

/// Kind of a file that may not be replaced; None for a regular file.
fn not_a_file(stat: &FileStat) -> Option<&'static str> {
    let kinds = [
        (
            SFlag::S_IFLNK,
            "a symbolic link (tracer does not follow links to files)",
        ),
        (SFlag::S_IFDIR, "a directory"),
        (SFlag::S_IFIFO, "a pipe"),
        (SFlag::S_IFSOCK, "a socket"),
        (SFlag::S_IFCHR, "a device"),
        (SFlag::S_IFBLK, "a device"),
    ];
    kinds
        .iter()
        .find(|(kind, _)| is(stat, *kind))
        .map(|(_, text)| *text)
}

/// Umask of this process, read from /proc: umask(2) can read it only by changing it, for all threads.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok())
        .unwrap_or(0o022)
}

#[cfg(test)]
mod tests;
