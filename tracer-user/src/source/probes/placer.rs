//! Places probes in the files from which processes run code, in each file once, and removes those that nobody needs.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::{Path, PathBuf},
};

use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, fstatfs};
use tracer_probe::{Function, Mapped, Place, Unfit, examine_file, mapped};

use super::{
    changes::{Changes, Watched},
    command,
    file::{Files, Id},
    remark::Verdict,
};
use crate::source::kernel::uprobe::{Placed, Uprobes};

/// Files with probes at most.
const MOST: usize = 256;
/// Processes that are remembered as users of a file at most.
const USERS: usize = 64;

/// Probes of a file.
#[derive(Debug)]
struct Held {
    placed: Placed,
    watched: Watched,
    /// Processes that have been seen to run code from it.
    users: HashSet<u32>,
    /// True if the probes stay without users: the command may start a program at any time.
    stays: bool,
}

/// Places probes and holds them.
#[derive(Debug)]
pub(crate) struct Placer {
    uprobes: Uprobes,
    files: Files,
    held: HashMap<Id, Held>,
    changes: Changes,
    verdicts: Vec<Verdict>,
}

impl Placer {
    /// Makes a placer without probes.
    pub(crate) fn new(uprobes: Uprobes) -> io::Result<Self> {
        Ok(Self {
            uprobes,
            files: Files::default(),
            held: HashMap::new(),
            changes: Changes::new()?,
            verdicts: Vec::new(),
        })
    }

    /// Verdicts since the last call. Files in which nobody looks for TLS have none.
    pub(super) fn take_verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }

    /// Takes all probes.
    pub(super) fn take_placed(&mut self) -> Vec<Placed> {
        let held = self.held.drain();
        held.map(|(_, held)| held.placed).collect()
    }

    /// Looks at the files from which a process runs code now.
    pub(crate) fn process(&mut self, pid: u32) {
        for file in mapped_by(pid) {
            let id = self.mapped(pid, &file);
            if let Some(held) = id.and_then(|id| self.held.get_mut(&id))
                && held.users.len() < USERS
            {
                held.users.insert(pid);
            }
        }
    }

    /// Looks at the files that a command will run code from, before it starts.
    pub(crate) fn command(&mut self, words: &[OsString]) {
        for path in command::files(words) {
            let id = self.path(&path, &path.to_string_lossy());
            if let Some(held) = id.and_then(|id| self.held.get_mut(&id)) {
                held.stays = true;
            }
        }
    }

    /// Removes the probes of files that were written to.
    pub(super) fn remove_changed(&mut self) {
        for changed in self.changes.take() {
            let mut held = self.held.iter();
            let found = held.find(|(_, held)| held.watched == changed);
            if let Some(id) = found.map(|(id, _)| *id) {
                self.remove(id);
            }
        }
    }

    /// Removes the probes of files that no process runs code from any more, so that others find room and the files can go.
    pub(super) fn remove_unused(&mut self) {
        let users: HashSet<u32> = self
            .held
            .values()
            .flat_map(|it| &it.users)
            .copied()
            .collect();
        self.held.values_mut().for_each(|held| held.users.clear());
        users.into_iter().for_each(|pid| self.note_user(pid));
        if self.unused().next().is_some() {
            // Others than those that were seen to use them may do so.
            processes().into_iter().for_each(|pid| self.note_user(pid));
        }
        let unused: Vec<Id> = self.unused().collect();
        unused.into_iter().for_each(|id| self.remove(id));
    }

    /// Files with probes that no known process uses.
    fn unused(&self) -> impl Iterator<Item = Id> {
        let unused = |held: &Held| held.users.is_empty() && !held.stays;
        let held = self.held.iter().filter(move |(_, held)| unused(held));
        held.map(|(id, _)| *id)
    }

    /// Notes the process as user of files with probes.
    fn note_user(&mut self, pid: u32) {
        for file in mapped_by(pid) {
            let metadata = std::fs::metadata(mapping(pid, &file));
            let id = metadata.ok().and_then(|it| self.files.find(&it));
            if let Some(held) = id.and_then(|id| self.held.get_mut(&id)) {
                held.users.insert(pid);
            }
        }
    }

    fn remove(&mut self, id: Id) {
        if let Some(held) = self.held.remove(&id) {
            self.changes.forget(held.watched);
            held.placed.remove();
        }
        self.files.forget(id);
    }

    /// Looks at a file that a process has mapped: by the mapping, which also leads to files that were removed or replaced,
    /// else by its path. Returns its number.
    fn mapped(&mut self, pid: u32, file: &Mapped) -> Option<Id> {
        self.path(&mapping(pid, file), &file.path).or_else(|| {
            let path = format!("/proc/{pid}/root{}", file.path);
            self.path(Path::new(&path), &file.path)
        })
    }

    /// Looks at a file unless it is known. Returns its number; None if it cannot be read.
    fn path(&mut self, path: &Path, name: &str) -> Option<Id> {
        let metadata = std::fs::metadata(path).ok()?;
        if let Some(id) = self.files.find(&metadata) {
            return Some(id);
        }
        // Devices and pipes are no regular files, so opening cannot block.
        let file = metadata.is_file().then(|| File::open(path).ok())??;
        let system = fstatfs(&file).ok()?.filesystem_type();
        let metadata = file.metadata().ok()?;
        let in_overlay = system == OVERLAYFS_SUPER_MAGIC;
        if let Some(id) = self.files.add(&metadata, in_overlay) {
            self.examine(id, &file, name);
        }
        self.files.find(&metadata)
    }

    fn examine(&mut self, id: Id, file: &File, name: &str) {
        let probes = match examine_file(file) {
            Err(Unfit::Nothing | Unfit::NotElf | Unfit::Machine) => return,
            Err(unfit) => Err(unfit.to_string()),
            Ok(_) if self.held.len() >= MOST => Err(format!("{MOST} files have probes already")),
            Ok(found) if !is_complete(&found.places) => return,
            Ok(found) => match self.place(file, &found.places) {
                Err(error) => Err(format!("the kernel refused a probe: {error}")),
                Ok(held) => {
                    let count = held.placed.count();
                    self.held.insert(id, held);
                    Ok(count)
                }
            },
        };
        self.verdicts.push(Verdict {
            path: name.to_owned(),
            probes,
        });
    }

    fn place(&self, file: &File, places: &[Place]) -> io::Result<Held> {
        let watched = self
            .changes
            .watch(&format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let placed = self.uprobes.place(file, places);
        if placed.is_err() {
            self.changes.forget(watched);
        }
        Ok(Held {
            placed: placed?,
            watched,
            users: HashSet::new(),
            stays: false,
        })
    }
}

impl AsFd for Placer {
    /// Descriptor that can be read once a file with probes was written to.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }
}

/// Files from which a process runs code; none if it has ended.
fn mapped_by(pid: u32) -> Vec<Mapped> {
    let maps = std::fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    mapped(&String::from_utf8_lossy(&maps))
}

/// Link to the file of a mapping.
fn mapping(pid: u32, file: &Mapped) -> PathBuf {
    let (begin, end) = file.range;
    PathBuf::from(format!("/proc/{pid}/map_files/{begin:x}-{end:x}"))
}

/// All processes of the machine.
fn processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.collect()
}

/// True if both directions can be read. Some files have a function of the same name that does something else.
fn is_complete(places: &[Place]) -> bool {
    let has = |wanted: &[Function]| {
        let mut places = places.iter();
        places.any(|place| wanted.contains(&place.function))
    };
    let openssl = has(&[Function::SslWrite, Function::SslWriteEx])
        && has(&[Function::SslRead, Function::SslReadEx]);
    openssl || (has(&[Function::GoWrite]) && has(&[Function::GoRead]))
}
