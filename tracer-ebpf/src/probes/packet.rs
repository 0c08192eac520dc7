//! Hook: `cgroup_skb` ingress and egress. UAPI only; kernel 6.1.
//!
//! Ingress runs before TCP orders segments (`sk_filter_trim_cap` in `tcp_v4_rcv`), egress when segments leave for the
//! IP layer (`ip_finish_output`). So `tracer_flow` puts segments in order itself. Packets always pass.

use aya_ebpf::{macros::cgroup_skb, programs::SkBuffContext};
use tracer_flow::packet;

use crate::{dns, emit, outside::Kernel, skb, storage};

const PASS: i32 = 1;

// The function becomes part of the program of its name, which leaves more of the stack to those that it calls.
#[cgroup_skb(ingress)]
#[inline(always)]
pub fn packet_in(ctx: SkBuffContext) -> i32 {
    // SAFETY: the program's own context.
    unsafe { try_packet::<false>(&ctx) };
    PASS
}

#[cgroup_skb(egress)]
#[inline(always)]
pub fn packet_out(ctx: SkBuffContext) -> i32 {
    // SAFETY: the program's own context.
    unsafe { try_packet::<true>(&ctx) };
    PASS
}

#[inline(always)]
unsafe fn try_packet<const EGRESS: bool>(ctx: &SkBuffContext) -> Option<()> {
    let skb = ctx.skb.skb;
    // An acknowledgement alone says nothing about a connection, so its socket needs no lookup.
    // SAFETY: the context.
    if unsafe { skb::has_no_payload(skb) } {
        return None;
    }
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
    let (packet, segment) = unsafe { skb::read(skb) }?;
    if packet::take::<EGRESS, _, _>(conn, &packet, &segment, &mut Kernel) {
        emit::log!(
            ctx,
            "handshake over cookie={} outcome={}",
            conn.cookie,
            conn.outcome
        );
    }
    None
}
