//! Hang-up of the terminal of the live screen. The command gets SIGHUP once, then its time to end, then SIGTERM.

use std::time::Duration;

use tokio::time::Instant;

use super::GRACE;

/// Longest time between a SIGHUP and the end of the screen for both to mean the same hang-up.
const SAME: Duration = Duration::from_secs(1);

/// Signs of a hang-up that have come so far.
#[derive(Debug, Default)]
pub(super) struct Hangup {
    /// Time of the last SIGHUP.
    heard: Option<Instant>,
    /// Time when the screen was lost.
    gone: Option<Instant>,
}

impl Hangup {
    /// Takes a SIGHUP; true if it is to be passed on, because the command has not got SIGHUP for this hang-up yet.
    pub(super) fn hear(&mut self, now: Instant) -> bool {
        self.heard = Some(now);
        self.gone.is_none_or(|gone| now - gone >= SAME)
    }

    /// Takes the end of the screen; true if the command is to get SIGHUP, because no SIGHUP came with this hang-up.
    pub(super) fn lose_screen(&mut self, now: Instant) -> bool {
        self.gone = Some(now);
        self.heard.is_none_or(|heard| now - heard >= SAME)
    }

    /// True if the screen was lost.
    pub(super) fn has_lost_screen(&self) -> bool {
        self.gone.is_some()
    }

    /// Time when a command that still runs gets SIGTERM.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.gone.map(|gone| gone + GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signal_for_one_hangup_in_either_order() {
        let now = Instant::now();
        let soon = now + SAME / 2;
        let mut hangup = Hangup::default();
        assert!(hangup.hear(now));
        assert!(!hangup.lose_screen(soon));
        let mut hangup = Hangup::default();
        assert!(hangup.lose_screen(now));
        assert!(!hangup.hear(soon));
        assert!(hangup.hear(now + SAME), "a later signal is another one");
    }

    #[test]
    fn a_signal_long_before_was_for_something_else() {
        let now = Instant::now();
        let mut hangup = Hangup::default();
        assert!(hangup.hear(now));
        assert_eq!(hangup.deadline(), None);
        assert!(hangup.lose_screen(now + SAME));
        assert_eq!(hangup.deadline(), Some(now + SAME + GRACE));
    }
}
