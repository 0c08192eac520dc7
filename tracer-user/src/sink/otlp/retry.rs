//! Times of further attempts.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// Pause after the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// Longest pause, also when the collector asks for a longer one.
const LONGEST: Duration = Duration::from_secs(60);

/// Pauses that double with each failure.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Pause after a further failure: the one that the collector has asked for, else twice the last one. `random` (0 to 1)
    /// shortens the latter by up to half, so that many tracers do not come back at once.
    pub(super) fn pause(&mut self, asked: Option<Duration>, random: f64) -> Duration {
        let doubled = FIRST * (1 << self.failures.min(6));
        self.failures += 1;
        match asked {
            Some(asked) => asked.min(LONGEST),
            None => doubled.min(LONGEST).mul_f64(1.0 - random / 2.0),
        }
    }

    /// Begins anew after a success.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Value of a Retry-After field: seconds, or a date.
pub(super) fn after(field: &str, now: SystemTime) -> Option<Duration> {
    let field = field.trim();
    if let Ok(seconds) = field.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(field, &Rfc2822).ok()?;
    Some(SystemTime::from(at).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let mut next = || backoff.pause(None, 0.0).as_secs();
        let pauses: Vec<u64> = (0..8).map(|_| next()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.pause(None, 1.0), FIRST / 2);
    }

    #[test]
    fn the_collector_may_ask_for_another_pause() {
        let mut backoff = Backoff::default();
        let asked = Some(Duration::from_secs(7));
        assert_eq!(backoff.pause(asked, 0.5), Duration::from_secs(7));
        let asked = Some(Duration::from_secs(86_400));
        assert_eq!(backoff.pause(asked, 0.5), LONGEST);
    }

    #[test]
    fn a_pause_is_a_number_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(after(" 120 ", now), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(after(date, now), Some(Duration::from_secs(7)));
        let later = now + Duration::from_secs(100);
        assert_eq!(after(date, later), Some(Duration::ZERO));
        assert_eq!(after("soon", now), None);
    }
}
