//! Hooks: uprobes at `SSL_write`, `SSL_write_ex`, `SSL_read`, `SSL_read_ex` and `SSL_free` of OpenSSL and of the libraries that
//! have its interface (BoringSSL, AWS-LC, LibreSSL), and uretprobes at the first four; kernel 6.1. `SSL_peek` has no
//! probe, because its bytes are read again. What a function has written or read is known when it returns.

use aya_ebpf::{
    macros::{uprobe, uretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use tracer_common::record::direction::{EGRESS, INGRESS};

use crate::{registers::Registers, state::tls_object::Call, tls_object};

#[uprobe]
pub fn ssl_write(ctx: ProbeContext) -> u32 {
    enter::<false>(&Registers::of(&ctx), EGRESS);
    0
}

#[uprobe]
pub fn ssl_write_ex(ctx: ProbeContext) -> u32 {
    enter::<true>(&Registers::of(&ctx), EGRESS);
    0
}

#[uprobe]
pub fn ssl_read(ctx: ProbeContext) -> u32 {
    enter::<false>(&Registers::of(&ctx), INGRESS);
    0
}

#[uprobe]
pub fn ssl_read_ex(ctx: ProbeContext) -> u32 {
    enter::<true>(&Registers::of(&ctx), INGRESS);
    0
}

#[uretprobe]
pub fn ssl_return(ctx: RetProbeContext) -> u32 {
    let registers = Registers::of(&ctx);
    let depth = registers.stack_before_return();
    tls_object::returned(tls_object::thread(), depth, registers.returned(), 0);
    0
}

#[uprobe]
pub fn ssl_free(ctx: ProbeContext) -> u32 {
    tls_object::freed(Registers::of(&ctx).arguments()[0]);
    0
}

/// Notes a call. `EX`: the function stores the number of bytes, and returns 1. Arguments: (SSL *ssl, void *buf, int num), or
/// (SSL *ssl, void *buf, size_t num, size_t *count).
#[inline(always)]
fn enter<const EX: bool>(registers: &Registers, direction: u8) {
    let [object, buffer, length, count_at] = registers.arguments();
    let stack = registers.stack();
    let call = Call {
        object,
        buffer,
        // An int leaves the upper half of its register undefined.
        length: if EX { length } else { u64::from(length as u32) },
        count_at: if EX { count_at } else { 0 },
        position: 0,
        stack,
        stack_end: 0,
        direction: u32::from(direction),
        go: 0,
    };
    tls_object::entered(tls_object::thread(), stack, call);
}
