//! The header of a frame, and whether it is one that HTTP/2 allows (RFC 9113 4.1 and 6).

use tracer_common::http2::Frame;

use super::{flag, kind};
use crate::source::Source;

/// Bytes of the header of a frame.
pub const HEADER: u32 = 9;
/// Longest payload unless the other side allows more (RFC 9113 4.2).
const LONGEST: u32 = 1 << 14;
/// Bit before a stream identifier.
const RESERVED: u32 = 1 << 31;

/// Reads a header. The stream has the reserved bit, and nothing else is checked either.
#[inline(always)]
pub(super) fn parse(bytes: &[u8; 24]) -> Frame {
    Frame {
        position: 0,
        stream: u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]),
        length: u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]),
        value: 0,
        last_stream: 0,
        kind: bytes[3],
        flags: bytes[4],
        pad: [0; 6],
    }
}

/// True for a frame that its side may send. `continues`: stream whose header block is not complete, or 0. Frames of types
/// that RFC 9113 does not know may be there at any time (5.5), but are not taken for long ones.
#[inline(always)]
pub(super) fn is_allowed(frame: &Frame, server: bool, continues: u32) -> bool {
    let (stream, length) = (frame.stream, frame.length);
    if stream & RESERVED != 0
        || (continues != 0 && (frame.kind != kind::CONTINUATION || stream != continues))
    {
        return false;
    }
    match frame.kind {
        kind::DATA => server && stream != 0 || is_odd(stream),
        kind::HEADERS => server && stream != 0 || is_odd(stream),
        kind::PRIORITY => stream != 0 && length == 5,
        kind::RST_STREAM => stream != 0 && length == 4,
        kind::SETTINGS => {
            let is_ack = frame.flags & flag::ACK != 0;
            stream == 0 && length % 6 == 0 && length <= LONGEST && (length == 0 || !is_ack)
        }
        kind::PUSH_PROMISE => server && is_odd(stream) && length >= 4,
        kind::PING => stream == 0 && length == 8,
        kind::GOAWAY => stream == 0 && (8..=LONGEST).contains(&length),
        kind::WINDOW_UPDATE => length == 4,
        kind::CONTINUATION => continues != 0,
        _ => length <= LONGEST,
    }
}

#[inline(always)]
fn is_odd(stream: u32) -> bool {
    stream & 1 == 1
}

/// True if the bytes at `position` look like the header of a frame of a client, in a connection whose begin was not seen.
#[inline(always)]
pub fn begins_requests<S: Source>(source: &S, position: u32) -> bool {
    read(source, position).is_some_and(|frame| {
        is_known(&frame) && frame.kind != kind::CONTINUATION && is_allowed(&frame, false, 0)
    })
}

/// True if the bytes at `position` look like the header of a frame with which a response begins, in a connection whose begin
/// was not seen. Pieces of a server may begin anywhere, so no other frame is taken for one.
#[inline(always)]
pub fn begins_responses<S: Source>(source: &S, position: u32) -> bool {
    read(source, position).is_some_and(|frame| {
        is_known(&frame) && frame.kind == kind::HEADERS && is_odd(frame.stream)
    })
}

/// True if the bytes at `position` look like the header of the first frame of a server, which holds its settings.
#[inline(always)]
pub fn begins_settings<S: Source>(source: &S, position: u32) -> bool {
    read(source, position).is_some_and(|frame| {
        frame.kind == kind::SETTINGS && frame.flags == 0 && is_allowed(&frame, true, 0)
    })
}

#[inline(always)]
fn read<S: Source>(source: &S, position: u32) -> Option<Frame> {
    let mut bytes = [0u8; 24];
    // SAFETY: the array has room for a header.
    unsafe { source.load(position, bytes.as_mut_ptr(), HEADER) }.then(|| parse(&bytes))
}

/// True for a frame that is not longer than usual and has no flags that its type does not have.
#[inline(always)]
fn is_known(frame: &Frame) -> bool {
    let flags = match frame.kind {
        kind::DATA => 0x09,
        kind::HEADERS => 0x2d,
        kind::SETTINGS | kind::PING => flag::ACK,
        kind::CONTINUATION => flag::END_HEADERS,
        kind::PRIORITY | kind::RST_STREAM | kind::GOAWAY | kind::WINDOW_UPDATE => 0,
        _ => return false,
    };
    frame.flags & !flags == 0 && frame.stream & RESERVED == 0 && frame.length <= LONGEST
}
