//! Frames. Each holds an entry or a part of one within a block.
//!
//! | bytes | |
//! | --- | --- |
//! | 1 | kind of the entry |
//! | 1 | 1: last part of the entry, 0: more parts follow |
//! | 2 | number of the part, from 0, little-endian |
//! | 4 | bytes of the content, little-endian |
//! | … | the content, then zeros up to a multiple of eight |

use crate::{block, words::Words};

/// Size of a head in bytes.
pub const HEAD_BYTES: usize = 8;
/// Largest content of a frame in bytes; a larger entry is cut into parts.
pub const MAX_CONTENT: usize = block::MAX_BYTES / 2;
/// Largest content of an entry in bytes.
pub const MAX_ENTRY: usize = 256 << 20;

const LAST: u8 = 1;

/// Size of a frame with `content` bytes of content.
pub fn size(content: usize) -> usize {
    HEAD_BYTES + content.next_multiple_of(8)
}

/// Adds one part of an entry.
pub(crate) fn put(to: &mut Vec<u8>, kind: u8, part: u16, content: &[u8], last: bool) {
    to.extend_from_slice(&[kind, if last { LAST } else { 0 }]);
    to.extend_from_slice(&part.to_le_bytes());
    to.extend_from_slice(&(content.len() as u32).to_le_bytes());
    to.extend_from_slice(content);
    to.resize(to.len().next_multiple_of(8), 0);
}

/// Frame read from a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) content: &'a [u8],
    part: u16,
    last: bool,
}

impl<'a> Frame<'a> {
    /// Reads the first frame and the offset of the next one; None when there is none.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let content = bytes.get(HEAD_BYTES..)?.get(..length)?;
        let frame = Self {
            kind: head[0],
            content,
            part: u16::from_le_bytes([head[2], head[3]]),
            last: head[1] == LAST,
        };
        Some((frame, size(length)))
    }

    /// Tells whether this frame holds a whole entry.
    pub(crate) fn is_whole(&self) -> bool {
        self.part == 0 && self.last
    }
}

/// An entry of several parts that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    kind: u8,
    parts: Words,
    /// Number of the next part; 0 when no entry has begun.
    next: u16,
}

impl Assembly {
    /// Takes a part, and gives the kind of the entry when this part completes it. An entry is left out when a part
    /// of it is missing or when it would be too large.
    pub(crate) fn take(&mut self, frame: Frame<'_>) -> Option<u8> {
        if frame.part == 0 {
            self.kind = frame.kind;
            self.parts.reset(0);
        }
        let is_next = frame.part == self.next || frame.part == 0;
        let fits = self.parts.len() + frame.content.len() <= MAX_ENTRY;
        if !is_next || !fits || frame.kind != self.kind {
            self.next = 0;
            return None;
        }
        self.parts.extend(frame.content);
        self.next = if frame.last {
            0
        } else {
            frame.part.wrapping_add(1)
        };
        frame.last.then_some(self.kind)
    }

    /// Content of the entry that is complete.
    pub(crate) fn content(&self) -> &[u8] {
        self.parts.bytes()
    }
}
