//! Packing entries into blocks. Compression and writing are left to the caller, who may do them in another thread.

use crate::{
    block::{self, seal},
    entry::Entry,
    frame::{self, MAX_CONTENT, MAX_ENTRY},
    preamble,
};

/// Size at which a block is full, in bytes.
const FULL_BYTES: usize = 256 << 10;

/// Frames of a block before compression.
#[derive(Debug, Default)]
pub struct RawBlock {
    frames: Vec<u8>,
    /// Number of entries that end in this block.
    pub entries: u64,
}

impl RawBlock {
    /// Makes the bytes to be written for this block as number `number`.
    pub fn seal(&self, number: u32) -> Vec<u8> {
        seal(number, &self.frames)
    }

    /// Size of the frames in bytes.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Tells whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// Turns entries into blocks.
#[derive(Debug, Default)]
pub struct Encoder {
    block: RawBlock,
    content: Vec<u8>,
}

impl Encoder {
    /// Adds an entry and hands each full block to `full`. An entry larger than [`MAX_ENTRY`] is not added: the result is
    /// false.
    pub fn push(&mut self, entry: &Entry<'_>, full: &mut impl FnMut(RawBlock)) -> bool {
        let mut content = std::mem::take(&mut self.content);
        content.clear();
        let kind = entry.encode(&mut content);
        let fits = content.len() <= MAX_ENTRY;
        if fits {
            self.add(kind, &content, full);
        }
        // Frees the memory that one large entry needed.
        content.shrink_to(FULL_BYTES);
        self.content = content;
        fits
    }

    fn add(&mut self, kind: u8, content: &[u8], full: &mut impl FnMut(RawBlock)) {
        let (mut rest, mut part) = (content, 0);
        loop {
            let (now, after) = rest.split_at(rest.len().min(MAX_CONTENT));
            if self.block.len() + frame::size(now.len()) > block::MAX_BYTES {
                full(self.take());
            }
            let last = after.is_empty();
            frame::put(&mut self.block.frames, kind, part, now, last);
            self.block.entries += u64::from(last);
            if self.block.len() >= FULL_BYTES {
                full(self.take());
            }
            if last {
                return;
            }
            (rest, part) = (after, part + 1);
        }
    }

    /// Takes the current block, full or not.
    pub fn take(&mut self) -> RawBlock {
        let next = RawBlock {
            frames: Vec::with_capacity(FULL_BYTES + (FULL_BYTES >> 3)),
            entries: 0,
        };
        std::mem::replace(&mut self.block, next)
    }

    /// Tells whether the current block is empty.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }
}

/// Makes a whole recording in memory, for tests and small recordings.
pub fn whole<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut bytes = preamble::write().to_vec();
    let (mut encoder, mut number) = (Encoder::default(), 0);
    let mut write = |block: RawBlock| {
        bytes.extend(block.seal(number));
        number += 1;
    };
    for entry in entries {
        encoder.push(&entry, &mut write);
    }
    write(encoder.take());
    bytes
}
