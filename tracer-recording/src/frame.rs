//! Frames: an entry, or a part of one, within a block.
//!
//! | bytes | |
//! | --- | --- |
//! | 1 | kind of the entry |
//! | 1 | bit 0: begins an entry; bit 1: ends it |
//! | 2 | zero |
//! | 4 | bytes of the content, little-endian |
//! | … | the content, then zeros up to a multiple of eight |

use crate::{block, words::Words};

/// Bytes of a head.
pub const HEAD_BYTES: usize = 8;
/// Content of one frame at most; a larger entry is cut into parts.
pub const MAX_CONTENT: usize = block::MAX_BYTES / 2;
/// Content of an entry at most.
pub const MAX_ENTRY: usize = 256 << 20;

const FIRST: u8 = 1;
const LAST: u8 = 2;

/// Bytes that a frame takes with so much content.
pub fn size(content: usize) -> usize {
    HEAD_BYTES + content.next_multiple_of(8)
}

/// Adds one part of an entry.
pub(crate) fn put(to: &mut Vec<u8>, kind: u8, content: &[u8], first: bool, last: bool) {
    let flags = if first { FIRST } else { 0 } | if last { LAST } else { 0 };
    to.extend_from_slice(&[kind, flags, 0, 0]);
    to.extend_from_slice(&(content.len() as u32).to_le_bytes());
    to.extend_from_slice(content);
    to.resize(to.len().next_multiple_of(8), 0);
}

/// A frame as found in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) content: &'a [u8],
    flags: u8,
}

impl<'a> Frame<'a> {
    /// The first one, and what follows it; None when there is none.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let content = bytes.get(HEAD_BYTES..)?.get(..length)?;
        let frame = Self {
            kind: head[0],
            content,
            flags: head[1],
        };
        Some((frame, size(length)))
    }

    /// It holds an entry by itself.
    pub(crate) fn is_whole(&self) -> bool {
        self.flags & (FIRST | LAST) == FIRST | LAST
    }
}

/// An entry of many parts while they come.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    kind: u8,
    parts: Words,
    begun: bool,
}

impl Assembly {
    /// Takes a part; the kind of the entry when it is whole now. A part whose beginning is missing is left
    /// out, and so is an entry that would be too large.
    pub(crate) fn take(&mut self, frame: Frame<'_>) -> Option<u8> {
        if frame.flags & FIRST != 0 {
            self.kind = frame.kind;
            self.parts.reset(0);
            self.begun = true;
        }
        if !self.begun
            || self.kind != frame.kind
            || self.parts.len() + frame.content.len() > MAX_ENTRY
        {
            self.begun = false;
            return None;
        }
        self.parts.extend(frame.content);
        let whole = frame.flags & LAST != 0;
        self.begun = !whole;
        whole.then_some(self.kind)
    }

    /// Content of the entry that is whole now.
    pub(crate) fn content(&self) -> &[u8] {
        self.parts.bytes()
    }
}
