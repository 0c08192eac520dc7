//! Reports the first bytes of both directions to user space, where the hellos are assembled and read: SNI, ALPN,
//! versions, resumption. The end of the handshake is found without them. In clear, the heads of the first request and of
//! some responses are reported.

use tracer_common::record::{HELLO_LARGE, HELLO_LEAST, HELLO_SMALL, direction, handshake, note};

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
/// Ingress bytes reported at most over TLS 1.3, where nothing but the hellos comes in clear.
const INGRESS_LIMIT_13: u32 = 8192;
/// Bytes reported at most of what a client sends to a proxy.
const TUNNEL_LIMIT: u32 = 1024;
/// Responses in clear whose beginnings are reported: the first ones of a connection, and every so many. A record costs
/// about a quarter of a turn, which these two spread over many.
const FIRST_RESPONSES: u32 = 4;
const EACH_RESPONSES: u32 = 64;

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
    let is_tunnel = conn.handshake == handshake::TUNNEL;
    let wanted = if is_tunnel {
        EGRESS
    } else if EGRESS {
        conn.got.started == 1 && conn.got.next == conn.ingress.base
    } else {
        stream.application == 0
    };
    let offset = bytes_between(stream.base, edge.next);
    let limit = if is_tunnel {
        TUNNEL_LIMIT
    } else if EGRESS {
        EGRESS_LIMIT
    } else if conn.finished_13 != 0 {
        INGRESS_LIMIT_13
    } else {
        INGRESS_LIMIT
    };
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
        clear: if is_tunnel { note::TUNNEL } else { 0 },
    };
    reports.bytes(source, cookie, &piece);
}

/// Reports the beginning of a later request to a forward proxy, with its number.
#[inline(always)]
pub(crate) fn capture_forwarded<S: Source, R: Reports>(
    source: &S,
    position: u32,
    length: u32,
    conn: &Conn,
    now_ns: u64,
    reports: &mut R,
) {
    let most = HELLO_LEAST as u32;
    let there = bytes_between(position, length);
    let piece = Piece {
        now_ns,
        offset: conn.request.number + 1,
        position,
        length: if there < most { there } else { most },
        direction: direction::EGRESS,
        clear: note::FORWARDED,
    };
    reports.bytes(source, conn.cookie, &piece);
}

/// Reports the beginning of the first request in clear, which has the Host field; false when there is no room.
#[inline(always)]
pub(crate) fn capture_clear<S: Source, R: Reports>(
    source: &S,
    position: u32,
    length: u32,
    cookie: u64,
    now_ns: u64,
    reports: &mut R,
) -> bool {
    let most = HELLO_SMALL as u32;
    let there = bytes_between(position, length);
    let piece = Piece {
        now_ns,
        offset: 0,
        position,
        length: if there < most { there } else { most },
        direction: direction::EGRESS,
        clear: 1,
    };
    reports.bytes(source, cookie, &piece)
}

/// Reports the beginning of a response in clear, with the number of its request. Only the first responses of a connection
/// and a few of the later ones are reported.
#[inline(always)]
pub(crate) fn capture_response<S: Source, R: Reports>(
    source: &S,
    position: u32,
    length: u32,
    conn: &Conn,
    now_ns: u64,
    reports: &mut R,
) {
    let number = conn.request.number;
    if number > FIRST_RESPONSES && !number.is_multiple_of(EACH_RESPONSES) {
        return;
    }
    let most = HELLO_SMALL as u32;
    let there = bytes_between(position, length);
    let piece = Piece {
        now_ns,
        offset: number,
        position,
        length: if there < most { there } else { most },
        direction: direction::INGRESS,
        clear: if conn.asks_head == 1 {
            note::HEAD_RESPONSE
        } else {
            note::RESPONSE
        },
    };
    reports.bytes(source, conn.cookie, &piece);
}
