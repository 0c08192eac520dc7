//! Segments of a handshake, followed in the order of their stream until there is an outcome.

use tracer_common::{
    counter::Counter,
    record::{handshake, tls},
};

use crate::{
    clear,
    conn::Conn,
    difference::{after, bytes_between},
    evidence, hello,
    order::{self, Place},
    outside::{Outside, QUEUED_SEGMENTS},
    segment::Segment,
    source::{Packet, Source},
    tls::{give_up, walk},
    turn,
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
            if !EGRESS && conn.out_of_order != 0 && conn.outcome == 0 {
                drain(conn, cookie, outside);
            }
        }
        Place::Early if !EGRESS => {
            if outside.push(packet, segment, cookie, u32::from(conn.out_of_order)) {
                conn.out_of_order += 1;
            } else {
                give_up(conn);
            }
        }
        Place::Early | Place::Unknown => give_up(conn),
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
        walk::<EGRESS, S, O>(conn, source);
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
        if after(early.segment.sequence, conn.got.next) || conn.outcome != 0 {
            continue;
        }
        if after(early.segment.end(), conn.got.next) {
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
    conn.handshake = handshake::OVER;
    let now_ns = conn.egress.now_ns;
    let is_other = is_clear
        && conn.request.h2 == 0
        && !clear::begins_request(packet, conn.egress.position, segment.length);
    if !is_clear || !hello::capture_clear(packet, segment.length, cookie, now_ns, outside) {
        outside.handshake(conn, cookie);
    }
    if is_other {
        return turn::is_other(conn, outside);
    }
    let stream = if EGRESS {
        &mut conn.egress
    } else {
        &mut conn.ingress
    };
    let rest = bytes_between(stream.position, stream.length);
    let leftover = conn.outcome == tls::NOT_TLS || rest > stream.skip;
    if EGRESS {
        let next = stream.position + stream.skip;
        stream.skip = stream.skip.saturating_sub(rest);
        if leftover && conn.flow == tls::FLOW_13 {
            evidence::note_first_sent(conn, packet, next);
        }
    }
    turn::begin::<EGRESS, O>(conn, leftover, cookie, outside);
}
