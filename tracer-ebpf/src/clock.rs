//! The clock of all times in records.

use aya_ebpf::helpers::bpf_ktime_get_ns;

/// CLOCK_MONOTONIC, ns.
#[inline(always)]
pub fn now_ns() -> u64 {
    // SAFETY: no arguments, no effects.
    unsafe { bpf_ktime_get_ns() }
}
