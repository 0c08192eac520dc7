//! Loops that the verifier does not unroll.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_loop;

/// Calls `step` at most `most` times, until it returns true.
#[inline(always)]
pub fn repeat<F: FnMut() -> bool>(most: u32, mut step: F) {
    let callback: extern "C" fn(u64, *mut F) -> u64 = call::<F>;
    // SAFETY: the callback's signature is what bpf_loop asks for; it gets `step` back, which outlives the call.
    unsafe {
        bpf_loop(most, callback as *mut c_void, (&raw mut step).cast(), 0);
    }
}

/// Callback of the loop; 1 ends it.
extern "C" fn call<F: FnMut() -> bool>(_number: u64, step: *mut F) -> u64 {
    // SAFETY: bpf_loop hands back the pointer given to it.
    u64::from(unsafe { (*step)() })
}
