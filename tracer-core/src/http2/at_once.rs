//! Most streams that one connection had in flight at once.

use super::news::Ended;
use crate::in_flight::InFlight;

/// Streams after which the highest number is worked out again.
const EACH: u32 = 16;

/// Streams of one connection at once.
#[derive(Debug, Default)]
pub struct AtOnce {
    in_flight: InFlight,
    added: u32,
}

impl AtOnce {
    /// Adds a stream that has ended. `most`: number of streams that were open at once at most. Returns true when it is time
    /// to look at the peak.
    pub fn add(&mut self, ended: &Ended, most: u64) -> bool {
        if ended.begin_ns == 0 || ended.last_ns == 0 {
            return false;
        }
        self.in_flight.add(ended.begin_ns, ended.last_ns, most);
        self.added = self.added.wrapping_add(1);
        self.added.is_multiple_of(EACH)
    }

    /// Highest number in flight at the same time.
    pub fn peak(&self) -> u64 {
        self.in_flight.peak()
    }
}
