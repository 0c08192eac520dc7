//! Views of the records about HTTP/2, which end with their last entry.

use tracer_common::{
    http2::{FRAMES, Frame, FramesRecord, Passed, RECORDS, RecordsRecord},
    record::Header,
};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::tls::Side;

/// Fields of a [`RecordsRecord`] in front of its entries.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, KnownLayout)]
struct RecordsHead {
    header: Header,
    at_ns: u64,
    direction: u8,
    count: u8,
    flags: u8,
    pad: u8,
    sequence: u32,
}

/// Fields of a [`FramesRecord`] in front of its entries.
#[repr(C)]
#[derive(Debug, Clone, Copy, FromBytes, Immutable, KnownLayout)]
struct FramesHead {
    header: Header,
    at_ns: u64,
    object: u64,
    position: u64,
    length: u32,
    tgid: u32,
    tid: u32,
    direction: u8,
    count: u8,
    flags: u8,
    pad: u8,
}

const _: () = {
    assert!(size_of::<RecordsHead>() == std::mem::offset_of!(RecordsRecord, passed));
    assert!(size_of::<FramesHead>() == std::mem::offset_of!(FramesRecord, frames));
};

/// TLS records that began or ended in one segment.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    head: &'a RecordsHead,
    /// TLS records in the order of the stream.
    pub passed: &'a [Passed],
}

impl<'a> Records<'a> {
    /// Reads a [`RecordsRecord`] up to its last entry; entries beyond [`RECORDS`] are ignored. The error is the number of
    /// bytes needed.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, usize> {
        let (head, rest) =
            RecordsHead::ref_from_prefix(bytes).map_err(|_| size_of::<RecordsHead>())?;
        let count = usize::from(head.count).min(RECORDS);
        let (passed, _) = <[Passed]>::ref_from_prefix_with_elems(rest, count)
            .map_err(|_| size_of::<RecordsHead>() + count * size_of::<Passed>())?;
        Ok(Self { head, passed })
    }

    /// Cookie of the socket.
    pub fn cookie(&self) -> u64 {
        self.head.header.cookie
    }

    /// Time at which the segment passed, ns.
    pub fn at_ns(&self) -> u64 {
        self.head.at_ns
    }

    /// Side that sent the segment.
    pub fn side(&self) -> Side {
        side(self.head.direction)
    }

    /// Sequence number of the first byte of the first entry's record.
    pub fn sequence(&self) -> u32 {
        self.head.sequence
    }

    /// True if the bit of `http2::records` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.head.flags & flag != 0
    }
}

/// Frames that one call of a TLS library has shown, or one segment in clear.
#[derive(Debug, Clone, Copy)]
pub struct Frames<'a> {
    head: &'a FramesHead,
    /// Frames in the order of the stream.
    pub frames: &'a [Frame],
}

impl<'a> Frames<'a> {
    /// Reads a [`FramesRecord`] up to its last entry; entries beyond [`FRAMES`] are ignored. The error is the number of
    /// bytes needed.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, usize> {
        let (head, rest) =
            FramesHead::ref_from_prefix(bytes).map_err(|_| size_of::<FramesHead>())?;
        let count = usize::from(head.count).min(FRAMES);
        let (frames, _) = <[Frame]>::ref_from_prefix_with_elems(rest, count)
            .map_err(|_| size_of::<FramesHead>() + count * size_of::<Frame>())?;
        Ok(Self { head, frames })
    }

    /// Cookie of the socket in clear, else 0.
    pub fn cookie(&self) -> u64 {
        self.head.header.cookie
    }

    /// Process and TLS object of the call.
    pub fn object(&self) -> (u32, u64) {
        (self.head.tgid, self.head.object)
    }

    /// Time of the call's return, or at which the segment passed, ns.
    pub fn at_ns(&self) -> u64 {
        self.head.at_ns
    }

    /// Position in the plaintext of the direction at which the bytes begin.
    pub fn position(&self) -> u64 {
        self.head.position
    }

    /// Number of bytes.
    pub fn length(&self) -> u32 {
        self.head.length
    }

    /// Side that sent the bytes.
    pub fn side(&self) -> Side {
        side(self.head.direction)
    }

    /// Bits of `http2::frames`.
    pub fn flags(&self) -> u8 {
        self.head.flags
    }
}

fn side(direction: u8) -> Side {
    match direction {
        tracer_common::record::direction::EGRESS => Side::Client,
        _ => Side::Server,
    }
}
