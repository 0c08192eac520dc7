//! Hook: `tp_btf/tcp_rcv_space_adjust` (net/ipv4/tcp_input.c, called by `tcp_recvmsg_locked` after it has
//! copied data out); kernel 6.1. How long received data waited for the application, and
//! how much of that the thread that reads it waited for a CPU.

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::btf_tracepoint, programs::BtfTracePointContext};

use tracer_common::record::turn::{SLOW_PICKUP_NS, UNMEASURED};

use crate::{conn, maps::global, sock::Sock, waits};

#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
pub fn pickup(ctx: BtfTracePointContext) -> i32 {
    // Argument: (struct sock *sk).
    let sock = Sock(ctx.arg(0));
    // SAFETY: a typed socket.
    if let Some(conn) = unsafe { conn::find(sock.as_ptr()) } {
        let (turn, answer) = (&mut conn.turn, &conn.answer);
        // SAFETY: no arguments.
        let now_ns = unsafe { bpf_ktime_get_ns() };
        let waited_ns = now_ns.wrapping_sub(answer.ready_ns);
        let is_response = answer.ready_ns > turn.read_ns && answer.ready_ns >= turn.start_ns;
        if is_response && waited_ns > turn.pickup_ns {
            turn.pickup_ns = waited_ns;
            if waited_ns >= SLOW_PICKUP_NS && global!(OFFSETS.task_run_delay) != 0 {
                conn.pickup_cpu_ns = waits::since(answer.ready_ns, now_ns).unwrap_or(UNMEASURED);
            }
        }
        turn.read_ns = now_ns;
    }
    0
}
