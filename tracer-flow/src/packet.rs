//! The way of a packet through its connection.

use core::sync::atomic::{Ordering, compiler_fence};

use tracer_common::record::{
    handshake::{NO_REQUESTS, OVER, UNKNOWN},
    note,
};

use crate::{
    clear_frames,
    conn::{Conn, follows},
    difference::after,
    gaps, handshake, order,
    outside::{Outside, Reports},
    segment::Segment,
    source::Packet,
    tls_records, turn, unknown,
};

/// Times that a processor looks whether a segment which came too early is due. After that, which is some microseconds,
/// it follows the segment all the same.
const TURNS: u32 = 1000;

/// Follows a packet of a traced connection; true if a handshake has ended with it, as `conn.outcome` says. `EGRESS`: the
/// process sent the packet.
#[inline(always)]
pub fn take<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    outside: &mut O,
) -> bool {
    let mut segment = *segment;
    if segment.syn {
        segment.sequence = segment.sequence.wrapping_add(1);
        begin::<EGRESS>(conn, segment.sequence);
    }
    if !EGRESS {
        gaps::received(conn, packet, &segment);
    }
    let is_followed = conn.follows != follows::NOTHING;
    if segment.length == 0 || (conn.handshake == NO_REQUESTS && !is_followed) {
        return false;
    }
    let segment = &segment;
    let now_ns = packet.time_ns::<EGRESS>();
    let cookie = conn.cookie;
    if is_followed {
        follow_http_2::<EGRESS, P, O>(conn, packet, segment, now_ns, outside);
        if conn.handshake == NO_REQUESTS {
            return false;
        }
    }
    if conn.handshake == UNKNOWN {
        if !EGRESS {
            unknown::received(conn, segment);
            return false;
        }
        conn.egress.now_ns = now_ns;
        if !unknown::sent(conn, packet, segment, outside) {
            return false;
        }
    }
    if conn.handshake == OVER {
        if EGRESS {
            turn::sent(conn, packet, segment, now_ns, cookie, outside);
        } else {
            turn::received(conn, packet, segment, now_ns, outside);
        }
        return false;
    }
    if EGRESS {
        conn.egress.now_ns = now_ns;
    } else {
        conn.ingress.now_ns = now_ns;
    }
    let in_syn = EGRESS && segment.syn && conn.sent.next == segment.sequence;
    if in_syn {
        fast_open(conn, now_ns, outside);
    }
    handshake::follow::<EGRESS, P, O>(conn, packet, segment, cookie, outside);
    if in_syn {
        conn.got.started = 0;
    }
    if conn.outcome == 0 {
        return false;
    }
    handshake::report::<EGRESS, P, O>(conn, packet, segment, cookie, outside);
    true
}

/// Follows what the segment has of HTTP/2. Segments of the server come on several processors at once over loopback: each
/// waits for those before it, but not longer than the other processor takes.
#[inline(always)]
fn follow_http_2<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    if EGRESS {
        return follow_in_order::<EGRESS, P, O>(conn, packet, segment, now_ns, outside);
    }
    if claim(conn, segment, outside) {
        follow_in_order::<EGRESS, P, O>(conn, packet, segment, now_ns, outside);
        outside.release(conn.cookie);
    }
}

/// Claims the server's direction when the segment is due, or after a while. It is a function of its own, so that its stack
/// does not add to that of the functions behind.
#[inline(never)]
fn claim<O: Outside>(conn: &Conn, segment: &Segment, outside: &mut O) -> bool {
    let mut is_claimed = false;
    O::repeat(TURNS, || {
        is_claimed = is_due(conn, segment) && outside.claim(conn.cookie);
        is_claimed
    });
    is_claimed || outside.claim(conn.cookie)
}

/// True if the segment goes on where the server's bytes are followed, or if others before it are known to be missing.
#[inline(always)]
fn is_due(conn: &Conn, segment: &Segment) -> bool {
    let stream = &conn.ingress;
    // The other processor changes it, so each look has to read it again.
    compiler_fence(Ordering::SeqCst);
    stream.want == 0 || stream.in_step == 0 || !after(segment.sequence, stream.base)
}

#[inline(always)]
fn follow_in_order<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    now_ns: u64,
    outside: &mut O,
) {
    if conn.follows == follows::FRAMES {
        clear_frames::follow::<EGRESS, P, O>(conn, packet, segment, now_ns, outside);
    } else {
        tls_records::follow::<EGRESS, P, O>(conn, packet, segment, now_ns, outside);
    }
}

/// Takes the first sequence number of a direction from its SYN, unless bytes have come after it: a SYN that is sent again
/// begins nothing anew.
#[inline(always)]
fn begin<const EGRESS: bool>(conn: &mut Conn, base: u32) {
    let edge = if EGRESS { &conn.sent } else { &conn.got };
    if edge.started == 0 || edge.next == base {
        order::begin::<EGRESS>(conn, base);
    }
}

/// Notes that the SYN carries data (TCP Fast Open, RFC 7413). The kernel may have waited for them with the SYN since the
/// call of connect. That nothing has come from the server is known, although its SYN has not come yet.
#[inline(always)]
fn fast_open<R: Reports>(conn: &mut Conn, now_ns: u64, reports: &mut R) {
    if conn.start_ns != 0 {
        conn.start_ns = now_ns;
    }
    conn.got.started = 1;
    reports.note(conn, note::IN_SYN);
}
