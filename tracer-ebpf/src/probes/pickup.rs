//! Hook: `tp_btf/tcp_rcv_space_adjust` (net/ipv4/tcp_input.c, called by `tcp_recvmsg_locked` after it has copied data
//! out); kernel 6.1. Measures how long received data waited for the application, and for how much of that time the
//! reading thread waited for a CPU.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use tracer_common::record::turn::{SLOW_PICKUP_NS, UNMEASURED};

use crate::{
    clock::now_ns, difference::elapsed, maps::global, run_queue, sock::Sock, state::conn::Conn,
    storage,
};

#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
pub fn pickup(ctx: BtfTracePointContext) -> i32 {
    // Argument: (struct sock *sk).
    let sock = Sock(ctx.arg(0));
    if let Some(conn) = storage::conn_of(sock) {
        // The clock is read first: reading it waits for earlier loads, not for later ones, and the values written by
        // the receive path come from another CPU.
        let now_ns = now_ns();
        picked_up(conn, now_ns);
    }
    0
}

/// Notes that the application reads data that was waiting.
#[inline(always)]
fn picked_up(conn: &mut Conn, now_ns: u64) {
    // Read once, because the receive path may set it at any time.
    // SAFETY: a member of a map value.
    let ready_ns = unsafe { core::ptr::read_volatile(&raw const conn.response.ready_ns) };
    let request = &mut conn.request;
    let is_response = ready_ns > request.read_ns && ready_ns >= request.start_ns;
    // Data that became ready after the clock was read was not there when the application copied data out: none of it
    // has been picked up, and no wait is lost. The next read finds it, and measures its wait.
    if let Some(waited_ns) = elapsed(now_ns, ready_ns)
        && is_response
        && waited_ns > request.pickup_ns
    {
        request.pickup_ns = waited_ns;
        if waited_ns >= SLOW_PICKUP_NS {
            conn.pickup_run_queue_ns = if global!(OFFSETS.task_run_delay) == 0 {
                UNMEASURED
            } else {
                run_queue::since(ready_ns, now_ns).unwrap_or(UNMEASURED)
            };
        }
    }
    request.read_ns = now_ns;
}
