//! Differences of two times of the kernel. All are made here, so that none can wrap and none becomes zero unseen.
//!
//! The times of a record may come from two CPUs, and those of a damaged recording from anywhere: the end of a phase may
//! be told with an earlier time than its beginning.

use tracer_common::record::UNMEASURED;

/// Time from `earlier_ns` to `later_ns`; None when they are in the other order.
pub fn elapsed(later_ns: u64, earlier_ns: u64) -> Option<u64> {
    later_ns.checked_sub(earlier_ns)
}

/// Duration of a phase, or the reason why it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// Duration, ns.
    Took(u64),
    /// The end has an earlier time than the beginning, or the beginning has none: a loss to be counted.
    Negative,
    /// The kernel programs have found that out, and counted it.
    Lost,
}

impl From<Option<u64>> for Timed {
    fn from(elapsed_ns: Option<u64>) -> Self {
        elapsed_ns.map_or(Self::Negative, Self::Took)
    }
}

impl Timed {
    /// The time between two stamps; a stamp of zero is none.
    pub fn between(start_ns: u64, end_ns: u64) -> Self {
        elapsed(end_ns, start_ns).filter(|_| start_ns != 0).into()
    }

    /// A duration that the kernel programs have computed. It lies between `start_ns` and `end_ns`: one that is longer
    /// comes from a difference that was negative.
    pub fn told(duration_ns: u64, start_ns: u64, end_ns: u64) -> Self {
        match elapsed(end_ns, start_ns) {
            _ if duration_ns == UNMEASURED => Self::Lost,
            Some(longest_ns) if duration_ns <= longest_ns => Self::Took(duration_ns),
            _ => Self::Negative,
        }
    }

    /// The duration, when it is known, ns.
    pub fn known_ns(self) -> Option<u64> {
        match self {
            Self::Took(ns) => Some(ns),
            Self::Negative | Self::Lost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_wraps() {
        assert_eq!(elapsed(7, 5), Some(2));
        assert_eq!(elapsed(5, 5), Some(0));
        assert_eq!(elapsed(5, 7), None);
        assert_eq!(Timed::between(5, 7), Timed::Took(2));
        assert_eq!(Timed::between(7, 5), Timed::Negative);
        assert_eq!(Timed::between(1, u64::MAX).known_ns(), Some(u64::MAX - 1));
        assert_eq!(Timed::between(0, 7), Timed::Negative);
    }

    #[test]
    fn what_the_kernel_tells_fits_its_times() {
        assert_eq!(Timed::told(2, 5, 7), Timed::Took(2));
        assert_eq!(Timed::told(3, 5, 7), Timed::Negative);
        assert_eq!(Timed::told(0, 7, 5), Timed::Negative);
        // As earlier builds have recorded it.
        assert_eq!(Timed::told(5u64.wrapping_sub(7), 7, 5), Timed::Negative);
        assert_eq!(Timed::told(UNMEASURED, 7, 5), Timed::Lost);
    }
}
