//! Set of seen URLs: a table of 64-bit fingerprints, in memory or in a mapped file.
//!
//! A fingerprint is xxh3 of the normalised URL under a random key, so that no page can choose URLs that collide. Among
//! n URLs the probability of any two having the same fingerprint is n² / 2⁶⁵: 3 in 10,000 for 100 million.
//!
//! # After a crash
//!
//! The mapped file keeps everything that a killed process has written, because the pages belong to the kernel. When the
//! machine itself has gone down, some pages may be older than others, and it is unknown which. The table then reports
//! [`Found::Lost`], and the caller inserts all known URLs again (the frontier does).

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

/// Number of slots of a new table; each takes 8 bytes.
const FIRST_SLOTS: u64 = 64 << 10;

/// Reasons why the table cannot be used.
#[derive(Debug, Error)]
pub enum DedupError {
    /// The operating system refused a file operation.
    #[error(
        "cannot {doing} {path}: {source}; check the free space and the permissions of the state directory"
    )]
    Io {
        /// Operation that was tried.
        doing: &'static str,
        /// File of the operation.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is open in another process.
    #[error("{path} is in use by another process; one crawl can use a state directory at a time")]
    InUse {
        /// Path of the file.
        path: String,
    },
    /// The table would be larger than this machine can address.
    #[error("the table of seen URLs cannot grow beyond {slots} slots on this machine")]
    TooBig {
        /// Current number of slots.
        slots: u64,
    },
}

/// Key of the hash that makes fingerprints; the same key gives the same fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKey(pub u64);

impl HashKey {
    /// Makes a new key from the operating system's randomness.
    pub fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(Duration::from_nanos(1)))
    }

    /// Fingerprint of a normalised URL.
    pub fn fingerprint(self, url: &str) -> Fingerprint {
        Fingerprint::from_raw(xxh3_64_with_seed(url.as_bytes(), self.0))
    }
}

/// 64 bits that stand for a URL; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Makes a fingerprint. Zero marks an empty slot, so it is replaced by one.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw.max(1))
    }

    /// The 64 bits.
    pub fn raw(self) -> u64 {
        self.0
    }
}

/// State in which the file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There was no file.
    Nothing,
    /// The file was closed in order.
    Closed,
    /// The process that used the file was killed; everything it inserted is there.
    Killed,
    /// The file cannot be trusted. The table is empty, and seen URLs have to be inserted again.
    Lost {
        /// Reason why the file cannot be trusted.
        reason: &'static str,
    },
}

/// Set of seen URLs.
pub struct Dedup {
    hash_key: HashKey,
    store: Store,
}

enum Store {
    Memory(Table<Vec<u64>>),
    File(Box<FileTable>),
}

impl Dedup {
    /// Makes a table that ends with the process.
    pub fn in_memory(hash_key: HashKey) -> Self {
        Self {
            hash_key,
            store: Store::Memory(Table::new(FIRST_SLOTS)),
        }
    }

    /// Opens or makes the file. A file with another key counts as lost, because its fingerprints are of no use.
    pub fn open(
        path: &Path,
        hash_key: HashKey,
        files: &Files,
    ) -> Result<(Self, Found), DedupError> {
        let (table, found) = FileTable::open(path, hash_key, FIRST_SLOTS, files.clone())?;
        Ok((
            Self {
                hash_key,
                store: Store::File(Box::new(table)),
            },
            found,
        ))
    }

    /// Hash key of all fingerprints in the table.
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// True if the URL has been seen.
    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        match &self.store {
            Store::Memory(table) => table.contains(fingerprint),
            Store::File(file) => file.table().contains(fingerprint),
        }
    }

    /// Inserts a URL; true if it is new.
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

    /// Number of seen URLs.
    pub fn len(&self) -> u64 {
        match &self.store {
            Store::Memory(table) => table.len(),
            Store::File(file) => file.table().len(),
        }
    }

    /// True if no URL has been seen yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the table in memory or in the mapped file, in bytes.
    pub fn bytes(&self) -> u64 {
        match &self.store {
            Store::Memory(table) => table.bytes(),
            Store::File(file) => file.bytes(),
        }
    }

    /// Writes everything to the disk (`msync`), and then a header that confirms it.
    pub fn snapshot(&mut self) -> Result<(), DedupError> {
        match &mut self.store {
            Store::Memory(_) => Ok(()),
            Store::File(file) => file.snapshot(),
        }
    }

    /// Makes a snapshot with a header stating that nothing was inserted after it.
    pub fn close(self) -> Result<(), DedupError> {
        match self.store {
            Store::Memory(_) => Ok(()),
            Store::File(file) => file.close(),
        }
    }
}

#[cfg(test)]
mod tests;
