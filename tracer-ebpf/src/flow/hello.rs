//! Copies the first bytes of both directions to user space, where the hellos are assembled and read: SNI, ALPN,
//! versions, resumption. The kernel programs find the end of the handshake without them.

use tracer_common::{
    counter::Counter,
    record::{HELLO_LARGE, HELLO_LEAST, HELLO_SMALL, HelloRecord, direction, kind},
};

use super::source::Source;
use crate::{
    bound::between_one_and, count::count, difference::bytes_between, emit, state::conn::Conn,
};

/// Egress bytes copied at most: enough for a ClientHello with post-quantum key shares and a session ticket.
const EGRESS_LIMIT: u32 = 2 * HELLO_LARGE as u32;
/// Ingress bytes copied at most: enough for a HelloRetryRequest and a ServerHello with a post-quantum key share.
const INGRESS_LIMIT: u32 = 1536;

/// Copies the part of the current segment that belongs to the hellos.
#[inline(always)]
pub fn capture<const EGRESS: bool, S: Source>(conn: &Conn, source: &S, cookie: u64) {
    let (stream, edge) = if EGRESS {
        (&conn.egress, &conn.sent)
    } else {
        (&conn.ingress, &conn.got)
    };
    let wanted = if EGRESS {
        conn.got.started == 1 && conn.got.next == conn.ingress.base
    } else {
        stream.application == 0
    };
    let offset = bytes_between(stream.base, edge.next);
    let limit = if EGRESS { EGRESS_LIMIT } else { INGRESS_LIMIT };
    if !wanted || offset >= limit || stream.position >= stream.length {
        return;
    }
    let fits = limit - offset;
    let there = stream.length - stream.position;
    let length = if there < fits { there } else { fits };
    let now_ns = stream.now_ns;
    let piece = |offset, position, length| Piece {
        now_ns,
        offset,
        position,
        length,
        clear: 0,
    };
    let whole = piece(offset, stream.position, length);
    if length as usize <= HELLO_SMALL {
        chunk::<EGRESS, S, HELLO_SMALL>(source, cookie, whole);
        return;
    }
    chunk::<EGRESS, S, HELLO_LARGE>(source, cookie, whole);
    if length as usize > HELLO_LARGE {
        let done = HELLO_LARGE as u32;
        let rest = piece(offset + done, stream.position + done, length - done);
        chunk::<EGRESS, S, HELLO_LARGE>(source, cookie, rest);
    }
}

/// Copies the beginning of the first request in clear, which has the Host field; false when there is no room.
#[inline(always)]
pub fn capture_clear<S: Source>(source: &S, length: u32, cookie: u64, now_ns: u64) -> bool {
    let most = HELLO_SMALL as u32;
    let piece = Piece {
        now_ns,
        offset: 0,
        position: 0,
        length: if length < most { length } else { most },
        clear: 1,
    };
    if piece.length as usize <= HELLO_LEAST {
        chunk::<true, S, HELLO_LEAST>(source, cookie, piece)
    } else {
        chunk::<true, S, HELLO_SMALL>(source, cookie, piece)
    }
}

/// Bytes of a stream for one record.
struct Piece {
    now_ns: u64,
    /// Position in the stream.
    offset: u32,
    /// Position in the segment.
    position: u32,
    length: u32,
    clear: u8,
}

#[inline(always)]
fn chunk<const EGRESS: bool, S: Source, const N: usize>(
    source: &S,
    cookie: u64,
    piece: Piece,
) -> bool {
    let fill = |record: &mut HelloRecord<N>| {
        let length = match N {
            HELLO_LEAST => between_one_and::<{ HELLO_LEAST as u64 }>(piece.length),
            HELLO_SMALL => between_one_and::<{ HELLO_SMALL as u64 }>(piece.length),
            _ => between_one_and::<{ HELLO_LARGE as u64 }>(piece.length),
        };
        record.offset = piece.offset;
        record.length = length as u16;
        record.direction = if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        };
        record.clear = piece.clear;
        if !source.load(piece.position, (&raw mut record.bytes).cast(), length) {
            record.length = 0;
        }
    };
    let written = emit::try_record_at(piece.now_ns, kind::HELLO, cookie, fill);
    if !written {
        count(Counter::RingFull);
    }
    written
}
