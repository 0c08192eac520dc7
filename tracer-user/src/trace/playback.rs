//! Control of a replay: the requests of the screen, and the state that it shows.

/// Slowest and fastest speed that keys can set.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.125..=1024.0;

/// Speed of a replay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    /// Without waiting.
    Max,
    /// Multiple of the original speed.
    Times(f64),
}

/// Request to a replay while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Pause the replay, or continue it.
    Pause,
    /// Replay a quarter of a second, then pause.
    Step,
    /// Twice as fast.
    Faster,
    /// Half as fast.
    Slower,
}

/// State of a replay, for the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Playing {
    /// Speed while the replay is not paused.
    pub(crate) speed: Speed,
    /// True if the replay is paused.
    pub(crate) paused: bool,
}

impl Speed {
    /// Faster or slower by a factor; above the fastest speed the replay does not wait at all.
    pub(crate) fn times(self, factor: f64) -> Self {
        match self {
            Self::Max if factor < 1.0 => Self::Times(*SPEEDS.end()),
            Self::Max => Self::Max,
            Self::Times(times) if times * factor > *SPEEDS.end() => Self::Max,
            // A speed below the slowest, given at the start, is not raised by a request for slower.
            Self::Times(times) => Self::Times((times * factor).max(SPEEDS.start().min(times))),
        }
    }
}

impl Speed {
    /// Short text of the speed.
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
