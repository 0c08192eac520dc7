//! How many requests were in flight at once.
//!
//! A turn is reported when it is over, and turns end in any order: so what counts is how many of them cover a
//! tick of the clock. A tick is 10 ms; ticks without a request take no room. The peak is exact at the ticks; a
//! burst that comes and goes between two of them shows as what was seen of it.

/// Distance of the ticks, ns.
pub const TICK_NS: u64 = 10_000_000;
/// Ticks that may still grow, in a group of many connections and in a host's.
const ROOMY: usize = 8192;
const SMALL: usize = 64;

/// Requests in flight at the latest busy ticks, and the most of all ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    /// (tick, requests), in order.
    ticks: Vec<(u32, u32)>,
    peak: u32,
    roomy: bool,
}

impl InFlight {
    /// With room for the ticks of many connections.
    pub fn roomy() -> Self {
        Self {
            roomy: true,
            ..Self::default()
        }
    }

    /// Most at a tick; at least one when there was a request.
    pub fn peak(&self) -> u64 {
        self.peak.into()
    }

    /// A request was in flight, and certainly no other.
    pub fn add_alone(&mut self) {
        self.peak = self.peak.max(1);
    }

    /// A request was in flight from `start_ns` up to `end_ns`.
    pub fn add(&mut self, start_ns: u64, end_ns: u64) {
        self.peak = self.peak.max(1);
        let limit = if self.roomy { ROOMY } else { SMALL };
        let to = end_ns.div_ceil(TICK_NS);
        let from = start_ns
            .div_ceil(TICK_NS)
            .max(to.saturating_sub(limit as u64));
        if from >= to {
            return;
        }
        self.make_room(limit, (to - from) as usize);
        let first = self
            .ticks
            .partition_point(|&(tick, _)| u64::from(tick) < from);
        for (at, tick) in (first..).zip(from as u32..to as u32) {
            match self.ticks.get_mut(at) {
                Some((known, count)) if *known == tick => {
                    *count += 1;
                    self.peak = self.peak.max(*count);
                }
                _ => self.ticks.insert(at, (tick, 1)),
            }
        }
    }

    /// Forgets the earliest ticks; their counts are in the peak already.
    fn make_room(&mut self, limit: usize, needed: usize) {
        let excess = (self.ticks.len() + needed).saturating_sub(limit);
        if excess > 0 {
            let half = (limit / 2).max(excess).min(self.ticks.len());
            self.ticks.drain(..half);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn overlaps_are_counted_in_any_order() {
        #[track_caller]
        fn check(requests: &[(u64, u64)], peak: u64) {
            let mut in_flight = InFlight::roomy();
            for &(start, end) in requests {
                in_flight.add(start * MS, end * MS);
            }
            assert_eq!(in_flight.peak(), peak, "{requests:?}");
        }
        check(&[], 0);
        check(&[(1, 2)], 1);
        check(&[(0, 100), (200, 300)], 1);
        check(&[(0, 100), (50, 150), (91, 95)], 2);
        check(&[(200, 300), (0, 500), (250, 260), (210, 270)], 4);
        // One ends where the other begins.
        check(&[(0, 100), (100, 200)], 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut in_flight = InFlight::default();
        for at in 0..10_000u64 {
            in_flight.add(at * 50 * MS, (at * 50 + 45) * MS);
        }
        in_flight.add(0, 3_600_000 * MS);
        assert!(in_flight.ticks.len() <= SMALL);
        assert_eq!(in_flight.peak(), 1);
    }

    proptest! {
        #[test]
        fn equals_a_count_at_each_tick(requests in proptest::collection::vec((0u64..500, 0u64..300), 0..40)) {
            let mut in_flight = InFlight::roomy();
            for &(start, length) in &requests {
                in_flight.add(start * MS, (start + length) * MS);
            }
            let at = |tick: u64| requests.iter().filter(|(start, length)| (*start..start + length).contains(&(tick * 10))).count();
            let expected = (0..100).map(at).max().unwrap_or(0).max(usize::from(!requests.is_empty()));
            prop_assert_eq!(in_flight.peak(), expected as u64);
        }
    }
}
