//! Hook: `tp_btf/tcp_retransmit_skb` (net/ipv4/tcp_output.c, `__tcp_retransmit_skb`); kernel 6.1.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::tcp_state::SYN_SENT;

use crate::{sock::Sock, storage};

#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn retransmit(ctx: BtfTracePointContext) -> i32 {
    // Arguments: (const struct sock *sk, const struct sk_buff *skb[, int err from 6.15]).
    let sock = Sock(ctx.arg(0));
    if let Some(conn) = storage::conn_of(sock)
        && sock.state() == SYN_SENT
    {
        conn.syn_retransmits = conn.syn_retransmits.wrapping_add(1);
    }
    0
}
