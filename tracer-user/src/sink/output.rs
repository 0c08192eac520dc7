//! Files that tracer writes, often as root in a directory that someone else can change.
//!
//! A file is written under another name in the directory of its target, synced, handed to the user who
//! called sudo, and renamed over the target: readers see the old or the new content, never a part. The
//! directory is opened once and everything happens below that descriptor, so that no part of the path
//! can be exchanged in between. Links are never followed to a file: an existing target must be a regular
//! file. On the way to the directory a link is followed when root, tracer's user or the one behind sudo
//! made it. `-` for standard output is not known here.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};

/// Links followed on the way to a directory, as many as the kernel follows.
const MAX_LINKS: u32 = 40;
/// Names tried for the temporary file before giving up.
const MAX_NAMES: u32 = 100;
/// Rights of a finished file, less the umask.
const FILE_MODE: u32 = 0o644;

/// Why an output file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The path ends in a slash, a dot or nothing.
    #[error(
        "cannot write to {path:?}: it names no file; give a file name, or - for standard output"
    )]
    NoName {
        /// As given.
        path: PathBuf,
    },
    /// The directory is missing or closed.
    #[error(
        "cannot write {path}: its directory cannot be opened: {source}; create it or choose another"
    )]
    Directory {
        /// As given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else's link leads to the directory.
    #[error(
        "cannot write {path}: {link} on the way is a symbolic link made by user {owner}; give the path it leads to if that is meant"
    )]
    ForeignLink {
        /// As given.
        path: PathBuf,
        /// The link's name.
        link: PathBuf,
        /// Who made it.
        owner: Uid,
    },
    /// The target is something that must not be replaced.
    #[error(
        "cannot write {path}: it is {kind}, expected a regular file or nothing; remove it, choose another name, or use - for standard output"
    )]
    NotAFile {
        /// As given.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The target belongs to another user and the directory is sticky.
    #[error(
        "cannot write {path}: it belongs to user {owner} in a directory where only they may replace it; choose another name or run as root"
    )]
    NotYours {
        /// As given.
        path: PathBuf,
        /// Who owns it.
        owner: Uid,
    },
    /// Creating, writing, syncing or renaming failed.
    #[error("cannot {what} {path}: {source}")]
    Failed {
        /// The step that failed.
        what: &'static str,
        /// As given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
/// Whether `path` could be written now; tells before tracing starts what would fail at its end.
pub(crate) fn check_writable(path: &Path) -> Result<(), OutputError> {
    OutputPath::open(path, None).map(drop)
}

/// A place to write to, checked, with its directory held open. It can be written many times.
#[derive(Debug, Clone)]
pub(crate) struct OutputPath {
    path: PathBuf,
    dir: Arc<OwnedFd>,
    name: OsString,
    owner: Option<(Uid, Gid)>,
}

impl OutputPath {
    /// Checks `path` by creating and removing a file beside it. Finished files are given to `owner`
    /// (the user behind sudo).
    pub(crate) fn open(path: &Path, owner: Option<(Uid, Gid)>) -> Result<Self, OutputError> {
        let unnamed = || OutputError::NoName { path: path.into() };
        let ends_in_dot = path.as_os_str().as_encoded_bytes().ends_with(b"/.");
        let name = path
            .file_name()
            .filter(|_| !ends_in_dot)
            .ok_or_else(unnamed)?;
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(unnamed());
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        let dir = Walk { path, owner }.open(parent)?;
        let output = Self {
            path: path.into(),
            dir: Arc::new(dir),
            name: name.into(),
            owner,
        };
        output.check_target()?;
        drop(output.begin()?);
        Ok(output)
    }

    /// Starts a new content; the old one stays until [`OutputFile::commit`].
    pub(crate) fn begin(&self) -> Result<OutputFile, OutputError> {
        let (file, temporary) = self
            .create_temporary()
            .map_err(|e| self.failed("create a file beside", e))?;
        Ok(OutputFile {
            output: self.clone(),
            writer: BufWriter::new(file),
            temporary: Some(temporary),
        })
    }

    /// Replaces the content.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<(), OutputError> {
        let mut file = self.begin()?;
        file.write_all(content)
            .map_err(|e| self.failed("write", e))?;
        file.commit()
    }

    /// A new file under a name no one uses, readable by its owner only.
    fn create_temporary(&self) -> io::Result<(File, OsString)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        for _ in 0..MAX_NAMES {
            let name = format!(
                ".tracer-{}-{}.tmp",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            match openat(
                &self.dir,
                name.as_str(),
                flags,
                Mode::S_IRUSR | Mode::S_IWUSR,
            ) {
                Err(nix::Error::EEXIST) => {}
                file => return Ok((file?.into(), name.into())),
            }
        }
        Err(nix::Error::EEXIST.into())
    }

    /// Refuses targets that are there but are no regular file, or that may not be replaced.
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

/// New content that is being written. Dropped without [`OutputFile::commit`] it is removed and the target
/// keeps its old content.
#[derive(Debug)]
pub(crate) struct OutputFile {
    output: OutputPath,
    writer: BufWriter<File>,
    /// None once it has become the target.
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
        let renamed = renameat(
            &output.dir,
            temporary.as_os_str(),
            &output.dir,
            output.name.as_os_str(),
        );
        renamed.map_err(|e| output.failed("replace", e.into()))?;
        self.temporary = None;
        Ok(())
    }

    /// Puts what is there in place and gives the file, to be written on.
    pub(crate) fn commit_open(self) -> Result<File, OutputError> {
        let file = self.writer.get_ref().try_clone();
        let file = file.map_err(|e| self.output.failed("open", e))?;
        self.commit()?;
        Ok(file)
    }

    /// Rights, owner and content, all on the disk.
    fn settle(&self) -> io::Result<()> {
        let file = self.writer.get_ref();
        fchmod(file, Mode::from_bits_truncate(FILE_MODE & !umask()))?;
        if let Some((uid, gid)) = self.output.owner {
            fchown(file, Some(uid), Some(gid))?;
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
            // It is a hidden file of ours; nothing more can be done about one that will not go.
            let _ = unlinkat(
                &self.output.dir,
                temporary.as_os_str(),
                UnlinkatFlags::NoRemoveDir,
            );
        }
    }
}

/// The way to a directory, one component at a time, so that each link is seen before it is followed.
struct Walk<'a> {
    /// The whole path, for errors.
    path: &'a Path,
    owner: Option<(Uid, Gid)>,
}

impl Walk<'_> {
    fn open(&self, dir: &Path) -> Result<OwnedFd, OutputError> {
        let mut here = self.enter(None, OsStr::new("."))?;
        let mut pending = reversed(dir);
        let mut links = 0;
        while let Some(name) = pending.pop() {
            let next = self.enter(Some(&here), &name)?;
            let stat = fstat(&next).map_err(|e| self.failed(e))?;
            if !is(&stat, SFlag::S_IFLNK) {
                here = next;
                continue;
            }
            links += 1;
            self.check_link(&name, &stat, links)?;
            pending.extend(reversed(Path::new(
                &readlinkat(&next, "").map_err(|e| self.failed(e))?,
            )));
        }
        // Says ENOTDIR for a file, and EACCES where the directory may not be entered.
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(&here, ".", flags, Mode::empty()).map_err(|e| self.failed(e))
    }

    /// Opens one component without following it; an absolute one starts anew.
    fn enter(&self, at: Option<&OwnedFd>, name: &OsStr) -> Result<OwnedFd, OutputError> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = match at {
            Some(dir) => openat(dir, name, flags, Mode::empty()),
            None => openat(nix::fcntl::AT_FDCWD, name, flags, Mode::empty()),
        };
        opened.map_err(|e| self.failed(e))
    }

    fn check_link(&self, name: &OsStr, stat: &FileStat, links: u32) -> Result<(), OutputError> {
        let owner = Uid::from_raw(stat.st_uid);
        let trusted = owner.is_root()
            || owner == Uid::effective()
            || self.owner.is_some_and(|(uid, _)| uid == owner);
        match (trusted, links) {
            (false, _) => Err(OutputError::ForeignLink {
                path: self.path.into(),
                link: name.into(),
                owner,
            }),
            (_, ..=MAX_LINKS) => Ok(()),
            _ => Err(self.failed(nix::Error::ELOOP)),
        }
    }

    fn failed(&self, source: nix::Error) -> OutputError {
        OutputError::Directory {
            path: self.path.into(),
            source: source.into(),
        }
    }
}

/// Components of a path, last first. The root is one of them.
fn reversed(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter(|c| *c != Component::CurDir)
        .map(|c| c.as_os_str().into())
        .collect()
}

/// What a file that may not be replaced is, None for a regular one.
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

fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

/// This process's umask, from /proc: umask(2) can only be read by changing it, for all threads.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok())
        .unwrap_or(0o022)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    /// Names in a directory, sorted.
    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn content_appears_at_once_and_alone() {
        let dir = dir();
        let path = dir.path().join("out.json");
        let output = OutputPath::open(&path, None).unwrap();
        assert_eq!(names(dir.path()), [""; 0], "the check leaves nothing");
        output.replace(b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            FILE_MODE & !umask()
        );
        let mut file = output.begin().unwrap();
        file.write_all(b"two").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one", "not before commit");
        assert_eq!(names(dir.path()).len(), 2);
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["out.json"]);
    }

    #[test]
    fn what_is_not_committed_leaves_the_old() {
        let dir = dir();
        let path = dir.path().join("out.json");
        let output = OutputPath::open(&path, None).unwrap();
        output.replace(b"old").unwrap();
        output.begin().unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["out.json"]);
    }

    #[track_caller]
    fn check_refused(path: &Path, reason: &str) {
        let e = check_writable(path).unwrap_err().to_string();
        assert!(e.contains(reason) && !e.contains('\n'), "{e}");
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let dir = dir();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("secret"), "untouched").unwrap();
        symlink(at("secret"), at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        check_refused(&at("link"), "a symbolic link");
        check_refused(&at("dangling"), "a symbolic link");
        check_refused(&at("pipe"), "a pipe");
        check_refused(&at("socket"), "a socket");
        check_refused(Path::new("/dev/null"), "a device");
        check_refused(&dir.path().join("."), "names no file");
        check_refused(&dir.path().join("new/"), "names no file");
        check_refused(Path::new("/"), "names no file");
        check_refused(Path::new(""), "names no file");
        check_refused(&dir.path().join(".."), "names no file");
        check_refused(dir.path(), "a directory");
        check_refused(&at("missing/out.json"), "No such file");
        check_refused(&at("secret/out.json"), "Not a directory");
        check_refused(&at(&"x".repeat(300)), "too long");
        assert_eq!(fs::read_to_string(at("secret")).unwrap(), "untouched");
        check_writable(&at("secret")).unwrap();
    }

    #[test]
    fn a_link_put_in_place_while_writing_is_not_followed() {
        let dir = dir();
        let (path, secret) = (dir.path().join("out.json"), dir.path().join("secret"));
        fs::write(&secret, "untouched").unwrap();
        let output = OutputPath::open(&path, None).unwrap();
        symlink(&secret, &path).unwrap();
        assert!(matches!(
            output.replace(b"new"),
            Err(OutputError::NotAFile { .. })
        ));
        assert_eq!(fs::read_to_string(&secret).unwrap(), "untouched");
        assert_eq!(names(dir.path()), ["out.json", "secret"]);
    }

    #[test]
    fn the_directory_cannot_be_exchanged() {
        let dir = dir();
        let (here, elsewhere) = (dir.path().join("here"), dir.path().join("elsewhere"));
        fs::create_dir(&here).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        let output = OutputPath::open(&here.join("out.json"), None).unwrap();
        fs::rename(&here, dir.path().join("moved")).unwrap();
        symlink(&elsewhere, &here).unwrap();
        output.replace(b"x").unwrap();
        assert_eq!(names(&elsewhere), [""; 0]);
        assert_eq!(names(&dir.path().join("moved")), ["out.json"]);
    }

    #[test]
    fn own_links_lead_to_the_directory() {
        let dir = dir();
        let real = dir.path().join("a/real");
        fs::create_dir_all(&real).unwrap();
        symlink("a/real", dir.path().join("relative")).unwrap();
        symlink(&real, dir.path().join("absolute")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        for (way, name) in [
            ("relative", "1"),
            ("absolute/../real/.", "2"),
            ("a/./real", "3"),
        ] {
            OutputPath::open(&dir.path().join(way).join(name), None)
                .unwrap()
                .replace(b"x")
                .unwrap();
        }
        assert_eq!(names(&real), ["1", "2", "3"]);
        check_refused(&dir.path().join("loop/out.json"), "Too many levels");
    }

    #[test]
    fn the_current_directory_is_one() {
        // Names no directory at all, and one that cannot exist below it.
        check_writable(Path::new("output-check.json")).unwrap();
        check_refused(Path::new("no-such-directory/x"), "No such file");
    }

    #[test]
    fn files_are_handed_over_and_foreign_links_are_refused() {
        assert!(Uid::effective().is_root(), "needs root, to give files away");
        let dir = dir();
        let (nobody, group) = (Uid::from_raw(65534), Gid::from_raw(65534));
        let path = dir.path().join("out.json");
        OutputPath::open(&path, Some((nobody, group)))
            .unwrap()
            .replace(b"x")
            .unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (65534, 65534));
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), Some(65534)).unwrap();
        let through = link.join("two.json");
        assert!(matches!(
            check_writable(&through),
            Err(OutputError::ForeignLink { .. })
        ));
        OutputPath::open(&through, Some((nobody, group)))
            .unwrap()
            .replace(b"x")
            .unwrap();
        assert_eq!(
            fs::metadata(dir.path().join("two.json")).unwrap().uid(),
            65534
        );
    }
}
