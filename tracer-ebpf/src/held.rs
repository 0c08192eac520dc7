//! Segments of a handshake that arrived out of order are held back until the gap is filled: the
//! application cannot read them sooner either. Few handshakes need this; the map is small.

use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_skb_load_bytes};
use tracer_common::counter::Counter;

use crate::{bound::between_one_and, emit, maps, segment::Segment};

/// Bytes kept of one segment.
pub const HELD_BYTES: usize = 4096;
/// Segments kept of one connection.
pub const HELD_SEGMENTS: u32 = 4;

/// Slot of a connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HeldKey {
    pub cookie: u64,
    pub slot: u32,
    pub pad: u32,
}

/// A segment that is held back.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Held {
    pub sequence: u32,
    pub length: u32,
    pub bytes: [u8; HELD_BYTES],
}

/// Keeps a segment. False when it does not fit.
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
pub unsafe fn keep(skb: *mut __sk_buff, segment: &Segment, cookie: u64, slot: u32) -> bool {
    let kept = slot < HELD_SEGMENTS
        && segment.length as usize <= HELD_BYTES
        // SAFETY: `skb` is the context.
        && unsafe { copy(skb, segment, &HeldKey { cookie, slot, pad: 0 }) }.is_some();
    if !kept {
        emit::count(Counter::OutOfOrderFull);
    }
    kept
}

#[inline(always)]
unsafe fn copy(skb: *mut __sk_buff, segment: &Segment, key: &HeldKey) -> Option<()> {
    // SAFETY: the pointers come from the maps and are checked; the helper writes at most
    // HELD_BYTES into `bytes`.
    unsafe {
        let empty = maps::HELD_EMPTY.get_ptr(0)?;
        #[expect(
            clippy::needless_borrows_for_generic_args,
            reason = "by value it would not fit the stack"
        )]
        maps::HELD.insert(key, &*empty, 0).ok()?;
        let held = maps::HELD.get_ptr_mut(key)?;
        (*held).sequence = segment.sequence;
        (*held).length = segment.length;
        let length = between_one_and::<{ HELD_BYTES as u64 }>(segment.length);
        let status = bpf_skb_load_bytes(
            skb.cast(),
            segment.offset,
            (&raw mut (*held).bytes).cast(),
            length,
        );
        (status == 0).then_some(())
    }
}
