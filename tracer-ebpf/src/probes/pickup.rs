//! Hook: `tp_btf/tcp_rcv_space_adjust` (net/ipv4/tcp_input.c, called by `tcp_recvmsg_locked` after it has copied data
//! out); kernel 6.1. Measures how long received data waited for the application, and for how much of that time the
//! reading thread waited for a CPU.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use tracer_common::record::turn::UNMEASURED;
use tracer_flow::pickup;

use crate::{clock::now_ns, maps::global, run_queue, sock::Sock, storage};

#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
pub fn pickup(ctx: BtfTracePointContext) -> i32 {
    // Argument: (struct sock *sk).
    let sock = Sock(ctx.arg(0));
    if let Some(conn) = storage::conn_of(sock)
        && let Some(progress) = sock.progress()
    {
        // The clock is read first: reading it waits for earlier loads, not for later ones, and the values written by
        // the receive path come from another CPU.
        let now_ns = now_ns();
        pickup::read(conn, now_ns, progress, |ready_ns| {
            if global!(OFFSETS.task_run_delay) == 0 {
                return UNMEASURED;
            }
            run_queue::since(ready_ns, now_ns).unwrap_or(UNMEASURED)
        });
    }
    0
}
