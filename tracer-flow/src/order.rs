//! Order of the segments of a handshake: finds the next one, and the protocol that the first one begins.

use tracer_common::record::{handshake, tls};

use crate::{
    conn::{Conn, Stream},
    difference::{after, bytes_between},
    preamble,
    segment::Segment,
    source::{Packet, Source},
    tunnel,
};

const FIRST_BYTE_OF_TLS: u8 = 22;

/// Place of a segment in its stream.
pub(crate) enum Place {
    /// Before the next byte: the whole segment has been seen.
    Seen,
    /// At the next byte: the segment continues the stream.
    Next,
    /// After the next byte: bytes before the segment are missing.
    Early,
    /// Unknown, because the beginning of the stream was not seen.
    Unknown,
}

/// Takes the first sequence number of a direction: payload begins at `base`.
#[inline(always)]
pub fn begin<const EGRESS: bool>(conn: &mut Conn, base: u32) {
    let (stream, edge) = if EGRESS {
        (&mut conn.egress, &mut conn.sent)
    } else {
        (&mut conn.ingress, &mut conn.got)
    };
    stream.base = base;
    stream.want = 5;
    edge.next = base;
    edge.started = 1;
}

/// Place of a segment in the stream of its direction.
#[inline(always)]
pub(crate) fn place<const EGRESS: bool>(conn: &Conn, segment: &Segment) -> Place {
    let edge = if EGRESS { &conn.sent } else { &conn.got };
    if edge.started == 0 {
        Place::Unknown
    } else if !after(segment.end(), edge.next) {
        Place::Seen
    } else if !after(segment.sequence, edge.next) {
        Place::Next
    } else {
        Place::Early
    }
}

/// Makes a segment that is in order and ends with a new byte the current one. False when it has the first bytes of the
/// connection and they are not TLS.
#[inline(always)]
pub(crate) fn take<const EGRESS: bool, S: Source>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
) -> bool {
    let (stream, edge) = if EGRESS {
        (&mut conn.egress, &conn.sent)
    } else {
        (&mut conn.ingress, &conn.got)
    };
    stream.position = bytes_between(segment.sequence, edge.next);
    stream.length = segment.length;
    if EGRESS && tunnel::is_refused(conn) {
        // Another try, or a request that needs no tunnel.
        conn.handshake = handshake::WAITING;
        conn.egress.base = conn.sent.next;
    }
    if conn.handshake != handshake::WAITING {
        return true;
    }
    let length = segment.length;
    if EGRESS && preamble::is_passed_over(conn, source, length) {
        return false;
    }
    if EGRESS && opens_tls(conn, source) {
        return true;
    }
    let kind = tunnel::kind(source, conn.egress.position, length);
    if EGRESS && kind != 0 && conn.request.h2 == 0 {
        tunnel::begin(conn, kind);
        return true;
    }
    conn.outcome = tls::NOT_TLS;
    false
}

/// Notes that all bytes before `next` have been seen.
#[inline(always)]
pub(crate) fn set_next<const EGRESS: bool>(conn: &mut Conn, next: u32) {
    if EGRESS {
        conn.sent.next = next;
    } else {
        conn.got.next = next;
    }
}

/// True if the first payload of the client begins like a TLS record.
#[inline(always)]
fn opens_tls<S: Source>(conn: &mut Conn, source: &S) -> bool {
    let position = conn.egress.position;
    let Some([first]) = source.bytes::<1>(position) else {
        return false;
    };
    if first != FIRST_BYTE_OF_TLS {
        // The preface of HTTP/2 in clear begins with "PRI * HTTP/2.0" (RFC 9113 3.4).
        let preface = source.bytes::<4>(position);
        conn.request.h2 = u8::from(preface.is_some_and(|begin| begin == *b"PRI "));
        return false;
    }
    conn.handshake = handshake::HANDSHAKE;
    conn.tls_start_ns = conn.egress.now_ns;
    conn.egress.want = 6;
    true
}

/// True if the segment of the server fills a gap before bytes that are followed already: what is behind the gap can be read
/// only now. The segment may bring new bytes, too.
#[inline(always)]
pub(crate) fn fills_gap<P: Packet>(stream: &Stream, packet: &P, segment: &Segment) -> bool {
    let is_seen = stream.want != 0 && after(stream.base, segment.sequence);
    is_seen
        && packet.readable_to().is_some_and(|readable_to| {
            after(segment.end(), readable_to) && after(stream.base, readable_to)
        })
}
