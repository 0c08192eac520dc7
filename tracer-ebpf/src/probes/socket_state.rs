//! Hook: `tp_btf/inet_sock_set_state` (net/ipv4/af_inet.c, `inet_sk_set_state`); kernel 6.1.
//!
//! SYN_SENT is set in `tcp_v4_connect` and `tcp_v6_connect`, in the caller's context: the owner is the current task. At
//! CLOSE after a connect, the reason is in `sk_err` (`tcp_reset`, `tcp_write_err`, `tcp_v4_err`). TIME_WAIT has no
//! event of its own: `tcp_time_wait` makes a separate mini-socket and closes this one, so this program looks for signs
//! of TIME_WAIT at CLOSE.
//!
//! Two programs with the same body are attached. The kernel skips a tracing program that is running on the same
//! processor already (`__bpf_trace_run` in kernel/trace/bpf_trace.c), and a packet that interrupts the program may close
//! another connection. The interrupted program is skipped then, and the other one is not: an interrupt nests once only,
//! so one of the two sees each change. The one that comes second finds the new state in the connection.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{
    errno::{ECONNRESET, EPIPE, ETIMEDOUT},
    record::{close_outcome, closer, connect},
    tcp_state as state,
};
use tracer_flow::{close, conn::Conn};

use crate::{
    clock::now_ns,
    dns,
    emit::{self, Ending},
    filter,
    outside::Kernel,
    sock::{Sock, Task},
    storage,
};

/// Bits of `sk_flags`, `enum sock_flags` in include/net/sock.h.
const SOCK_DEAD: u64 = 1 << 0;
const SOCK_DONE: u64 = 1 << 1;

#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn socket_state(ctx: BtfTracePointContext) -> i32 {
    changed(&ctx);
    0
}

/// The second program of the pair.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn socket_state_2(ctx: BtfTracePointContext) -> i32 {
    changed(&ctx);
    0
}

#[inline(always)]
fn changed(ctx: &BtfTracePointContext) {
    // Arguments: (const struct sock *sk, int oldstate, int newstate).
    let sock = Sock(ctx.arg(0));
    let old: i32 = ctx.arg(1);
    let new: i32 = ctx.arg(2);
    try_socket_state(ctx, sock, old as u8, new as u8);
}

#[inline(always)]
fn try_socket_state(ctx: &BtfTracePointContext, sock: Sock, old: u8, new: u8) -> Option<()> {
    if new == state::SYN_SENT {
        if storage::conn_of(sock).is_some_and(|conn| conn.tcp_state == new) {
            return None;
        }
        opening(sock)?;
        emit::log!(ctx, "connect cookie={}", sock.cookie());
        return None;
    }
    if !matches!(
        new,
        state::ESTABLISHED | state::CLOSE_WAIT | state::FIN_WAIT1 | state::LAST_ACK | state::CLOSE
    ) {
        return None;
    }
    let conn = storage::conn_of(sock)?;
    if conn.traced == 0 || conn.tcp_state == new {
        return None;
    }
    conn.tcp_state = new;
    match new {
        state::ESTABLISHED => {
            emit::log!(ctx, "established cookie={}", sock.cookie());
            established(sock, conn, old);
        }
        state::CLOSE_WAIT => close::begin(conn, closer::SERVER, now_ns(), &mut Kernel),
        state::FIN_WAIT1 | state::LAST_ACK => {
            let now_ns = now_ns();
            close::begin(conn, closer::CLIENT, now_ns, &mut Kernel);
            close::sends_no_more(conn, sock.reads_no_more(), now_ns, &mut Kernel);
        }
        state::CLOSE => {
            emit::log!(ctx, "close cookie={} old={}", sock.cookie(), old);
            closed(sock, conn, old);
        }
        _ => {}
    }
    None
}

/// Starts tracing a socket on which connect was called, if the filter admits it.
#[inline(always)]
fn opening(sock: Sock) -> Option<()> {
    if !sock.is_tcp() {
        return None;
    }
    let task = Task::current();
    let tgid = task.tgid();
    if !filter::admits_process(task, tgid) || !filter::admits_destination(sock) {
        return None;
    }
    // SAFETY: a typed socket.
    let conn = unsafe { storage::conn_or_new(sock.as_ptr()) }?;
    if conn.cookie != 0 {
        // A socket may connect again after a failure: start with empty state.
        // SAFETY: plain integers.
        unsafe { core::ptr::write_bytes(conn, 0, 1) };
    }
    conn.start_ns = now_ns();
    conn.traced = 1;
    conn.tcp_state = state::SYN_SENT;
    conn.dns = u8::from(dns::is_name_server(sock.remote_port()));
    conn.cookie = sock.cookie();
    conn.mptcp = u8::from(sock.is_subflow());
    conn.tgid = tgid;
    conn.netns = sock.netns();
    conn.cgroup = task.cgroup();
    conn.comm = task.process_comm();
    Some(())
}

#[inline(always)]
fn established(sock: Sock, conn: &mut Conn, old: u8) {
    if old != state::SYN_SENT && old != state::SYN_RECV {
        return;
    }
    let now_ns = now_ns();
    conn.established_ns = now_ns;
    // Its SYN was not seen: the socket was made in a cgroup where packets are not watched.
    conn.unwatched = u8::from(conn.sent.started == 0);
    let is_told = emit::connect(sock, conn, connect::ESTABLISHED, 0, now_ns);
    conn.untold = u8::from(!is_told);
}

#[inline(always)]
fn closed(sock: Sock, conn: &mut Conn, old: u8) {
    let (error, now_ns) = (sock.error(), now_ns());
    if old == state::SYN_SENT || (old == state::SYN_RECV && conn.established_ns == 0) {
        let outcome = match (error, sock.tcp_figures().segments_out) {
            (0, 0) => connect::NOT_SENT,
            (0, _) => connect::ABORTED,
            _ => connect::FAILED,
        };
        emit::connect(sock, conn, outcome, error, now_ns);
        conn.traced = 0;
        return;
    }
    if conn.closer == 0 {
        conn.closer = closer_without_fin(error);
        conn.closing_ns = now_ns;
    }
    close::finish_handshake(conn, &mut Kernel);
    close::finish_turns(conn, now_ns, &mut Kernel);
    let ending = Ending {
        now_ns,
        error,
        old_state: old,
        close_outcome: close_outcome_of(sock, old, error),
        figures: sock.tcp_figures(),
    };
    emit::close(conn, &ending);
    conn.traced = 0;
}

/// Closer of a connection without a FIN. An error shows which side broke it; without an error it was the client itself
/// (unread data, SO_LINGER 0, `tcp_disconnect`), which sends its RST after this event.
#[inline(always)]
fn closer_without_fin(error: u32) -> u8 {
    match error {
        ECONNRESET | EPIPE => closer::SERVER_RESET,
        ETIMEDOUT => closer::TIMEOUT,
        0 => closer::CLIENT_RESET,
        _ => closer::UNKNOWN,
    }
}

/// Outcome of a close, by the rules of net/ipv4/tcp_input.c (`tcp_fin`, `tcp_rcv_state_process`) and tcp.c
/// (`__tcp_close`).
#[inline(always)]
fn close_outcome_of(sock: Sock, old: u8, error: u32) -> u8 {
    let flags = sock.flags();
    if error != 0 || (old != state::FIN_WAIT2 && old != state::CLOSING) {
        return close_outcome::NONE;
    }
    if flags & SOCK_DONE != 0 {
        return close_outcome::TIME_WAIT;
    }
    if old == state::FIN_WAIT2 && flags & SOCK_DEAD != 0 {
        return close_outcome::ORPHAN;
    }
    close_outcome::NONE
}
