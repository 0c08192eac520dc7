//! Records of the first bytes of a connection.

use tracer_common::{
    counter::Counter,
    record::{HELLO_LARGE, HELLO_LEAST, HELLO_SMALL, HelloRecord, kind, note},
};
use tracer_flow::{bound::between_one_and, outside::Piece, source::Source};

use super::try_record_at;
use crate::count::count;

/// Writes the bytes of a piece, in the smallest record that they fit in, or in two of the largest; false when there is
/// no room.
#[inline(always)]
pub fn bytes<S: Source>(source: &S, cookie: u64, piece: &Piece) -> bool {
    let length = piece.length as usize;
    if piece.clear == 1 && length <= HELLO_LEAST {
        return chunk::<S, HELLO_LEAST>(source, cookie, piece);
    }
    if piece.clear == 1 || length <= HELLO_SMALL {
        return chunk::<S, HELLO_SMALL>(source, cookie, piece);
    }
    let is_written = chunk::<S, HELLO_LARGE>(source, cookie, piece);
    if length <= HELLO_LARGE {
        return is_written;
    }
    let done = HELLO_LARGE as u32;
    let rest = Piece {
        offset: piece.offset + done,
        position: piece.position + done,
        length: piece.length - done,
        ..*piece
    };
    chunk::<S, HELLO_LARGE>(source, cookie, &rest) && is_written
}

#[inline(always)]
fn chunk<S: Source, const N: usize>(source: &S, cookie: u64, piece: &Piece) -> bool {
    let fill = |record: &mut HelloRecord<N>| {
        let length = match N {
            HELLO_LEAST => between_one_and::<{ HELLO_LEAST as u64 }>(piece.length),
            HELLO_SMALL => between_one_and::<{ HELLO_SMALL as u64 }>(piece.length),
            _ => between_one_and::<{ HELLO_LARGE as u64 }>(piece.length),
        };
        record.offset = piece.offset;
        record.length = length as u16;
        record.direction = piece.direction;
        record.clear = piece.clear;
        // SAFETY: the record has room for N bytes, and `length` is N at most.
        let is_loaded =
            unsafe { source.load(piece.position, (&raw mut record.bytes).cast(), length) };
        if !is_loaded {
            record.length = 0;
        }
    };
    let written = try_record_at(piece.now_ns, kind::HELLO, cookie, fill);
    // The heads of responses are a sample: one for which there is no room takes no figure with it.
    if !written && !matches!(piece.clear, note::RESPONSE | note::HEAD_RESPONSE) {
        count(Counter::RingFull);
    }
    written
}
