//! Hooks: uprobes at `crypto/tls.(*Conn).Write` and `Read` of Go programs (from Go 1.17 on, whose functions have their
//! arguments in registers), and at each of their RETs; kernel 6.1. A uretprobe would put an address on a stack that Go may
//! move, so there is none.
//!
//! A goroutine may move to another thread in a call, and its stack to another place. So a call is known by its goroutine and
//! by its distance from the end of the stack (`g.stack.hi`).

use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use tracer_common::record::direction::{EGRESS, INGRESS};
use tracer_flow::difference::address_difference;

use crate::{registers::Registers, state::tls_object::Call, tls_object, user};

/// Offset of `stack.hi` in `struct g` (runtime/runtime2.go).
const STACK_END: u64 = 8;

#[uprobe]
pub fn go_tls_write(ctx: ProbeContext) -> u32 {
    enter(&Registers::of(&ctx), EGRESS);
    0
}

#[uprobe]
pub fn go_tls_read(ctx: ProbeContext) -> u32 {
    enter(&Registers::of(&ctx), INGRESS);
    0
}

#[uprobe]
pub fn go_tls_return(ctx: ProbeContext) -> u32 {
    let registers = Registers::of(&ctx);
    let end = stack_end(&registers);
    let depth = address_difference(registers.stack(), end);
    tls_object::returned(registers.goroutine(), depth, registers.returned(), end);
    0
}

/// Notes a call. Arguments: (c *Conn, b []byte), where a slice is address, length and capacity.
#[inline(always)]
fn enter(registers: &Registers, direction: u8) {
    let [object, buffer, length] = registers.go_arguments();
    let (stack, stack_end) = (registers.stack(), stack_end(registers));
    let call = Call {
        object,
        buffer,
        length,
        count_at: 0,
        position: 0,
        stack,
        stack_end,
        direction: u32::from(direction),
        go: 1,
    };
    tls_object::entered(
        registers.goroutine(),
        address_difference(stack, stack_end),
        call,
    );
}

#[inline(always)]
fn stack_end(registers: &Registers) -> u64 {
    user::word(registers.goroutine().wrapping_add(STACK_END)).unwrap_or(0)
}
