//! Steering a recording while it is replayed: what the screen asks for and what it is told.

/// Slowest and fastest that can be set by key.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.125..=1024.0;

/// Speed of a replay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    /// Without waiting.
    Max,
    /// Times as fast as it happened.
    Times(f64),
}

/// Request to a replay while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Stop here, or go on.
    Pause,
    /// A quarter of a second further, then stop.
    Step,
    /// Twice as fast.
    Faster,
    /// Half as fast.
    Slower,
}

/// State of a replay, for who looks at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Playing {
    /// Speed, when it goes on.
    pub(crate) speed: Speed,
    /// True if the replay stands still.
    pub(crate) paused: bool,
}

impl Speed {
    /// Faster or slower by a factor; beyond the fastest nothing is waited for.
    pub(crate) fn times(self, factor: f64) -> Self {
        match self {
            Self::Max if factor < 1.0 => Self::Times(*SPEEDS.end()),
            Self::Max => Self::Max,
            Self::Times(times) if times * factor > *SPEEDS.end() => Self::Max,
            // One that was slower from the start does not become faster by being slowed.
            Self::Times(times) => Self::Times((times * factor).max(SPEEDS.start().min(times))),
        }
    }
}

impl Speed {
    /// In a word.
    pub(crate) fn short(self) -> String {
        match self {
            Self::Max => "max".to_owned(),
            times => times.to_string(),
        }
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.write_str("as fast as it goes"),
            Self::Times(times) => write!(f, "{times}x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faster_to_the_fastest_and_back() {
        let mut speed = Speed::Times(1.0);
        for _ in 0..20 {
            speed = speed.times(2.0);
        }
        assert_eq!(speed, Speed::Max);
        assert_eq!(speed.times(0.5), Speed::Times(1024.0));
        for _ in 0..40 {
            speed = speed.times(0.5);
        }
        assert_eq!(speed, Speed::Times(0.125));
        assert_eq!(speed.to_string(), "0.125x");
        assert_eq!(Speed::Times(0.02).times(0.5), Speed::Times(0.02));
    }
}
