//! Requests in flight over time: how long requests were in flight within each interval, as a sum.
//!
//! A request is reported after its end, and the last one of a connection when that closes. So intervals that are over are
//! still added to, and each request counts where it was in flight, whenever it is reported.

use crate::elapsed::elapsed;

/// Limit of the intervals kept: more than a series has, so that its own limit comes first.
const MOST: usize = 8192;

/// Time that requests were in flight in each interval, ns. Divided by the interval, it is the mean number in flight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Begin of the first interval, ns; None before the figures begin.
    begin_ns: Option<u64>,
    interval_ns: u64,
    sums_ns: Vec<u64>,
}

impl Timeline {
    /// Begins the first interval, unless it has begun.
    pub fn begin(&mut self, now_ns: u64, interval_ns: u64) {
        if self.begin_ns.is_none() {
            self.begin_ns = Some(now_ns);
            self.interval_ns = interval_ns.max(1);
        }
    }

    /// True once the first interval has begun.
    pub fn has_begun(&self) -> bool {
        self.begin_ns.is_some()
    }

    /// Adds a request that was in flight from `start_ns` to `end_ns`. What lies before the first interval is left out.
    pub fn add(&mut self, start_ns: u64, end_ns: u64) {
        let Some(begin_ns) = self.begin_ns else {
            return;
        };
        let Some(mut to_ns) = elapsed(end_ns, begin_ns) else {
            return;
        };
        to_ns = to_ns.min(self.interval_ns.saturating_mul(MOST as u64));
        let mut from_ns = elapsed(start_ns, begin_ns).unwrap_or(0);
        while from_ns < to_ns {
            let at = from_ns / self.interval_ns;
            let until_ns = to_ns.min((at + 1).saturating_mul(self.interval_ns));
            let at = at as usize;
            if self.sums_ns.len() <= at {
                self.sums_ns.resize(at + 1, 0);
            }
            let took_ns = elapsed(until_ns, from_ns).unwrap_or(0);
            self.sums_ns[at] = self.sums_ns[at].saturating_add(took_ns);
            from_ns = until_ns;
        }
    }

    /// Joins intervals until they are as long as those of a series, which doubles its own.
    pub fn follow(&mut self, interval_ns: u64) {
        while self.begin_ns.is_some() && self.interval_ns < interval_ns {
            self.interval_ns = self.interval_ns.saturating_mul(2);
            let joined = self.sums_ns.chunks(2);
            self.sums_ns = joined
                .map(|pair| pair.iter().fold(0, |sum: u64, ns| sum.saturating_add(*ns)))
                .collect();
        }
    }

    /// Time that requests were in flight within the first `count` intervals, ns.
    pub fn first(&self, count: usize) -> impl Iterator<Item = u64> {
        let later = std::iter::repeat(0);
        self.sums_ns.iter().copied().chain(later).take(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const BEGIN: u64 = 5_000;
    const INTERVAL: u64 = 100;

    fn line() -> Timeline {
        let mut line = Timeline::default();
        line.add(0, 10_000);
        line.begin(BEGIN, INTERVAL);
        line.begin(BEGIN + 1, 1);
        line
    }

    fn sums(line: &Timeline, count: usize) -> Vec<u64> {
        line.first(count).collect()
    }

    #[test]
    fn each_interval_has_its_part() {
        let mut line = line();
        line.add(BEGIN + 250, BEGIN + 420);
        line.add(BEGIN + 260, BEGIN + 270);
        line.add(0, BEGIN + 10);
        line.add(7, 8);
        line.add(BEGIN + 9, BEGIN + 3);
        assert_eq!(sums(&line, 6), [10, 0, 60, 100, 20, 0]);
        line.follow(2 * INTERVAL);
        assert_eq!(sums(&line, 3), [10, 160, 20]);
        line.add(BEGIN + 399, BEGIN + 401);
        assert_eq!(sums(&line, 3), [10, 161, 21]);
    }

    #[test]
    fn times_of_a_damaged_recording_are_bounded() {
        let mut line = line();
        line.add(0, u64::MAX);
        assert!(line.sums_ns.len() <= MOST);
        line.follow(u64::MAX);
        assert!(line.sums_ns.len() <= 1);
    }

    proptest! {
        /// The sum of all intervals is the sum of all requests, in whatever order they come, also when intervals join.
        #[test]
        fn no_time_is_lost(requests in vec((0..20_000u64, 0..3_000u64), 0..40), joins in 0..6u32) {
            let mut line = line();
            let half = requests.len() / 2;
            for (at, (start, took)) in requests.iter().enumerate() {
                if at == half {
                    line.follow(INTERVAL << joins);
                }
                line.add(BEGIN + start, BEGIN + start + took);
            }
            let expected: u64 = requests.iter().map(|(_, took)| took).sum();
            prop_assert_eq!(line.first(MOST).sum::<u64>(), expected);
        }
    }
}
