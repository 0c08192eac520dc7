//! Reading of files, no further than a limit.

use std::{fs::File, ops::Range, os::unix::fs::FileExt};

use object::{ReadCache, ReadCacheOps, ReadRef};

use crate::{
    examine::{examine, links},
    places::{Links, Places, Unfit},
};

/// Bytes that are read of one file at most.
const MOST: u64 = 256 << 20;
/// Bytes that are read at once at most. Symbol tables of large executables take some tens of megabytes.
const MOST_AT_ONCE: u64 = 96 << 20;

/// A file that fails to be read beyond the limit.
struct Limited<'f> {
    file: &'f File,
    at: u64,
    left: u64,
}

impl<'f> Limited<'f> {
    fn new(file: &'f File) -> Self {
        Self {
            file,
            at: 0,
            left: MOST,
        }
    }

    fn take(&mut self, length: usize) -> Result<u64, ()> {
        let length = length as u64;
        self.left = self.left.checked_sub(length).ok_or(())?;
        let at = self.at;
        self.at = at.checked_add(length).ok_or(())?;
        Ok(at)
    }
}

impl ReadCacheOps for Limited<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        self.file.metadata().map(|it| it.len()).map_err(drop)
    }

    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.at = position;
        Ok(position)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        let at = self.take(buffer.len())?;
        self.file.read_at(buffer, at).map_err(drop)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ()> {
        let at = self.take(buffer.len())?;
        self.file.read_exact_at(buffer, at).map_err(drop)
    }
}

/// Parts of a file that are kept once they were read. The sizes in a hostile file may be anything, so they are checked
/// before room is made for what they announce.
#[derive(Clone, Copy)]
struct Parts<'c, 'f>(&'c ReadCache<Limited<'f>>);

impl<'c> ReadRef<'c> for Parts<'c, '_> {
    fn len(self) -> Result<u64, ()> {
        self.0.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'c [u8], ()> {
        match size {
            0..=MOST_AT_ONCE => self.0.read_bytes_at(offset, size),
            _ => Err(()),
        }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'c [u8], ()> {
        self.0.read_bytes_at_until(range, delimiter)
    }
}

/// Tells what can be probed in an open file.
pub fn examine_file(file: &File) -> Result<Places, Unfit> {
    examine(Parts(&ReadCache::new(Limited::new(file))))
}

/// Tells by which files an open executable is loaded.
pub fn links_of(file: &File) -> Result<Links, Unfit> {
    links(Parts(&ReadCache::new(Limited::new(file))))
}
