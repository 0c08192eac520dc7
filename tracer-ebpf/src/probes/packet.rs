//! Hook: `cgroup_skb` ingress and egress. UAPI only; kernel 6.1.
//!
//! Ingress runs before TCP orders segments (`sk_filter_trim_cap` in `tcp_v4_rcv`), egress when segments leave for the
//! IP layer (`ip_finish_output`). So this program puts segments in order itself. Packets always pass.

use aya_ebpf::{bindings::__sk_buff, macros::cgroup_skb, programs::SkBuffContext};
use tracer_common::record::{handshake, tls};

use crate::{
    clock::now_ns,
    difference::{after, bytes_between},
    dns, emit,
    flow::{
        hello,
        order::{self, Place},
        segment::Segment,
        source::Source,
        tls::{give_up, walk},
        turn,
    },
    maps,
    out_of_order::{self, QueuedSegment},
    skb::{self, SkbPacket},
    state::{
        conn::Conn,
        out_of_order::{QUEUED_SEGMENTS, QueueKey},
    },
    storage,
};

const PASS: i32 = 1;

#[cgroup_skb(ingress)]
pub fn packet_in(ctx: SkBuffContext) -> i32 {
    // SAFETY: the program's own context.
    unsafe { try_packet::<false>(&ctx) };
    PASS
}

#[cgroup_skb(egress)]
pub fn packet_out(ctx: SkBuffContext) -> i32 {
    // SAFETY: the program's own context.
    unsafe { try_packet::<true>(&ctx) };
    PASS
}

#[inline(always)]
unsafe fn try_packet<const EGRESS: bool>(ctx: &SkBuffContext) -> Option<()> {
    let skb = ctx.skb.skb;
    // SAFETY: members of the context; the socket is checked for null.
    let conn = unsafe {
        let sk = (*skb).__bindgen_anon_2.sk;
        if sk.is_null() {
            return None;
        }
        if dns::concerns(sk) {
            dns::packet::<EGRESS>(skb, sk);
        }
        storage::conn(sk.cast())?
    };
    if conn.traced == 0 {
        return None;
    }
    // SAFETY: the context.
    let mut segment = unsafe { skb::read(skb) }?;
    if segment.syn {
        segment.sequence = segment.sequence.wrapping_add(1);
        begin::<EGRESS>(conn, segment.sequence);
    }
    if segment.length == 0 || conn.handshake == handshake::NO_REQUESTS {
        return None;
    }
    // SAFETY: the context.
    let now_ns = unsafe { time::<EGRESS>(skb) };
    let cookie = conn.cookie;
    if conn.handshake == handshake::OVER {
        if EGRESS {
            turn::sent(
                conn,
                &SkbPacket::new(skb, &segment),
                &segment,
                now_ns,
                cookie,
            );
        } else {
            turn::received(conn, &SkbPacket::new(skb, &segment), &segment, now_ns);
        }
        return None;
    }
    if EGRESS {
        conn.egress.now_ns = now_ns;
    } else {
        conn.ingress.now_ns = now_ns;
    }
    let in_syn = EGRESS && segment.syn && conn.sent.next == segment.sequence;
    if in_syn {
        fast_open(conn, now_ns);
    }
    follow::<EGRESS>(conn, skb, &segment, cookie);
    if in_syn {
        conn.got.started = 0;
    }
    if conn.outcome != 0 {
        emit::log!(
            ctx,
            "handshake over cookie={} outcome={}",
            cookie,
            conn.outcome
        );
        report::<EGRESS>(conn, skb, &segment, cookie);
    }
    None
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
fn fast_open(conn: &mut Conn, now_ns: u64) {
    if conn.start_ns != 0 {
        conn.start_ns = now_ns;
    }
    conn.got.started = 1;
    emit::in_syn(conn);
}

/// Time when the segment passed, ns. TCP stamps sent segments with the monotonic clock (`__tcp_transmit_skb`), so the
/// clock is read here only for received ones.
#[inline(always)]
unsafe fn time<const EGRESS: bool>(skb: *mut __sk_buff) -> u64 {
    // SAFETY: a member of the context.
    let stamp_ns = if EGRESS { unsafe { (*skb).tstamp } } else { 0 };
    if stamp_ns != 0 { stamp_ns } else { now_ns() }
}

/// Follows the segment if it is next in its stream, or queues it if it came early.
#[inline(always)]
fn follow<const EGRESS: bool>(
    conn: &mut Conn,
    skb: *mut __sk_buff,
    segment: &Segment,
    cookie: u64,
) {
    match order::place::<EGRESS>(conn, segment) {
        Place::Seen => {}
        Place::Next => {
            let packet = SkbPacket::new(skb, segment);
            advance::<EGRESS, _>(conn, &packet, segment.sequence, segment.length, cookie);
            if !EGRESS && conn.out_of_order != 0 && conn.outcome == 0 {
                drain(conn, cookie);
            }
        }
        Place::Early if !EGRESS => {
            // SAFETY: the context.
            let is_kept =
                unsafe { out_of_order::push(skb, segment, cookie, u32::from(conn.out_of_order)) };
            if is_kept {
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
fn advance<const EGRESS: bool, S: Source>(
    conn: &mut Conn,
    source: &S,
    sequence: u32,
    length: u32,
    cookie: u64,
) {
    if order::take::<EGRESS, S>(conn, source, sequence, length) {
        hello::capture::<EGRESS, S>(conn, source, cookie);
        walk::<EGRESS, S>(conn, source);
    }
    order::set_next::<EGRESS>(conn, sequence.wrapping_add(length));
}

/// Follows the segments of the out-of-order queue that are now in order; two rounds, because the queue is not sorted.
#[inline(never)]
fn drain(conn: &mut Conn, cookie: u64) {
    let mut turn = 0u32;
    while turn < 2 * QUEUED_SEGMENTS {
        let key = QueueKey {
            cookie,
            slot: turn % QUEUED_SEGMENTS,
            pad: 0,
        };
        turn += 1;
        let Some(queued) = maps::OUT_OF_ORDER.get_ptr(key) else {
            continue;
        };
        // SAFETY: a checked map value.
        let (sequence, length) = unsafe { ((*queued).sequence, (*queued).length) };
        if after(sequence, conn.got.next) || conn.outcome != 0 {
            continue;
        }
        if after(sequence.wrapping_add(length), conn.got.next) {
            advance::<false, _>(conn, &QueuedSegment { queued }, sequence, length, cookie);
        }
        let _ = maps::OUT_OF_ORDER.remove(key);
    }
}

/// Reports an outcome once; from here on the connection carries requests, unless it leads to a name server. A request in
/// clear is reported with its first bytes.
#[inline(always)]
fn report<const EGRESS: bool>(
    conn: &mut Conn,
    skb: *mut __sk_buff,
    segment: &Segment,
    cookie: u64,
) {
    if conn.dns == 1 {
        conn.handshake = handshake::NO_REQUESTS;
        return emit::tls(conn, cookie);
    }
    let packet = SkbPacket::new(skb, segment);
    let is_clear = EGRESS && conn.handshake == handshake::WAITING && conn.outcome == tls::NOT_TLS;
    conn.handshake = handshake::OVER;
    if !is_clear || !hello::capture_clear(&packet, segment.length, cookie, conn.egress.now_ns) {
        emit::tls(conn, cookie);
    }
    let stream = if EGRESS { &conn.egress } else { &conn.ingress };
    let rest = bytes_between(stream.position, stream.length);
    let leftover = conn.outcome == tls::NOT_TLS || rest > stream.skip;
    turn::begin::<EGRESS>(conn, leftover, cookie);
}
