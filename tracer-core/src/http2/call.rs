//! Calls of a TLS library that have written or read plaintext, and what one of them has shown.

use tracer_common::http2::{Frame, frames};

use super::record::Frames;
use crate::tls::Side;

/// Call of a TLS library, or a segment in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Side that sent the bytes.
    pub side: Side,
    /// Time of the return, or at which the segment passed, ns.
    pub at_ns: u64,
    /// Position of the first byte in the plaintext of its direction.
    pub position: u64,
    /// Number of bytes.
    pub length: u32,
    /// Bits of `http2::frames`.
    pub flags: u8,
    /// Frames whose headers the call has completed.
    pub frames: Vec<Frame>,
}

impl Call {
    /// Call that a record tells.
    pub fn of(record: &Frames<'_>) -> Self {
        Self {
            side: record.side(),
            at_ns: record.at_ns(),
            position: record.position(),
            length: record.length(),
            flags: record.flags(),
            frames: record.frames.to_vec(),
        }
    }

    /// Position behind the last byte.
    pub fn end(&self) -> u64 {
        self.position.saturating_add(self.length.into())
    }

    /// True if the bit of `http2::frames` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// True for the first bytes of a direction.
    pub fn begins(&self) -> bool {
        self.has(frames::BEGINS) && self.position == 0
    }

    /// Adds the frames of another record of the same call. Returns the call back when the record is of another one.
    pub fn join(&mut self, next: Self) -> Option<Self> {
        let same = self.has(frames::MORE)
            && (self.side, self.position, self.length) == (next.side, next.position, next.length);
        if !same {
            return Some(next);
        }
        self.frames.extend(next.frames);
        self.flags = (self.flags & !frames::MORE) | next.flags;
        None
    }
}
