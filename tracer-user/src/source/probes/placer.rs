//! Places probes in the files from which processes run code, in each file once.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, fstatfs};
use tracer_probe::{Function, Mapped, Unfit, examine_file, mapped};

use super::{command, file::Files, remark::Verdict};
use crate::source::kernel::uprobe::{Placed, Uprobes};

/// Files with probes at most.
const MOST: usize = 256;

/// Places probes and holds them.
#[derive(Debug)]
pub(crate) struct Placer {
    uprobes: Uprobes,
    files: Files,
    placed: Vec<Placed>,
    verdicts: Vec<Verdict>,
}

impl Placer {
    /// Makes a placer without probes.
    pub(crate) fn new(uprobes: Uprobes) -> Self {
        Self {
            uprobes,
            files: Files::default(),
            placed: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    /// Verdicts since the last call. Files in which nobody looks for TLS have none.
    pub(super) fn take_verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }

    /// Looks at the files from which a process runs code now.
    pub(crate) fn process(&mut self, pid: u32) {
        // A process that has ended has no text there.
        let maps = std::fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
        for file in mapped(&String::from_utf8_lossy(&maps)) {
            self.mapped(pid, &file);
        }
    }

    /// Looks at the files that a command will run code from, before it starts.
    pub(crate) fn command(&mut self, words: &[OsString]) {
        for path in command::files(words) {
            self.path(&path, &path.to_string_lossy());
        }
    }

    /// Looks at a file that a process has mapped: by the mapping, which also leads to files that were removed or replaced,
    /// else by its path.
    fn mapped(&mut self, pid: u32, file: &Mapped) {
        let (begin, end) = file.range;
        let mapping = PathBuf::from(format!("/proc/{pid}/map_files/{begin:x}-{end:x}"));
        if !self.path(&mapping, &file.path) {
            let path = format!("/proc/{pid}/root{}", file.path);
            self.path(Path::new(&path), &file.path);
        }
    }

    /// Looks at a file unless it is known; false if it cannot be read.
    fn path(&mut self, path: &Path, name: &str) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else {
            return false;
        };
        if self.files.has(&metadata) || !metadata.is_file() {
            return true;
        }
        // Devices and pipes are no regular files, so opening cannot block.
        let Ok(file) = File::open(path) else {
            return false;
        };
        if self.add(&file).unwrap_or(false) {
            self.place(&file, name);
        }
        true
    }

    /// Notes the file; true if it is new.
    fn add(&mut self, file: &File) -> io::Result<bool> {
        let metadata = file.metadata()?;
        let system = fstatfs(file)?.filesystem_type();
        Ok(self.files.add(&metadata, system == OVERLAYFS_SUPER_MAGIC))
    }

    fn place(&mut self, file: &File, name: &str) {
        let probes = match examine_file(file) {
            Err(Unfit::Nothing | Unfit::NotElf | Unfit::Machine) => return,
            Err(unfit) => Err(unfit.to_string()),
            Ok(_) if self.placed.len() >= MOST => Err(format!("{MOST} files have probes already")),
            Ok(found) if !is_complete(&found.places) => return,
            Ok(found) => match self.uprobes.place(file, &found.places) {
                Err(error) => Err(format!("the kernel refused a probe: {error}")),
                Ok(placed) => {
                    let count = placed.count();
                    self.placed.push(placed);
                    Ok(count)
                }
            },
        };
        self.verdicts.push(Verdict {
            path: name.to_owned(),
            probes,
        });
    }
}

/// True if both directions can be read. Some files have a function of the same name that does something else.
fn is_complete(places: &[tracer_probe::Place]) -> bool {
    let has = |wanted: &[Function]| {
        let mut places = places.iter();
        places.any(|place| wanted.contains(&place.function))
    };
    let openssl = has(&[Function::SslWrite, Function::SslWriteEx])
        && has(&[Function::SslRead, Function::SslReadEx]);
    openssl || (has(&[Function::GoWrite]) && has(&[Function::GoRead]))
}
