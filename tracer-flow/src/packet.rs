//! The way of a packet through its connection.

use tracer_common::record::handshake::OVER;

use crate::{
    conn::Conn, handshake, order, outside::Outside, segment::Segment, source::Packet, turn,
};

/// Follows a packet of a traced connection; true if a handshake has ended with it, as `conn.outcome` says. `EGRESS`: the
/// process sent the packet.
#[inline(always)]
pub fn take<const EGRESS: bool, P: Packet, O: Outside>(
    conn: &mut Conn,
    packet: &P,
    segment: &Segment,
    outside: &mut O,
) -> bool {
    if segment.syn {
        order::begin::<EGRESS>(conn, segment.sequence.wrapping_add(1));
        return false;
    }
    if segment.length == 0 {
        return false;
    }
    let now_ns = packet.time_ns::<EGRESS>();
    let cookie = conn.cookie;
    if conn.handshake == OVER {
        if EGRESS {
            turn::sent(conn, packet, segment, now_ns, cookie, outside);
        } else {
            turn::received::<P, O>(conn, packet, segment, now_ns);
        }
        return false;
    }
    if EGRESS {
        conn.egress.now_ns = now_ns;
    } else {
        conn.ingress.now_ns = now_ns;
    }
    handshake::follow::<EGRESS, P, O>(conn, packet, segment, cookie, outside);
    if conn.outcome == 0 {
        return false;
    }
    handshake::report::<EGRESS, P, O>(conn, packet, segment, cookie, outside);
    true
}
