//! Distribution of the number of requests that connections carried until they closed.

/// Limits of the ranges: the largest number of requests in each. The last range has none.
pub const LIMITS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/// Number of ranges.
pub const RANGES: usize = LIMITS.len() + 1;

/// Closed connections with requests, by their number of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerConnection {
    /// Connections in each range.
    pub counts: [u32; RANGES],
}

impl PerConnection {
    /// Counts a connection that has carried so many requests. One without a request is counted elsewhere.
    pub fn count(&mut self, requests: u64) {
        if requests == 0 {
            return;
        }
        let range = LIMITS.partition_point(|limit| *limit < requests);
        let count = &mut self.counts[range];
        *count = count.saturating_add(1);
    }

    /// Connections counted since an earlier moment.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            counts: std::array::from_fn(|at| self.counts[at].saturating_sub(before.counts[at])),
        }
    }

    /// Number of connections counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_end_with_their_limits() {
        let mut counted = PerConnection::default();
        for requests in [0, 1, 2, 3, 4, 5, 1024, 1025, u64::MAX] {
            counted.count(requests);
        }
        assert_eq!(counted.counts, [1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(counted.total(), 8);
    }

    proptest! {
        #[test]
        fn each_is_counted_in_its_range(numbers in proptest::collection::vec(1..3000u64, 0..50)) {
            let mut counted = PerConnection::default();
            numbers.iter().for_each(|number| counted.count(*number));
            for (at, &count) in counted.counts.iter().enumerate() {
                let above = at.checked_sub(1).map_or(0, |before| LIMITS[before]);
                let limit = LIMITS.get(at).copied().unwrap_or(u64::MAX);
                let expected = numbers.iter().filter(|number| **number > above && **number <= limit);
                prop_assert_eq!(count as usize, expected.count());
            }
            prop_assert_eq!(counted.since(&counted), PerConnection::default());
            prop_assert_eq!(counted.since(&PerConnection::default()), counted);
        }
    }
}
