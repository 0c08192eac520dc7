//! Counters of losses and of events that could not be followed, a set for each CPU.

use tracer_common::counter::Counter;
use tracer_flow::difference::elapsed;

use crate::maps;

/// Adds one to a counter.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(slot) = maps::COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: a per-CPU slot of the map.
        unsafe { *slot += 1 }
    }
}

/// Duration of a phase. If its end is before its beginning, it is None and counted as lost.
#[inline(always)]
pub fn duration(end_ns: u64, start_ns: u64) -> Option<u64> {
    let duration_ns = elapsed(end_ns, start_ns);
    if duration_ns.is_none() {
        count(Counter::NegativeDuration);
    }
    duration_ns
}
