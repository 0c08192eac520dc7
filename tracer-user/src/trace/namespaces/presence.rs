//! Signs that a network namespace is used by another process than tracer: processes and threads in it, descriptors of
//! it, and mounts of it. The kernel removes a namespace without users, unless tracer's own netlink socket keeps it
//! alive.
//!
//! Sources: namespaces(7), proc_pid_ns(5), proc_pid_mountinfo(5). CAP_SYS_PTRACE is enough to read all of it, except
//! descriptors of processes of other users: only the owner may list their directory.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::source::kernel::diag::of_process;

/// Directory where `ip netns add` mounts namespaces.
const NAMES: &str = "/run/netns";

/// Sign that a namespace is in use, which can be checked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// A file that leads to the namespace.
    File(PathBuf),
    /// A mount somewhere in the mount namespace of a process.
    Mount {
        /// Process id.
        pid: u32,
    },
}

impl Sign {
    /// Tells whether the sign still shows that this namespace is in use.
    pub(super) fn shows(&self, netns: u32) -> bool {
        match self {
            Self::File(path) => number(path).is_ok_and(|found| found == Some(netns)),
            Self::Mount { pid } => mounted(*pid).is_ok_and(|found| found.contains(&netns)),
        }
    }
}

/// A file of each network namespace that has a process or a name.
pub(super) fn by_process_or_name() -> BTreeMap<u32, PathBuf> {
    let mut search = Search {
        wanted: None,
        found: HashMap::new(),
    };
    // Signs found before an error are valid.
    let _ = search.names().and_then(|()| search.processes());
    let file = |(netns, sign)| match sign {
        Sign::File(path) => Some((netns, path)),
        Sign::Mount { .. } => None,
    };
    search.found.into_iter().filter_map(file).collect()
}

/// Looks for a sign of each of these namespaces. A namespace without a sign in the answer has no user. An error means
/// that some places could not be read, so nothing is known.
pub(super) fn signs_of(wanted: &HashSet<u32>) -> io::Result<HashMap<u32, Sign>> {
    let mut search = Search {
        wanted: Some(wanted),
        found: HashMap::new(),
    };
    // Cheap and lasting signs first; the expensive search only for namespaces that have none of those.
    search.names()?;
    search.processes()?;
    for look in [Search::mounts, Search::threads, Search::descriptors] {
        if search.is_complete() {
            break;
        }
        look(&mut search)?;
    }
    Ok(search.found)
}

struct Search<'a> {
    /// Namespaces to look for; None: all.
    wanted: Option<&'a HashSet<u32>>,
    found: HashMap<u32, Sign>,
}

impl Search<'_> {
    fn is_complete(&self) -> bool {
        self.wanted
            .is_some_and(|wanted| wanted.len() == self.found.len())
    }

    fn note(&mut self, netns: u32, sign: impl FnOnce() -> Sign) {
        if self.wanted.is_none_or(|wanted| wanted.contains(&netns)) {
            self.found.entry(netns).or_insert_with(sign);
        }
    }

    fn note_file(&mut self, path: PathBuf) -> io::Result<()> {
        if let Some(netns) = number(&path)? {
            self.note(netns, || Sign::File(path));
        }
        Ok(())
    }

    fn names(&mut self) -> io::Result<()> {
        entries(NAMES)?
            .into_iter()
            .try_for_each(|path| self.note_file(path))
    }

    fn processes(&mut self) -> io::Result<()> {
        pids()?
            .into_iter()
            .try_for_each(|pid| self.note_file(of_process(pid)))
    }

    /// Looks at threads: they may be in another namespace than their process.
    fn threads(&mut self) -> io::Result<()> {
        for pid in pids()? {
            for thread in entries(format!("/proc/{pid}/task"))? {
                self.note_file(thread.join("ns/net"))?;
            }
        }
        Ok(())
    }

    /// Looks at mounts: they belong to a mount namespace, so one process of each is enough.
    fn mounts(&mut self) -> io::Result<()> {
        let mut asked = HashSet::new();
        for pid in pids()? {
            let Some(mounts) = known(fs::metadata(format!("/proc/{pid}/ns/mnt")))? else {
                continue;
            };
            if asked.insert(mounts.ino()) {
                for netns in mounted(pid)? {
                    self.note(netns, || Sign::Mount { pid });
                }
            }
        }
        Ok(())
    }

    fn descriptors(&mut self) -> io::Result<()> {
        let own = std::process::id();
        for pid in pids()?.into_iter().filter(|pid| *pid != own) {
            for descriptor in entries(format!("/proc/{pid}/fd"))? {
                let target = known(fs::read_link(&descriptor))?;
                let netns = target.as_deref().and_then(Path::to_str).and_then(named);
                if let Some(netns) = netns {
                    self.note(netns, || Sign::File(descriptor));
                }
            }
        }
        Ok(())
    }
}

/// Inode number of the network namespace that a file leads to; None for another file or none.
fn number(path: &Path) -> io::Result<Option<u32>> {
    let found = known(fs::metadata(path))?;
    let own = fs::metadata("/proc/self/ns/net")?;
    // All namespaces are on one file system; a name whose mount is gone is a plain file of another one.
    let is_namespace = |found: &fs::Metadata| found.dev() == own.dev();
    Ok(found
        .filter(is_namespace)
        .and_then(|found| u32::try_from(found.ino()).ok()))
}

/// Network namespaces that are mounted in the mount namespace of a process.
fn mounted(pid: u32) -> io::Result<Vec<u32>> {
    let text = known(fs::read(format!("/proc/{pid}/mountinfo")))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    // The fourth field of mountinfo is the root of the mount within its file system.
    let roots = text.lines().filter_map(|line| line.split(' ').nth(3));
    Ok(roots.filter_map(named).collect())
}

/// The number in the name of a network namespace, `net:[4026531840]`.
fn named(name: &str) -> Option<u32> {
    name.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

fn pids() -> io::Result<Vec<u32>> {
    // An unreadable /proc must be an error: an empty list would look like an answer.
    let entries = fs::read_dir("/proc")?;
    let pid = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| {
            entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
        })
    };
    entries.filter_map(|entry| pid(entry).transpose()).collect()
}

/// Paths of the entries of a directory; empty when the directory is gone or may not be read.
fn entries(directory: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in known(fs::read_dir(directory))?.into_iter().flatten() {
        if let Some(entry) = known(entry)? {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// Turns errors about files that are gone, or that tracer may not read, into None. A lack of descriptors or memory
/// stays an error: a sign may exist then.
fn known<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Err(error),
            _ => Ok(None),
        },
    }
}
