//! Table of fingerprints in a mapped file.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use memmap2::{MmapMut, MmapOptions};
use nix::fcntl::{FallocateFlags, fallocate};

use super::header::{HEADER_BYTES, Header, this_boot};
use super::table::{Mapped, Table};
use super::{DedupError, Fingerprint, Found, HashKey};
use crate::files::{Files, Mode};

/// Open file. A lock ensures that only one process at a time writes it.
pub(super) struct FileTable {
    files: Files,
    path: PathBuf,
    /// File, kept open to keep its lock.
    _file: File,
    table: Table<Mapped>,
    hash_key: HashKey,
    generation: u64,
    boot: u64,
}

impl FileTable {
    pub(super) fn open(
        path: &Path,
        hash_key: HashKey,
        first_slots: u64,
        files: Files,
    ) -> Result<(Self, Found), DedupError> {
        let existing = match files.open(path, Mode::Update) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open", path)(error)),
        };
        let found = match existing {
            None => Found::Nothing,
            Some(file) => {
                lock(&file, path)?;
                match Self::load(path, file, hash_key, &files)? {
                    Ok(loaded) => return Ok(loaded),
                    Err(reason) => Found::Lost { reason },
                }
            }
        };
        let (file, table) = create(path, first_slots, &files)?;
        let mut made = Self {
            files,
            path: path.to_owned(),
            _file: file,
            table,
            hash_key,
            generation: 0,
            boot: this_boot(),
        };
        made.write_header(false);
        made.replace_file()?;
        Ok((made, found))
    }

    /// Loads an existing file, or returns the reason why it cannot be trusted.
    fn load(
        path: &Path,
        file: File,
        hash_key: HashKey,
        files: &Files,
    ) -> Result<Result<(Self, Found), &'static str>, DedupError> {
        let length = file.metadata().map_err(failed("read", path))?.len();
        if length < HEADER_BYTES as u64 {
            return Ok(Err("the file is shorter than its header"));
        }
        let map = map(&file, path)?;
        let Some(header) = Header::read(&map[..HEADER_BYTES]) else {
            return Ok(Err("both copies of the header are damaged"));
        };
        if Some(length) != file_bytes(header.slots) {
            return Ok(Err("the file does not have the length its header says"));
        }
        if header.seed != hash_key.0 {
            return Ok(Err("the fingerprints are of another crawl"));
        }
        let boot = this_boot();
        if !header.closed && header.boot != boot {
            return Ok(Err("the machine went down while the file was open"));
        }
        let Some(table) = Table::checked(
            Mapped {
                map,
                offset: HEADER_BYTES,
            },
            header.slots,
        ) else {
            return Ok(Err("parts of the table are damaged"));
        };
        let exact = table.len() == header.len && table.sum() == header.sum;
        if table.len() < header.len || (header.closed && !exact) {
            return Ok(Err("fingerprints are missing"));
        }
        // Writing to a hole in the file would end the process by SIGBUS when the disk is full.
        preallocate(&file, length, path)?;
        let mut loaded = Self {
            files: files.clone(),
            path: path.to_owned(),
            _file: file,
            table,
            hash_key,
            generation: header.generation,
            boot,
        };
        loaded.write_header(false);
        Ok(Ok((
            loaded,
            if header.closed {
                Found::Closed
            } else {
                Found::Killed
            },
        )))
    }

    pub(super) fn table(&self) -> &Table<Mapped> {
        &self.table
    }

    pub(super) fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.table.bytes()
    }

    pub(super) fn insert(&mut self, fingerprint: Fingerprint) -> Result<bool, DedupError> {
        loop {
            match self.table.insert(fingerprint) {
                Some(new) => return Ok(new),
                None => self.grow()?,
            }
        }
    }

    /// Copies the table into a new, larger file, which then takes the old one's name. Whenever the process is killed,
    /// one of the two is complete.
    fn grow(&mut self) -> Result<(), DedupError> {
        let (file, mut table) = create(&self.path, self.table.larger()?, &self.files)?;
        self.table.copy_to(&mut table);
        self.table = table;
        self.write_header(false);
        self.replace_file()?;
        self._file = file;
        Ok(())
    }

    fn replace_file(&self) -> Result<(), DedupError> {
        self.files
            .rename(&temporary(&self.path), &self.path)
            .map_err(failed("rename the new", &self.path))
    }

    fn write_header(&mut self, closed: bool) {
        self.generation += 1;
        let header = Header {
            generation: self.generation,
            slots: self.table.slots(),
            seed: self.hash_key.0,
            len: self.table.len(),
            sum: self.table.sum(),
            closed,
            boot: self.boot,
        };
        header.write(&mut self.table.storage_mut().map[..HEADER_BYTES]);
    }

    pub(super) fn snapshot(&mut self) -> Result<(), DedupError> {
        self.flush()?;
        self.write_header(false);
        self.flush_header()
    }

    pub(super) fn close(mut self) -> Result<(), DedupError> {
        self.flush()?;
        self.write_header(true);
        self.flush_header()
    }

    fn flush(&self) -> Result<(), DedupError> {
        self.table
            .storage()
            .map
            .flush()
            .map_err(failed("write", &self.path))
    }

    fn flush_header(&self) -> Result<(), DedupError> {
        self.table
            .storage()
            .map
            .flush_range(0, HEADER_BYTES)
            .map_err(failed("write", &self.path))
    }
}

fn file_bytes(slots: u64) -> Option<u64> {
    slots.checked_mul(8)?.checked_add(HEADER_BYTES as u64)
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Makes a file of zeros under its temporary name, with all its blocks reserved, locked and mapped.
fn create(path: &Path, slots: u64, files: &Files) -> Result<(File, Table<Mapped>), DedupError> {
    let temporary = temporary(path);
    let file = files
        .open(&temporary, Mode::Empty)
        .map_err(failed("create", &temporary))?;
    lock(&file, path)?;
    let bytes = file_bytes(slots).ok_or(DedupError::TooBig { slots })?;
    preallocate(&file, bytes, &temporary)?;
    let map = map(&file, &temporary)?;
    Ok((
        file,
        Table::empty(
            Mapped {
                map,
                offset: HEADER_BYTES,
            },
            slots,
        ),
    ))
}

/// Reserves blocks for the whole file, so that a write to the map cannot find the disk full.
fn preallocate(file: &File, bytes: u64, path: &Path) -> Result<(), DedupError> {
    let length = i64::try_from(bytes).map_err(|_| DedupError::TooBig { slots: bytes / 8 })?;
    match fallocate(file, FallocateFlags::empty(), 0, length) {
        // The file system has no fallocate, so only the size can be set.
        Err(nix::Error::EOPNOTSUPP) => file.set_len(bytes).map_err(failed("size", path)),
        other => other.map_err(|errno| failed("reserve space for", path)(errno.into())),
    }
}

fn map(file: &File, path: &Path) -> Result<MmapMut, DedupError> {
    // SAFETY: the lock keeps other crawls out; nothing here ever shortens a mapped file, and all bit patterns are valid slots.
    unsafe { MmapOptions::new().map_mut(file) }.map_err(failed("map", path))
}

fn lock(file: &File, path: &Path) -> Result<(), DedupError> {
    crate::lock::lock(file).map_err(|error| match error {
        TryLockError::WouldBlock => DedupError::InUse {
            path: path.display().to_string(),
        },
        TryLockError::Error(source) => failed("lock", path)(source),
    })
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> DedupError {
    move |source| DedupError::Io {
        doing,
        path: path.display().to_string(),
        source,
    }
}
