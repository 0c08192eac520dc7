//! Bytes without a known meaning: those of a connection that was open before tracing began, whose handshake could not be
//! followed, or that carries a protocol other than HTTP. Only evidence gives them a meaning: a request line, or a
//! ClientHello at the beginning of a segment. Over TLS, records of a connection that was open before may tell by their
//! lengths whether they carry HTTP/1.1.

use tracer_common::{
    config::http2,
    record::{handshake, note, turn},
};

use crate::{
    clear,
    conn::{Conn, follows},
    control,
    difference::{after, bytes_between},
    lengths::{PADDING, is_finished_13},
    outside::Reports,
    segment::Segment,
    source::{Packet, Source},
};

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Bytes that encryption adds to a record at least: the tag, and nothing else (RFC 7905).
const LEAST_ADDED: u32 = 16;
/// Bytes of the shortest request of HTTP/1.1, which has a Host field: `GET / HTTP/1.1`, `Host: a`, and an empty line.
const SHORTEST_REQUEST: u32 = 16 + 9 + 2;
/// Lengths of records below which a client speaks HTTP/2: no request of HTTP/1.1 is as short, while most frames of
/// clients are.
pub(crate) const HTTP_2: u32 = SHORTEST_REQUEST + LEAST_ADDED;
/// Length of records from which on a request is taken for one of HTTP/1.1. Header compression makes the second and later
/// requests of HTTP/2 shorter, unless their path is long, and clients of HTTP/1.1 send longer ones.
const HTTP_1: u32 = 84;

/// Ends the search for requests: the connection carries another protocol.
#[inline(always)]
pub(crate) fn is_other<R: Reports>(conn: &mut Conn, reports: &mut R) {
    conn.handshake = handshake::UNKNOWN;
    if conn.other == 0 {
        conn.other = 1;
        reports.note(conn, note::OTHER);
    }
}

/// Looks for a meaning in the new bytes of a segment of the client. True if one was found: then `conn.handshake` says how
/// the segment is to be read.
#[inline(always)]
pub(crate) fn sent<P: Packet, R: Reports>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    reports: &mut R,
) -> bool {
    let edge = &conn.sent;
    let (is_known, next) = (edge.started == 1, edge.next);
    if is_known && !after(segment.end(), next) {
        return false;
    }
    let position = if is_known && after(next, segment.sequence) {
        bytes_between(segment.sequence, next)
    } else {
        0
    };
    let from = segment.sequence.wrapping_add(position);
    if begins_handshake(packet, position) {
        restart(conn, packet, from);
        conn.handshake = handshake::HANDSHAKE;
        conn.egress.want = 6;
        return true;
    }
    if conn.other == 0 && clear::begins_request(packet, position, segment.length) {
        restart(conn, packet, from);
        conn.handshake = handshake::WAITING;
        return true;
    }
    if conn.other == 0 && conn.adopted == 1 && is_http_1(conn, packet, segment, position, reports) {
        conn.request.protocol = turn::TLS_12;
        conn.inferred = 1;
        conn.handshake = handshake::OVER;
        return true;
    }
    conn.sent.started = 1;
    conn.sent.next = segment.end();
    false
}

/// Notes that bytes of the server have come.
#[inline(always)]
pub(crate) fn received(conn: &mut Conn, segment: &Segment) {
    if conn.got.started == 0 || after(segment.end(), conn.got.next) {
        conn.got.started = 1;
        conn.got.next = segment.end();
    }
}

/// True if the bytes at `position` are the header of a record with a ClientHello (RFC 8446 5.1, 4.1.2).
#[inline(always)]
fn begins_handshake<S: Source>(source: &S, position: u32) -> bool {
    source.bytes::<6>(position).is_some_and(|bytes| {
        bytes[0] == HANDSHAKE && bytes[1] == 3 && bytes[2] <= 3 && bytes[5] == CLIENT_HELLO
    })
}

/// Begins both directions anew: that of the client at `from`, that of the server at the next byte of the socket.
#[inline(always)]
fn restart<P: Packet>(conn: &mut Conn, packet: &P, from: u32) {
    let next = match packet.readable_to() {
        Some(next) => next,
        None => conn.got.next,
    };
    for (edge, base) in [(&mut conn.sent, from), (&mut conn.got, next)] {
        edge.next = base;
        edge.started = 1;
    }
    let start_ns = conn.egress.now_ns;
    conn.egress.restart(from);
    conn.ingress.restart(next);
    conn.tls_start_ns = start_ns;
    conn.follows = follows::NOTHING;
    conn.outcome = 0;
    conn.flow = 0;
    conn.tls_end_ns = 0;
}

/// True if the client's bytes begin with a record long enough for a request of HTTP/1.1. The first other one is noted.
#[inline(always)]
fn is_http_1<S: Source, R: Reports>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    position: u32,
    reports: &mut R,
) -> bool {
    let at = control::skip(&mut conn.sent_rest, source, position, segment.length);
    if at >= segment.length {
        conn.behind_control = 1;
        return false;
    }
    let is_behind_control = at != position || conn.behind_control == 1;
    conn.behind_control = 0;
    let record = control::data_length(source, at);
    let is_finished =
        is_finished_13(0, record) || is_finished_13(0, record.saturating_sub(PADDING));
    if is_behind_control && is_finished {
        // A ChangeCipherSpec came before it (RFC 8446 D.4).
        return false;
    }
    speaks_http_1(conn, source, at, reports)
}

/// True if the record that begins at `at` is long enough for a request of HTTP/1.1. Otherwise the connection is noted as
/// one of HTTP/2, or as one that does not tell. Control records say nothing.
#[inline(always)]
pub(crate) fn speaks_http_1<S: Source, R: Reports>(
    conn: &mut Conn,
    source: &S,
    at: u32,
    reports: &mut R,
) -> bool {
    let record = control::data_length(source, at);
    if record >= HTTP_1 {
        return true;
    }
    if control::is_control_length(record) {
        return false;
    }
    let said = if record == 0 || record >= HTTP_2 {
        note::MIDDLE
    } else {
        note::HTTP_2
    };
    if conn.said != said {
        conn.said = said;
        reports.note(conn, said);
    }
    if said == note::HTTP_2 {
        conn.handshake = handshake::NO_REQUESTS;
        if reports.http2() != http2::OFF {
            conn.follow_from_here(follows::RECORDS);
        }
    }
    false
}
