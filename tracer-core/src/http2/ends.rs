//! Ends of the streams of one connection, which tell how long it was idle before the next stream.
//!
//! Frames of the client are often known before older ones of the server. So the question is asked when the response of a
//! stream begins: by then every older end is known.

use std::collections::VecDeque;

use crate::elapsed::elapsed;

/// Limit of the ends that are kept.
const MOST: usize = 256;

/// Ends of streams.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Latest ends in order of time, ns.
    latest: VecDeque<u64>,
    /// Number of older ends, which are not kept.
    older: u64,
    /// Latest of those, ns.
    older_ns: u64,
}

impl Ends {
    /// Notes that a stream has begun.
    pub(super) fn begins(&mut self) {
        while self.latest.len() > MOST {
            self.forget();
        }
    }

    fn forget(&mut self) {
        if let Some(end_ns) = self.latest.pop_front() {
            self.older += 1;
            self.older_ns = end_ns;
        }
    }

    /// Notes that a stream has ended; a time of 0 is not known.
    pub(super) fn ended(&mut self, at_ns: u64) {
        let place = self.latest.partition_point(|&end_ns| end_ns <= at_ns);
        self.latest.insert(place, at_ns);
    }

    /// Time that the connection was idle before a stream that began at `begin_ns`, after `before` others; None when one of
    /// these was open, or a time is not known.
    pub(super) fn idle_before(&self, before: u64, begin_ns: u64) -> Option<u64> {
        if before == 0 || begin_ns < self.older_ns {
            return None;
        }
        let ended = self.latest.partition_point(|&end_ns| end_ns <= begin_ns);
        if self.older + ended as u64 != before {
            return None;
        }
        let last_ns = match ended.checked_sub(1) {
            Some(last) => self.latest.get(last).copied()?,
            None => self.older_ns,
        };
        elapsed(begin_ns, last_ns).filter(|_| last_ns != 0)
    }

    /// Latest end, ns.
    pub(super) fn last(&self) -> Option<u64> {
        let older_ns = Some(self.older_ns).filter(|&older_ns| older_ns != 0);
        self.latest.back().copied().or(older_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_only_when_all_have_ended() {
        let mut ends = Ends::default();
        assert_eq!(ends.idle_before(0, 5), None);
        ends.ended(10);
        assert_eq!(ends.idle_before(1, 15), Some(5));
        assert_eq!(ends.idle_before(2, 15), None);
        // An end that is known late and a later one.
        ends.ended(30);
        ends.ended(12);
        assert_eq!(ends.idle_before(2, 15), Some(3));
        assert_eq!(ends.idle_before(1, 11), Some(1));
        assert_eq!(ends.last(), Some(30));
    }

    #[test]
    fn old_ends_are_counted_and_not_kept() {
        let mut ends = Ends::default();
        for at_ns in 1..=1000 {
            ends.begins();
            ends.ended(at_ns);
        }
        assert!(ends.latest.len() <= MOST + 1);
        assert_eq!(ends.idle_before(1000, 1007), Some(7));
        assert_eq!(ends.idle_before(1001, 1007), None);
        assert_eq!(ends.idle_before(3, 4), None);
    }
}
