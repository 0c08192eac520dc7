//! Copies the leading bytes of both directions to user space, where the hellos are put together and
//! read: SNI, ALPN, versions, resumption. The kernel needs none of that to find the handshake's end.

use tracer_common::record::{HELLO_LARGE, HELLO_SMALL, HelloRecord, direction, kind};

use crate::{bound::between_one_and, conn::Conn, emit, tls::Source};

/// Egress bytes copied: a ClientHello with post-quantum key shares and a session ticket.
const EGRESS_LIMIT: u32 = 2 * HELLO_LARGE as u32;
/// Ingress bytes copied: a HelloRetryRequest and a ServerHello with a post-quantum key share.
const INGRESS_LIMIT: u32 = 1536;

/// Copies what of the segment at hand belongs to the hellos.
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
    let offset = edge.next.wrapping_sub(stream.base);
    let limit = if EGRESS { EGRESS_LIMIT } else { INGRESS_LIMIT };
    if !wanted || offset >= limit || stream.position >= stream.length {
        return;
    }
    let fits = limit - offset;
    let there = stream.length - stream.position;
    let length = if there < fits { there } else { fits };
    if length as usize <= HELLO_SMALL {
        chunk::<EGRESS, S, HELLO_SMALL>(source, cookie, offset, stream.position, length);
        return;
    }
    chunk::<EGRESS, S, HELLO_LARGE>(source, cookie, offset, stream.position, length);
    if length as usize > HELLO_LARGE {
        let done = HELLO_LARGE as u32;
        chunk::<EGRESS, S, HELLO_LARGE>(
            source,
            cookie,
            offset + done,
            stream.position + done,
            length - done,
        );
    }
}

/// Copies the beginning of the first request in clear, where the Host field is.
#[inline(always)]
pub fn capture_clear<S: Source>(source: &S, length: u32, cookie: u64) {
    let most = HELLO_SMALL as u32;
    let length = if length < most { length } else { most };
    chunk::<true, S, HELLO_SMALL>(source, cookie, 0, 0, length);
}

#[inline(always)]
fn chunk<const EGRESS: bool, S: Source, const N: usize>(
    source: &S,
    cookie: u64,
    offset: u32,
    position: u32,
    length: u32,
) {
    emit::record(kind::HELLO, cookie, |record: &mut HelloRecord<N>| {
        let length = if N == HELLO_SMALL {
            between_one_and::<{ HELLO_SMALL as u64 }>(length)
        } else {
            between_one_and::<{ HELLO_LARGE as u64 }>(length)
        };
        record.offset = offset;
        record.length = length as u16;
        record.direction = if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        };
        record.pad = 0;
        if !source.load(position, (&raw mut record.bytes).cast(), length) {
            record.length = 0;
        }
    });
}
