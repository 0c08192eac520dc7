//! Which URLs have been seen: a table of 64-bit fingerprints, in memory or in a mapped file.
//!
//! A fingerprint is xxh3 of the normalised URL under a random seed, so that no page can choose URLs that fall into one place.
//! Two different URLs of n have the same one with a probability of n² / 2⁶⁵: 3 in 10,000 for 100 million.
//!
//! # After a crash
//!
//! What a killed process has written to the mapped file is there, because the pages belong to the kernel. When the machine
//! itself went down, some of the pages may be older than others, and nobody knows which: the table then says
//! [`Found::Lost`], and the caller inserts again what it knows (the frontier does).

mod file;
mod header;
mod table;

use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::files::Files;
use file::FileTable;
use table::Table;

/// Slots of a new table; each takes 8 bytes.
const FIRST_SLOTS: u64 = 64 << 10;

/// Why the table cannot be used.
#[derive(Debug, Error)]
pub enum DedupError {
    /// The operating system refused.
    #[error(
        "cannot {doing} {path}: {source}; check the free space and the permissions of the state directory"
    )]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process; one crawl can use a state directory at a time")]
    InUse {
        /// The file.
        path: String,
    },
    /// More than this machine can address.
    #[error("the table of seen URLs cannot grow beyond {slots} slots on this machine")]
    TooBig {
        /// Slots now.
        slots: u64,
    },
}

/// Makes fingerprints; the same seed gives the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A new one from the operating system.
    pub fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(Duration::from_nanos(1)))
    }

    /// The fingerprint of a normalised URL.
    pub fn fingerprint(self, url: &str) -> Fingerprint {
        Fingerprint::from_raw(xxh3_64_with_seed(url.as_bytes(), self.0))
    }
}

/// 64 bits that stand for a URL; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Zero marks an empty slot, so it becomes one.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw.max(1))
    }

    /// The bits.
    pub fn raw(self) -> u64 {
        self.0
    }
}

/// What was in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There was no file.
    Nothing,
    /// It had been closed in order.
    Closed,
    /// The process that had it was killed; all it inserted is there.
    Killed,
    /// It cannot be trusted; the table is empty, and what has been seen is to be inserted again.
    Lost {
        /// Why.
        reason: &'static str,
    },
}

/// The table.
pub struct Dedup {
    seed: Seed,
    store: Store,
}

enum Store {
    Memory(Table<Vec<u64>>),
    File(Box<FileTable>),
}

impl Dedup {
    /// A table that ends with the process.
    pub fn in_memory(seed: Seed) -> Self {
        Self {
            seed,
            store: Store::Memory(Table::new(FIRST_SLOTS)),
        }
    }

    /// Opens or makes the file. Fingerprints of another seed are of no use: such a file counts as lost.
    pub fn open(path: &Path, seed: Seed, files: &Files) -> Result<(Self, Found), DedupError> {
        let (table, found) = FileTable::open(path, seed, FIRST_SLOTS, files.clone())?;
        Ok((
            Self {
                seed,
                store: Store::File(Box::new(table)),
            },
            found,
        ))
    }

    /// The seed of all fingerprints in it.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Whether the URL has been seen.
    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        match &self.store {
            Store::Memory(table) => table.contains(fingerprint),
            Store::File(file) => file.table().contains(fingerprint),
        }
    }

    /// Remembers a URL. True if it is new.
    pub fn insert(&mut self, fingerprint: Fingerprint) -> Result<bool, DedupError> {
        match &mut self.store {
            Store::Memory(table) => loop {
                match table.insert(fingerprint) {
                    Some(new) => return Ok(new),
                    None => *table = table.grown(table.larger()?),
                }
            },
            Store::File(file) => file.insert(fingerprint),
        }
    }

    /// URLs seen.
    pub fn len(&self) -> u64 {
        match &self.store {
            Store::Memory(table) => table.len(),
            Store::File(file) => file.table().len(),
        }
    }

    /// Nothing seen yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory or mapped file it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        match &self.store {
            Store::Memory(table) => table.bytes(),
            Store::File(file) => file.bytes(),
        }
    }

    /// Writes everything to the disk (`msync`) and then a header that vouches for it.
    pub fn snapshot(&mut self) -> Result<(), DedupError> {
        match &mut self.store {
            Store::Memory(_) => Ok(()),
            Store::File(file) => file.snapshot(),
        }
    }

    /// A snapshot whose header says that nothing came after it.
    pub fn close(self) -> Result<(), DedupError> {
        match self.store {
            Store::Memory(_) => Ok(()),
            Store::File(file) => file.close(),
        }
    }
}

#[cfg(test)]
mod tests;
