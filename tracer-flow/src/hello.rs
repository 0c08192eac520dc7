//! Reports the first bytes of both directions to user space, where the hellos are assembled and read: SNI, ALPN,
//! versions, resumption. The end of the handshake is found without them.

use tracer_common::record::{HELLO_LARGE, HELLO_SMALL, direction};

use crate::{
    conn::Conn,
    difference::bytes_between,
    outside::{Piece, Reports},
    source::Source,
};

/// Egress bytes reported at most: enough for a ClientHello with post-quantum key shares and a session ticket.
const EGRESS_LIMIT: u32 = 2 * HELLO_LARGE as u32;
/// Ingress bytes reported at most: enough for a HelloRetryRequest and a ServerHello with a post-quantum key share.
const INGRESS_LIMIT: u32 = 1536;

/// Reports the part of the current segment that belongs to the hellos.
#[inline(always)]
pub(crate) fn capture<const EGRESS: bool, S: Source, R: Reports>(
    conn: &Conn,
    source: &S,
    cookie: u64,
    reports: &mut R,
) {
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
    let piece = Piece {
        now_ns: stream.now_ns,
        offset,
        position: stream.position,
        length: if there < fits { there } else { fits },
        direction: if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        },
        clear: 0,
    };
    reports.bytes(source, cookie, &piece);
}

/// Reports the beginning of the first request in clear, which has the Host field; false when there is no room.
#[inline(always)]
pub(crate) fn capture_clear<S: Source, R: Reports>(
    source: &S,
    length: u32,
    cookie: u64,
    now_ns: u64,
    reports: &mut R,
) -> bool {
    let most = HELLO_SMALL as u32;
    let piece = Piece {
        now_ns,
        offset: 0,
        position: 0,
        length: if length < most { length } else { most },
        direction: direction::EGRESS,
        clear: 1,
    };
    reports.bytes(source, cookie, &piece)
}
