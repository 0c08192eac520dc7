//! Gaps in the bytes of the server: segments that were lost on the way to the client.
//!
//! A segment that begins beyond everything that has come leaves a gap. When the bytes of the gap come soon after, the
//! segments have only overtaken each other; else one was lost, and the server sends it again a round trip later or
//! more. The loss of a last segment leaves no gap, nor does that of a segment which is sent again.

use crate::{
    conn::Conn,
    difference::{after, bytes_between, elapsed},
    segment::Segment,
    source::Packet,
};

/// Time within which a gap is closed by segments that were overtaken, ns. A loss that is made good as quickly as that
/// costs nothing.
const OVERTAKEN_NS: u64 = 1_000_000;

/// Notes the bytes that a segment of the server brings, and those that are missing before it.
#[inline(always)]
pub(crate) fn received<P: Packet>(conn: &mut Conn, packet: &P, segment: &Segment) {
    let (reach, end) = (conn.reach, segment.end());
    if reach == 0 {
        conn.reach = end;
    } else if after(end, reach) {
        conn.reach = end;
        if after(segment.sequence, reach) {
            opens(conn, reach, segment, packet.time_ns::<false>());
        }
    } else if conn.gap_left != 0 && !after(conn.gap_from, segment.sequence) {
        comes_late(conn, segment.length, packet.time_ns::<false>());
    }
}

/// Number of segments that were lost on the way to the client. `segment_bytes`: size of a full segment.
/// `out_of_order`: number of segments that came after a gap, as TCP has counted; without any there was no gap.
#[inline(always)]
pub fn lost(conn: &Conn, segment_bytes: u32, out_of_order: u32) -> u32 {
    if out_of_order == 0 {
        return 0;
    }
    let rounded = conn.gap_bytes.saturating_add(segment_bytes / 2);
    let by_size = rounded.checked_div(segment_bytes).unwrap_or(0);
    if by_size > conn.gaps {
        by_size
    } else {
        conn.gaps
    }
}

/// Notes a gap between `reach` and the segment.
#[inline(always)]
fn opens(conn: &mut Conn, reach: u32, segment: &Segment, now_ns: u64) {
    let bytes = bytes_between(reach, segment.sequence);
    conn.gap_ns = now_ns;
    conn.gap_from = reach;
    conn.gap_left = bytes;
    conn.gap_bytes = conn.gap_bytes.saturating_add(bytes);
    conn.gaps = conn.gaps.saturating_add(1);
}

/// Takes back bytes of the last gap, if they were only overtaken.
#[inline(always)]
fn comes_late(conn: &mut Conn, length: u32, now_ns: u64) {
    if elapsed(now_ns, conn.gap_ns).is_some_and(|late_ns| late_ns >= OVERTAKEN_NS) {
        // What comes from now on was sent again.
        conn.gap_left = 0;
        return;
    }
    let bytes = if length < conn.gap_left {
        length
    } else {
        conn.gap_left
    };
    conn.gap_left = conn.gap_left.saturating_sub(bytes);
    conn.gap_bytes = conn.gap_bytes.saturating_sub(bytes);
    if conn.gap_left == 0 {
        conn.gaps = conn.gaps.saturating_sub(1);
    }
}
