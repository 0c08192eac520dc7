//! HTTP/2 in clear: a client that knows that the server speaks it begins with the preface (RFC 9113 3.3), and one that asked
//! with `Upgrade: h2c` sends it behind the answer (RFC 7540 3.2).

use tracer_common::{config::http2, record::direction};

use crate::{
    conn::{Conn, Stream, follows},
    difference::{after, bytes_between},
    order,
    outside::{ClearPiece, Outside},
    segment::Segment,
    source::Packet,
};

/// Begins with the preface, which is at the current position of the client's segment.
#[inline(always)]
pub(crate) fn begin<P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    let (sent, got) = (
        segment.sequence.wrapping_add(conn.egress.position),
        conn.got.next,
    );
    if starts(conn, sent, got, outside) {
        follow::<true, P, O>(conn, packet, segment, now_ns, outside);
    }
}

/// Begins behind an answer with which the server switches protocols. It ends at `position` of the server's segment. Whether the
/// protocol is HTTP/2 will be seen.
#[inline(always)]
pub(crate) fn begin_behind<P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    outside: &mut O,
) {
    let (sent, got) = (conn.sent.next, segment.sequence.wrapping_add(position));
    if starts(conn, sent, got, outside) {
        follow::<false, P, O>(conn, packet, segment, now_ns, outside);
    }
}

#[inline(always)]
fn starts<O: Outside>(conn: &mut Conn, sent: u32, got: u32, outside: &mut O) -> bool {
    if outside.http2() != http2::FRAMES || !outside.begin_clear(conn.cookie) {
        return false;
    }
    conn.follows = follows::FRAMES;
    conn.egress.begin_records(sent);
    conn.ingress.begin_records(got);
    true
}

/// Follows the frames of a segment.
#[inline(never)]
pub(crate) fn follow<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    let (cookie, tgid) = (conn.cookie, conn.tgid);
    let stream = if EGRESS {
        &mut conn.egress
    } else {
        &mut conn.ingress
    };
    let next = stream.base;
    let fills_gap = !EGRESS && order::fills_gap(stream, packet, segment);
    let Some((missing, from)) = advance(stream, segment, fills_gap) else {
        return;
    };
    let new = next.wrapping_add(missing);
    let is_whole = |readable_to: u32| !after(new, readable_to);
    let piece = ClearPiece {
        now_ns,
        cookie,
        tgid,
        missing,
        again: if fills_gap {
            bytes_between(segment.sequence, next)
        } else {
            0
        },
        from,
        to: segment.length,
        is_whole: u8::from(!EGRESS && packet.readable_to().is_some_and(is_whole)),
        direction: if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        },
    };
    if !outside.clear(packet, &piece) {
        conn.follows = follows::NOTHING;
    }
}

/// Number of bytes that are missing before the new ones of a segment, and the position of these. None if there are none,
/// unless the segment fills a gap.
#[inline(always)]
fn advance(stream: &mut Stream, segment: &Segment, fills_gap: bool) -> Option<(u32, u32)> {
    let next = stream.base;
    if !after(segment.end(), next) {
        return fills_gap.then_some((0, segment.length));
    }
    stream.base = segment.end();
    if after(segment.sequence, next) {
        Some((bytes_between(next, segment.sequence), 0))
    } else {
        Some((0, bytes_between(segment.sequence, next)))
    }
}
