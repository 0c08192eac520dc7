//! Hook: `tp_btf/tcp_rcv_space_adjust` (net/ipv4/tcp_input.c, called by `tcp_recvmsg_locked` after it has
//! copied data out); kernel 6.1. How long received data waited for the application, and
//! how much of that the thread that reads it waited for a CPU.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use tracer_common::record::turn::{SLOW_PICKUP_NS, UNMEASURED};

use crate::{
    conn::{self, Conn},
    emit,
    maps::global,
    sock::Sock,
    waits,
};

#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
pub fn pickup(ctx: BtfTracePointContext) -> i32 {
    // Argument: (struct sock *sk).
    let sock = Sock(ctx.arg(0));
    if let Some(conn) = conn::of(sock) {
        // The clock comes first: it waits for loads before it, not for those behind it, and what the receive path
        // has written comes from another CPU.
        let now_ns = emit::now_ns();
        picked_up(conn, now_ns);
    }
    0
}

/// What has been waiting is read.
#[inline(always)]
fn picked_up(conn: &mut Conn, now_ns: u64) {
    let (turn, ready_ns) = (&mut conn.turn, conn.answer.ready_ns);
    let waited_ns = now_ns.wrapping_sub(ready_ns);
    let is_response = ready_ns > turn.read_ns && ready_ns >= turn.start_ns;
    if is_response && waited_ns > turn.pickup_ns {
        turn.pickup_ns = waited_ns;
        if waited_ns >= SLOW_PICKUP_NS {
            conn.pickup_cpu_ns = if global!(OFFSETS.task_run_delay) == 0 {
                UNMEASURED
            } else {
                waits::since(ready_ns, now_ns).unwrap_or(UNMEASURED)
            };
        }
    }
    turn.read_ns = now_ns;
}
