//! Hooks: `cgroup/connect4`, `cgroup/connect6`, `cgroup/sendmsg4`, `cgroup/sendmsg6` and `cgroup/sock_release`
//! (`inet_stream_connect`, `udp_pre_connect`, `udp_sendmsg`, `inet_release`); kernel 6.1. These programs note the owner
//! of a socket that queries port 53, and the end of the socket. All run in the context of the caller, so the owner is
//! the current task.
//!
//! A connected datagram socket belongs to the process that connected it: queries of a forked child through its parent's
//! socket are counted for the parent.

use aya_ebpf::{
    macros::{cgroup_sock, cgroup_sock_addr},
    programs::{SockAddrContext, SockContext},
};

use tracer_common::dns::PORT;

use crate::{dns, filter, sock::Task};

const PASS: i32 = 1;

#[cgroup_sock_addr(connect4)]
pub fn dns_connect4(ctx: SockAddrContext) -> i32 {
    addressed(&ctx);
    PASS
}

#[cgroup_sock_addr(connect6)]
pub fn dns_connect6(ctx: SockAddrContext) -> i32 {
    addressed(&ctx);
    PASS
}

#[cgroup_sock_addr(sendmsg4)]
pub fn dns_sendmsg4(ctx: SockAddrContext) -> i32 {
    addressed(&ctx);
    PASS
}

#[cgroup_sock_addr(sendmsg6)]
pub fn dns_sendmsg6(ctx: SockAddrContext) -> i32 {
    addressed(&ctx);
    PASS
}

/// Notes the current task as owner if it gives a socket a destination on port 53.
#[inline(always)]
fn addressed(ctx: &SockAddrContext) {
    // SAFETY: a member of the context, network order in the low half.
    let port = unsafe { (*ctx.sock_addr).user_port };
    if port != u32::from(PORT.to_be()) {
        return;
    }
    let task = Task::current();
    if !filter::admits_process(task, task.tgid()) {
        return;
    }
    // SAFETY: a member of the context; a socket pointer the verifier knows.
    unsafe {
        let sk = (*ctx.sock_addr).__bindgen_anon_1.sk;
        if !sk.is_null() {
            dns::own(sk.cast(), task);
        }
    }
}

#[cgroup_sock(sock_release)]
pub fn dns_release(ctx: SockContext) -> i32 {
    // SAFETY: the program's own context, which is the socket.
    unsafe { dns::release(ctx.sock) };
    PASS
}
