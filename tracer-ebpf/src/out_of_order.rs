//! Puts segments of a handshake that arrive early into the out-of-order queue until the gap before them is filled: the
//! application cannot read them sooner either. Few handshakes need this; the map is small.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use tracer_common::counter::Counter;
use tracer_flow::{
    bound::{between_one_and, masked},
    outside::{Early, QUEUED_BYTES, QUEUED_SEGMENTS},
    segment::Segment,
    source::Source,
};

use crate::{
    count::count,
    maps,
    state::out_of_order::{QueueKey, Queued},
};

/// A segment from the queue.
pub struct QueuedSegment {
    queued: *const Queued,
}

impl Source for QueuedSegment {
    #[inline(always)]
    unsafe fn load(&self, position: u32, to: *mut u8, length: u32) -> bool {
        let at = masked::<{ QUEUED_BYTES as u64 - 1 }>(position);
        // SAFETY: reads at most a little beyond the map value; the caller has checked that the bytes are in it, and a
        // fault only makes the helper fail.
        unsafe {
            let from = (&raw const (*self.queued).bytes).cast::<u8>().add(at);
            bpf_probe_read_kernel(to.cast(), length, from.cast()) == 0
        }
    }
}

/// Puts a segment into a slot of its connection. False when it does not fit.
#[inline(always)]
pub fn push<S: Source>(source: &S, segment: &Segment, cookie: u64, slot: u32) -> bool {
    let fits = slot < QUEUED_SEGMENTS
        && segment.length as usize <= QUEUED_BYTES
        && copy(source, segment, &key(cookie, slot)).is_some();
    if !fits {
        count(Counter::OutOfOrderFull);
    }
    fits
}

#[inline(always)]
fn copy<S: Source>(source: &S, segment: &Segment, key: &QueueKey) -> Option<()> {
    // SAFETY: the pointers come from the maps and are checked; at most QUEUED_BYTES are written into `bytes`.
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
        source
            .load(0, (&raw mut (*queued).bytes).cast(), length)
            .then_some(())
    }
}

/// Segment in a slot of a connection.
#[inline(always)]
pub fn get(cookie: u64, slot: u32) -> Option<Early<QueuedSegment>> {
    let queued = maps::OUT_OF_ORDER.get_ptr(key(cookie, slot))?;
    // SAFETY: a checked map value.
    let (sequence, length) = unsafe { ((*queued).sequence, (*queued).length) };
    Some(Early {
        segment: Segment {
            sequence,
            length,
            syn: false,
        },
        source: QueuedSegment { queued },
    })
}

/// Empties a slot of a connection.
#[inline(always)]
pub fn remove(cookie: u64, slot: u32) {
    let _ = maps::OUT_OF_ORDER.remove(key(cookie, slot));
}

#[inline(always)]
fn key(cookie: u64, slot: u32) -> QueueKey {
    QueueKey {
        cookie,
        slot,
        pad: 0,
    }
}
