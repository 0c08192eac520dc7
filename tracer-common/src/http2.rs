//! Records about HTTP/2 (RFC 9113): TLS records as they pass on the wire, frames as probes and packets show them, and the
//! socket that belongs to an object of a TLS library. The rules of [`crate::record`] hold for them.
//!
//! The wire tells when, the frames tell which stream: user space joins the two by their positions in the plaintext.

use crate::record::Header;

/// TLS records in one [`RecordsRecord`] at most.
pub const RECORDS: usize = 16;
/// Frames in one [`FramesRecord`] at most.
pub const FRAMES: usize = 16;

/// Bits of [`Passed::flags`].
pub mod passed {
    /// The first byte of the TLS record is in this segment.
    pub const BEGINS: u8 = 1;
    /// The last byte of the TLS record is in this segment.
    pub const ENDS: u8 = 2;
}

/// TLS record, all of which or a part of which was in a segment.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Passed {
    /// Length of the TLS record without its header (RFC 8446 5.1).
    pub length: u16,
    /// Content type of the TLS record: 20 to 24.
    pub kind: u8,
    /// Bits of [`passed`].
    pub flags: u8,
}

/// Bits of [`RecordsRecord::flags`].
pub mod records {
    /// TLS records before these were not seen: bytes are missing, or the connection was open before tracing began.
    pub const GAP: u8 = 1;
    /// The acknowledgement number of the segment does not cover the last byte that the client has sent (ingress only).
    pub const UNACKNOWLEDGED: u8 = 2;
    /// No TLS records, but a segment that fills a gap, with its sequence number: what came behind it can be read only from
    /// now on (ingress only).
    pub const LATE: u8 = 4;
}

/// TLS records that began or ended in one segment of a connection that speaks HTTP/2, or may speak it. A segment may have
/// several of these, with the same time. A TLS record whose header is cut begins with the segment that completes it. Only the entries
/// that are set are written, and `header.size` is the length up to the last of them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct RecordsRecord {
    /// Header of kind HTTP2_RECORDS, with the cookie of the socket.
    pub header: Header,
    /// Time at which the segment passed, ns.
    pub at_ns: u64,
    /// Direction, one of `record::direction`.
    pub direction: u8,
    /// Number of entries that are set.
    pub count: u8,
    /// Bits of [`records`].
    pub flags: u8,
    /// Zero.
    pub pad: u8,
    /// Sequence number of the first byte of the first entry's TLS record, which is that of its header, also when the record
    /// began in an earlier segment. The other entries follow without a gap.
    pub sequence: u32,
    /// TLS records in the order of the stream.
    pub passed: [Passed; RECORDS],
}

/// Frame of HTTP/2, without its payload (RFC 9113 4.1).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Frame {
    /// Position of the last byte of the frame's header in the plaintext of its direction.
    pub position: u64,
    /// Stream identifier, without the reserved bit.
    pub stream: u32,
    /// Length of the payload in bytes.
    pub length: u32,
    /// RST_STREAM and GOAWAY: error code (RFC 9113 7). SETTINGS: the value of SETTINGS_MAX_CONCURRENT_STREAMS, or
    /// [`NO_VALUE`] without it. 0 for other types.
    pub value: u32,
    /// GOAWAY: last stream identifier. 0 for other types.
    pub last_stream: u32,
    /// Type of the frame.
    pub kind: u8,
    /// Flags of the frame.
    pub flags: u8,
    /// Zero.
    pub pad: [u8; 6],
}

/// In place of a value that a frame does not have.
pub const NO_VALUE: u32 = u32::MAX;

/// Bits of [`FramesRecord::flags`].
pub mod frames {
    /// The call carries the beginning of the direction: the client's preface (RFC 9113 3.4), or the first bytes that were read
    /// from the object of a connection whose preface was seen. Positions count from it.
    pub const BEGINS: u8 = 1;
    /// Frames before these were not seen, since the probe was placed when the connection was open already. Positions count
    /// from the first byte of this call.
    pub const MIDDLE: u8 = 2;
    /// The bytes could not be followed, so nothing that comes later on this object and direction is reported.
    pub const LOST: u8 = 4;
    /// The object was freed, or its connection has closed.
    pub const FREED: u8 = 8;
    /// This record is not the last one of its call.
    pub const MORE: u8 = 16;
    /// In clear, from the server: the socket has all bytes before the new ones of this segment.
    pub const WHOLE: u8 = 32;
}

/// Frames whose headers were completed by one call of a TLS library, or by one segment in clear; a frame with a value comes
/// with the call or segment that completes the value. A segment of the server that fills a gap is reported from its first
/// byte on, although the frames in bytes behind the gap were reported before. Only the entries that are
/// set are written, and `header.size` is the length up to the last of them. A call without a new frame is reported, too.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct FramesRecord {
    /// Header of kind HTTP2_FRAMES. In clear with the cookie of the socket, else with cookie 0.
    pub header: Header,
    /// Time of the call's return, or at which the segment passed, ns.
    pub at_ns: u64,
    /// Address of the TLS object in the process; 0 in clear.
    pub object: u64,
    /// Position in the plaintext of its direction at which the bytes of the call begin.
    pub position: u64,
    /// Number of bytes that the call has written or read.
    pub length: u32,
    /// Process id (tgid).
    pub tgid: u32,
    /// Thread id.
    pub tid: u32,
    /// Direction, one of `record::direction`.
    pub direction: u8,
    /// Number of entries that are set.
    pub count: u8,
    /// Bits of [`frames`].
    pub flags: u8,
    /// Zero.
    pub pad: u8,
    /// Frames in the order of the stream.
    pub frames: [Frame; FRAMES],
}

/// Record of a TLS object and the socket through which it writes. It comes before the [`RecordsRecord`] of the segment that
/// shows it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct BindRecord {
    /// Header of kind HTTP2_BIND, with the cookie of the socket.
    pub header: Header,
    /// Time of the segment, ns.
    pub at_ns: u64,
    /// Address of the TLS object in the process.
    pub object: u64,
    /// Position in the plaintext of the client at which the TLS record begins that begins in this segment.
    pub position: u64,
    /// Process id (tgid).
    pub tgid: u32,
    /// 1: the segment was sent while the library was writing. 2: it was the next one that the thread sent.
    pub how: u8,
    /// Zero.
    pub pad: [u8; 3],
}

const _: () = {
    assert!(size_of::<Passed>() == 4);
    assert!(size_of::<RecordsRecord>() == 24 + 16 + 4 * RECORDS);
    assert!(size_of::<Frame>() == 32);
    assert!(size_of::<FramesRecord>() == 24 + 40 + 32 * FRAMES);
    assert!(size_of::<BindRecord>() == 24 + 32);
};
