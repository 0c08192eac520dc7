//! Loops that the verifier does not unroll.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_loop;

/// Calls `step` with a number and `state`, at most `most` times, until it returns 1.
#[inline(always)]
pub fn repeat<T>(most: u32, step: extern "C" fn(u64, *mut T) -> u64, state: &mut T) {
    // SAFETY: the callback's signature is what bpf_loop asks for; it gets `state` back, which outlives the call.
    unsafe {
        bpf_loop(most, step as *mut c_void, (&raw mut *state).cast(), 0);
    }
}
