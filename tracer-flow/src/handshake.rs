//! Segments of a handshake, followed in the order of their stream until there is an outcome.

use tracer_common::{
    counter::Counter,
    record::{self, handshake, tls},
};

use crate::{
    clear::{self, Beginning},
    clear_frames,
    conn::Conn,
    difference::{after, bytes_between},
    evidence, hello,
    order::{self, Place},
    outside::{Outside, QUEUED_SEGMENTS, Reports},
    segment::Segment,
    source::{Packet, Source},
    tls::{give_up, walk},
    tls_records, tunnel, turn, unknown,
};

/// Follows the segment if it is next in its stream, or queues it if it came early.
#[inline(always)]
pub(crate) fn follow<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    cookie: u64,
    outside: &mut O,
) {
    match order::place::<EGRESS>(conn, segment) {
        Place::Seen => {}
        Place::Next => {
            advance::<EGRESS, P, O>(conn, packet, segment, cookie, outside);
            if !EGRESS && conn.out_of_order != 0 {
                drain(conn, cookie, outside);
            }
        }
        Place::Early if !EGRESS => {
            if outside.push(packet, segment, cookie, u32::from(conn.out_of_order)) {
                conn.out_of_order += 1;
            } else {
                lose(conn, cookie, outside);
            }
        }
        Place::Early | Place::Unknown => lose(conn, cookie, outside),
    }
}

/// Ends the handshake, or the exchange with a proxy, as unknown: a part of it is missing.
#[inline(always)]
fn lose<R: Reports>(conn: &mut Conn, cookie: u64, reports: &mut R) {
    if conn.handshake == handshake::TUNNEL {
        tunnel::lose(conn, cookie, reports);
    } else {
        give_up(conn);
    }
}

/// Follows bytes that are in order and end with a new one.
#[inline(always)]
fn advance<const EGRESS: bool, S: Source, O: Outside>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    cookie: u64,
    outside: &mut O,
) {
    if order::take::<EGRESS, S>(conn, source, segment) {
        hello::capture::<EGRESS, S, O>(conn, source, cookie, outside);
        if conn.handshake != handshake::TUNNEL {
            walk::<EGRESS, S, O>(conn, source);
        } else if !EGRESS {
            tunnel::answered(conn, source, segment.end(), cookie, outside);
        }
    }
    order::set_next::<EGRESS>(conn, segment.end());
}

/// Follows the segments of the out-of-order queue that are now in order; two rounds, because the queue is not sorted.
#[inline(never)]
fn drain<O: Outside>(conn: &mut Conn, cookie: u64, outside: &mut O) {
    let mut turn = 0u32;
    while turn < 2 * QUEUED_SEGMENTS {
        let slot = turn % QUEUED_SEGMENTS;
        turn += 1;
        let Some(early) = outside.get(cookie, slot) else {
            continue;
        };
        if after(early.segment.sequence, conn.got.next) {
            continue;
        }
        let is_new = after(early.segment.end(), conn.got.next);
        if is_new && conn.outcome != 0 {
            // It has the beginning of the answer to a request that was sent before the end of the handshake.
            conn.answer_queued = 1;
            order::set_next::<false>(conn, early.segment.end());
        } else if is_new {
            advance::<false, _, O>(conn, &early.source, &early.segment, cookie, outside);
        }
        outside.remove(cookie, slot);
    }
}

/// Reports an outcome once; from here on the connection carries requests, unless it leads to a name server. A request in
/// clear is reported with its first bytes.
#[inline(always)]
pub(crate) fn report<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    cookie: u64,
    outside: &mut O,
) {
    if conn.outcome == tls::UNKNOWN {
        outside.count(Counter::StreamGap);
    }
    if conn.dns == 1 {
        conn.handshake = handshake::NO_REQUESTS;
        return outside.handshake(conn, cookie);
    }
    let is_clear = EGRESS && conn.handshake == handshake::WAITING && conn.outcome == tls::NOT_TLS;
    let is_followed = conn.outcome == tls::DONE || conn.outcome == tls::NOT_TLS;
    conn.handshake = if is_followed && conn.other == 0 {
        handshake::OVER
    } else {
        handshake::UNKNOWN
    };
    let now_ns = conn.egress.now_ns;
    let speaks_first = !EGRESS && conn.outcome == tls::NOT_TLS;
    let is_other = if speaks_first {
        // A server of HTTP that speaks first gives notice that it will close.
        clear::beginning(packet, conn.ingress.position) == Beginning::Other
    } else {
        is_clear
            && conn.request.h2 == 0
            && !clear::begins_request(packet, conn.egress.position, segment.length)
    };
    let position = conn.egress.position;
    if !is_clear || !hello::capture_clear(packet, position, segment.length, cookie, now_ns, outside)
    {
        outside.handshake(conn, cookie);
    }
    if is_other {
        return unknown::is_other(conn, outside);
    }
    if is_clear {
        conn.forwards = u8::from(clear::is_absolute(packet, position));
    }
    if conn.handshake != handshake::OVER {
        if conn.other == 0 {
            tls_records::begin::<EGRESS, P, O>(conn, packet, segment, outside);
        }
        return;
    }
    let stream = if EGRESS {
        &mut conn.egress
    } else {
        &mut conn.ingress
    };
    let rest = bytes_between(stream.position, stream.length);
    let leftover = conn.outcome == tls::NOT_TLS || rest > stream.skip || conn.answer_queued == 1;
    let left = stream.skip.saturating_sub(rest);
    if EGRESS {
        let next = stream.position.wrapping_add(stream.skip);
        conn.sent_rest = left;
        if leftover && conn.flow == tls::FLOW_13 {
            evidence::note_first_sent(conn, packet, next);
        }
    } else {
        conn.got_rest = left;
    }
    turn::begin::<EGRESS, O>(conn, leftover, cookie, outside);
    if is_clear && conn.request.h2 == 1 {
        return clear_frames::begin(conn, packet, segment, now_ns, outside);
    }
    tls_records::begin::<EGRESS, P, O>(conn, packet, segment, outside);
    if conn.response.half_rtt != 0 {
        conn.lengths = [0; record::turn::EVIDENCE];
    }
}
