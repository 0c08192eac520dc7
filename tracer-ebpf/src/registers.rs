//! Registers of a process at a probe: arguments by the convention of C and by that of Go (from 1.17 on), return values, stack
//! pointer and goroutine.

use aya_ebpf::{EbpfContext, bindings::pt_regs};
use tracer_flow::difference::address_difference;

/// Registers of the process.
pub struct Registers(*const pt_regs);

/// Reads a member of the registers.
macro_rules! register {
    ($registers:expr, $($member:tt)+) => {
        // SAFETY: a member of the program's context.
        unsafe { (&raw const (*$registers.0).$($member)+).read_volatile() }
    };
}

impl Registers {
    /// Registers of a probe's context.
    #[inline(always)]
    pub fn of<C: EbpfContext>(context: &C) -> Self {
        Self(context.as_ptr().cast_const().cast())
    }
}

#[cfg(bpf_target_arch = "x86_64")]
impl Registers {
    /// Bytes that the return of a function takes from the stack.
    const RETURN_ADDRESS: u64 = 8;

    /// First four arguments of a C function.
    #[inline(always)]
    pub fn arguments(&self) -> [u64; 4] {
        [
            register!(self, rdi),
            register!(self, rsi),
            register!(self, rdx),
            register!(self, rcx),
        ]
    }

    /// First three arguments of a Go function.
    #[inline(always)]
    pub fn go_arguments(&self) -> [u64; 3] {
        [
            register!(self, rax),
            register!(self, rbx),
            register!(self, rcx),
        ]
    }

    /// Return value, in C and in Go.
    #[inline(always)]
    pub fn returned(&self) -> u64 {
        register!(self, rax)
    }

    /// Address of the goroutine.
    #[inline(always)]
    pub fn goroutine(&self) -> u64 {
        register!(self, r14)
    }

    /// Stack pointer.
    #[inline(always)]
    pub fn stack(&self) -> u64 {
        register!(self, rsp)
    }
}

#[cfg(bpf_target_arch = "aarch64")]
impl Registers {
    /// Bytes that the return of a function takes from the stack.
    const RETURN_ADDRESS: u64 = 0;

    /// First four arguments of a C function.
    #[inline(always)]
    pub fn arguments(&self) -> [u64; 4] {
        [
            register!(self, regs[0]),
            register!(self, regs[1]),
            register!(self, regs[2]),
            register!(self, regs[3]),
        ]
    }

    /// First three arguments of a Go function.
    #[inline(always)]
    pub fn go_arguments(&self) -> [u64; 3] {
        [
            register!(self, regs[0]),
            register!(self, regs[1]),
            register!(self, regs[2]),
        ]
    }

    /// Return value, in C and in Go.
    #[inline(always)]
    pub fn returned(&self) -> u64 {
        register!(self, regs[0])
    }

    /// Address of the goroutine.
    #[inline(always)]
    pub fn goroutine(&self) -> u64 {
        register!(self, regs[28])
    }

    /// Stack pointer.
    #[inline(always)]
    pub fn stack(&self) -> u64 {
        register!(self, sp)
    }
}

impl Registers {
    /// Stack pointer at the entry of a C function that has just returned.
    #[inline(always)]
    pub fn stack_before_return(&self) -> u64 {
        address_difference(Self::RETURN_ADDRESS, self.stack())
    }
}
