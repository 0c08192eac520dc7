//! Puts segments of a handshake that arrive early into the out-of-order queue until the gap before them is filled: the
//! application cannot read them sooner either. Few handshakes need this; the map is small.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_probe_read_kernel, bpf_skb_load_bytes},
};
use tracer_common::counter::Counter;

use crate::{
    bound::{between_one_and, masked},
    count::count,
    flow::{segment::Segment, source::Source},
    maps,
    state::out_of_order::{QUEUED_BYTES, QUEUED_SEGMENTS, QueueKey, Queued},
};

/// A segment from the queue.
pub struct QueuedSegment {
    pub queued: *const Queued,
}

impl Source for QueuedSegment {
    #[inline(always)]
    fn load(&self, position: u32, to: *mut c_void, length: u32) -> bool {
        let at = masked::<{ QUEUED_BYTES as u64 - 1 }>(position);
        // SAFETY: reads at most a little beyond the map value; the caller has checked that the bytes are in it, and a
        // fault only makes the helper fail.
        unsafe {
            let from = (&raw const (*self.queued).bytes).cast::<u8>().add(at);
            bpf_probe_read_kernel(to, length, from.cast()) == 0
        }
    }
}

/// Puts a segment into the queue. False when it does not fit.
///
/// # Safety
/// `skb` is the program's context.
#[inline(always)]
pub unsafe fn push(skb: *mut __sk_buff, segment: &Segment, cookie: u64, slot: u32) -> bool {
    let fits = slot < QUEUED_SEGMENTS
        && segment.length as usize <= QUEUED_BYTES
        // SAFETY: `skb` is the context.
        && unsafe { copy(skb, segment, &QueueKey { cookie, slot, pad: 0 }) }.is_some();
    if !fits {
        count(Counter::OutOfOrderFull);
    }
    fits
}

#[inline(always)]
unsafe fn copy(skb: *mut __sk_buff, segment: &Segment, key: &QueueKey) -> Option<()> {
    // SAFETY: the pointers come from the maps and are checked; the helper writes at most
    // QUEUED_BYTES into `bytes`.
    unsafe {
        let empty = maps::EMPTY_SEGMENT.get_ptr(0)?;
        #[expect(
            clippy::needless_borrows_for_generic_args,
            reason = "by value it would not fit the stack"
        )]
        maps::OUT_OF_ORDER.insert(key, &*empty, 0).ok()?;
        let queued = maps::OUT_OF_ORDER.get_ptr_mut(key)?;
        (*queued).sequence = segment.sequence;
        (*queued).length = segment.length;
        let length = between_one_and::<{ QUEUED_BYTES as u64 }>(segment.length);
        let status = bpf_skb_load_bytes(
            skb.cast(),
            segment.offset,
            (&raw mut (*queued).bytes).cast(),
            length,
        );
        (status == 0).then_some(())
    }
}
