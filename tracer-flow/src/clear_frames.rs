//! HTTP/2 in clear: a client that knows that the server speaks it begins with the preface (RFC 9113 3.3), and one that asked
//! with `Upgrade: h2c` sends it behind the answer (RFC 7540 3.2).

use tracer_common::{config::http2, record::direction};

use crate::{
    conn::{Conn, Stream, follows},
    difference::{after, bytes_between},
    outside::{ClearPiece, Outside},
    segment::Segment,
    source::Source,
};

/// Begins with the preface, which is at the current position of the client's segment.
#[inline(always)]
pub(crate) fn begin<S: Source, O: Outside>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    let (sent, got) = (
        segment.sequence.wrapping_add(conn.egress.position),
        conn.got.next,
    );
    if starts(conn, sent, got, outside) {
        follow::<true, S, O>(conn, source, segment, now_ns, outside);
    }
}

/// Begins behind an answer with which the server switches protocols. It ends at `position` of the server's segment. Whether the
/// protocol is HTTP/2 will be seen.
#[inline(always)]
pub(crate) fn begin_behind<S: Source, O: Outside>(
    conn: &mut Conn,
    source: &S,
    segment: &Segment,
    position: u32,
    now_ns: u64,
    outside: &mut O,
) {
    let (sent, got) = (conn.sent.next, segment.sequence.wrapping_add(position));
    if starts(conn, sent, got, outside) {
        follow::<false, S, O>(conn, source, segment, now_ns, outside);
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
pub(crate) fn follow<const EGRESS: bool, S: Source, O: Outside>(
    conn: &mut Conn,
    source: &S,
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
    let Some((missing, from)) = advance(stream, segment) else {
        return;
    };
    let piece = ClearPiece {
        now_ns,
        cookie,
        tgid,
        missing,
        from,
        to: segment.length,
        direction: if EGRESS {
            direction::EGRESS
        } else {
            direction::INGRESS
        },
    };
    if !outside.clear(source, &piece) {
        conn.follows = follows::NOTHING;
    }
}

/// Number of bytes that are missing before the new ones of a segment, and the position of these; None if there are none.
#[inline(always)]
fn advance(stream: &mut Stream, segment: &Segment) -> Option<(u32, u32)> {
    let next = stream.base;
    if !after(segment.end(), next) {
        return None;
    }
    stream.base = segment.end();
    if after(segment.sequence, next) {
        Some((bytes_between(next, segment.sequence), 0))
    } else {
        Some((0, bytes_between(segment.sequence, next)))
    }
}
