//! Hook: `cgroup_skb` ingress and egress. UAPI only; kernel 6.1.
//!
//! Ingress runs before TCP sorts segments (`sk_filter_trim_cap` in `tcp_v4_rcv`), egress when they
//! leave for the IP layer (`ip_finish_output`), so order is made here. Packets always pass.

use aya_ebpf::{bindings::__sk_buff, macros::cgroup_skb, programs::SkBuffContext};
use tracer_common::record::tls;

use crate::{
    conn::{self, Conn, phase},
    difference::{after, bytes_between},
    dns, emit,
    held::{self, HELD_SEGMENTS, HeldKey},
    hello, maps,
    segment::Segment,
    tls::{Kept, Packet, Source, give_up, walk},
    turn,
};

const PASS: i32 = 1;
const FIRST_BYTE_OF_TLS: u8 = 22;

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
        conn::find(sk.cast())?
    };
    if conn.live == 0 {
        return None;
    }
    // SAFETY: the context.
    let segment = unsafe { Segment::read(skb) }?;
    if segment.syn {
        begin::<EGRESS>(conn, segment.sequence.wrapping_add(1));
        return None;
    }
    if segment.length == 0 {
        return None;
    }
    // SAFETY: the context.
    let now_ns = unsafe { time::<EGRESS>(skb) };
    let cookie = conn.cookie;
    if conn.phase == phase::OVER {
        if EGRESS {
            turn::sent(conn, skb, &segment, now_ns, cookie);
        } else {
            turn::received(conn, skb, &segment, now_ns);
        }
        return None;
    }
    if EGRESS {
        conn.egress.now_ns = now_ns;
    } else {
        conn.ingress.now_ns = now_ns;
    }
    follow::<EGRESS>(conn, skb, &segment, cookie);
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

/// Time when the segment passed, ns. TCP stamps what it sends with the monotonic clock (`__tcp_transmit_skb`), so that
/// only what is received has to be timed here.
#[inline(always)]
unsafe fn time<const EGRESS: bool>(skb: *mut __sk_buff) -> u64 {
    // SAFETY: a member of the context.
    let stamp_ns = if EGRESS { unsafe { (*skb).tstamp } } else { 0 };
    if stamp_ns != 0 {
        stamp_ns
    } else {
        emit::now_ns()
    }
}

/// A SYN went by; payload begins at `base`.
#[inline(always)]
fn begin<const EGRESS: bool>(conn: &mut Conn, base: u32) {
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

/// Puts the segment where it belongs in the stream.
#[inline(always)]
fn follow<const EGRESS: bool>(
    conn: &mut Conn,
    skb: *mut __sk_buff,
    segment: &Segment,
    cookie: u64,
) {
    let edge = if EGRESS { &conn.sent } else { &conn.got };
    let end = segment.sequence.wrapping_add(segment.length);
    if edge.started == 0 {
        give_up(conn);
    } else if !after(end, edge.next) {
        // All of it was seen before.
    } else if !after(segment.sequence, edge.next) {
        let packet = Packet {
            skb,
            offset: segment.offset,
        };
        advance::<EGRESS, _>(conn, &packet, segment.sequence, segment.length, cookie);
        if !EGRESS && conn.held != 0 && conn.outcome == 0 {
            drain(conn, cookie);
        }
    } else if EGRESS {
        give_up(conn);
    } else {
        // SAFETY: the context.
        if unsafe { held::keep(skb, segment, cookie, u32::from(conn.held)) } {
            conn.held += 1;
        } else {
            give_up(conn);
        }
    }
}

/// Takes in order bytes of which at least the last is new.
#[inline(always)]
fn advance<const EGRESS: bool, S: Source>(
    conn: &mut Conn,
    source: &S,
    sequence: u32,
    length: u32,
    cookie: u64,
) {
    let (stream, edge) = if EGRESS {
        (&mut conn.egress, &conn.sent)
    } else {
        (&mut conn.ingress, &conn.got)
    };
    stream.position = bytes_between(sequence, edge.next);
    stream.length = length;
    let end = sequence.wrapping_add(length);
    if conn.phase == phase::WAITING && !opens_tls::<EGRESS, S>(conn, source) {
        conn.outcome = tls::NOT_TLS;
        set_next::<EGRESS>(conn, end);
        return;
    }
    hello::capture::<EGRESS, S>(conn, source, cookie);
    walk::<EGRESS, S>(conn, source);
    set_next::<EGRESS>(conn, end);
}

#[inline(always)]
fn set_next<const EGRESS: bool>(conn: &mut Conn, next: u32) {
    if EGRESS {
        conn.sent.next = next;
    } else {
        conn.got.next = next;
    }
}

/// The first payload of the connection: the client's, and it begins like a TLS record?
#[inline(always)]
fn opens_tls<const EGRESS: bool, S: Source>(conn: &mut Conn, source: &S) -> bool {
    let mut first = [0u8; 8];
    if !EGRESS || !source.load(0, (&raw mut first).cast(), 1) {
        return false;
    }
    if first[0] != FIRST_BYTE_OF_TLS {
        // RFC 9113 3.4: the preface of HTTP/2 in clear begins with "PRI * HTTP/2.0".
        let preface = first[0] == b'P' && source.load(0, (&raw mut first).cast(), 4);
        conn.turn.h2 =
            u8::from(preface && first[1] == b'R' && first[2] == b'I' && first[3] == b' ');
        return false;
    }
    conn.phase = phase::HANDSHAKE;
    conn.tls_start_ns = conn.egress.now_ns;
    conn.egress.want = 6;
    true
}

/// Takes the held segments that are now in order; two rounds, for they may lie in any order.
#[inline(never)]
fn drain(conn: &mut Conn, cookie: u64) {
    let mut turn = 0u32;
    while turn < 2 * HELD_SEGMENTS {
        let key = HeldKey {
            cookie,
            slot: turn % HELD_SEGMENTS,
            pad: 0,
        };
        turn += 1;
        let Some(held) = maps::HELD.get_ptr(key) else {
            continue;
        };
        // SAFETY: a checked map value.
        let (sequence, length) = unsafe { ((*held).sequence, (*held).length) };
        if after(sequence, conn.got.next) || conn.outcome != 0 {
            continue;
        }
        if after(sequence.wrapping_add(length), conn.got.next) {
            advance::<false, _>(conn, &Kept { held }, sequence, length, cookie);
        }
        let _ = maps::HELD.remove(key);
    }
}

/// Reports an outcome once; from here on the connection carries requests. A request in clear is told with its
/// first bytes.
#[inline(always)]
fn report<const EGRESS: bool>(
    conn: &mut Conn,
    skb: *mut __sk_buff,
    segment: &Segment,
    cookie: u64,
) {
    let packet = Packet {
        skb,
        offset: segment.offset,
    };
    let is_clear = EGRESS && conn.phase == phase::WAITING && conn.outcome == tls::NOT_TLS;
    conn.phase = phase::OVER;
    if !is_clear || !hello::capture_clear(&packet, segment.length, cookie, conn.egress.now_ns) {
        emit::tls(conn, cookie);
    }
    let stream = if EGRESS { &conn.egress } else { &conn.ingress };
    let rest = bytes_between(stream.position, stream.length);
    let leftover = conn.outcome == tls::NOT_TLS || rest > stream.skip;
    turn::begin::<EGRESS>(conn, leftover, cookie);
}
