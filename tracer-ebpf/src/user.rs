//! Memory of the current process.

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use tracer_flow::source::Source;

/// Bytes that begin at an address of the current process.
pub struct UserBytes(pub u64);

impl Source for UserBytes {
    #[inline(always)]
    unsafe fn load(&self, position: u32, to: *mut u8, length: u32) -> bool {
        let from = self.0.wrapping_add(u64::from(position));
        // SAFETY: the caller's buffer holds `length` bytes; an address that cannot be read makes the helper fail.
        unsafe { bpf_probe_read_user(to.cast(), length, from as *const _) == 0 }
    }
}

/// Word at an address; None if it cannot be read.
#[inline(always)]
pub fn word(address: u64) -> Option<u64> {
    UserBytes(address).bytes::<8>(0).map(u64::from_ne_bytes)
}
