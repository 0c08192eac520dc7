//! History of a trace that rules look at: the last minutes as points of a few figures, and for each rule whether it
//! held at the last look, since when, and when its fault was seen last. Its memory has a limit.

use std::collections::VecDeque;

use super::rule::Rule;
use crate::elapsed::elapsed;

/// Limit of the moments kept: five minutes with one a second.
pub const MAX_MOMENTS: usize = 300;

/// A few figures at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moment {
    /// Time since the figures began, ns.
    pub at_ns: u64,
    /// Requests so far.
    pub requests: u64,
    /// Connections open.
    pub open: u64,
    /// Connections that the server has closed a while ago and the client has not.
    pub close_wait: u64,
    /// Local ports in use toward the destination that uses most.
    pub ports_used: u64,
}

/// Knowledge of one rule from earlier looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// True if the fault was found at the last look.
    pub found: bool,
    /// Time at which it was found first, since the figures began, ns.
    pub since_ns: Option<u64>,
    /// Last look at which the fault had happened again since the look before, ns.
    pub last_true_ns: Option<u64>,
    /// Number of times that the fault had happened by then.
    pub events: u64,
}

impl Past {
    /// Takes the result of a look: None, or the number of times that the fault has happened.
    #[must_use]
    pub fn after(mut self, at_ns: u64, found: Option<u64>) -> Self {
        self.found = found.is_some();
        if let Some(events) = found {
            self.since_ns.get_or_insert(at_ns);
            if self.last_true_ns.is_none() || events > self.events {
                self.last_true_ns = Some(at_ns);
            }
            self.events = events;
        }
        self
    }
}

/// History of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Moments, the oldest first.
    pub moments: VecDeque<Moment>,
    rules: [Past; Rule::COUNT],
    began_ns: Option<u64>,
    next_look_ns: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            moments: VecDeque::new(),
            rules: [Past::default(); Rule::COUNT],
            began_ns: None,
            next_look_ns: 0,
        }
    }
}

/// Time between two looks, ns, and the additional time for each host, so that looks at 100,000 hosts take a small share
/// of the time.
const LOOK_NS: u64 = 1_000_000_000;
const LOOK_PER_HOST_NS: u64 = 100_000;

impl History {
    /// Knowledge of a rule.
    pub fn of(&self, rule: Rule) -> Past {
        self.rules[rule as usize]
    }

    /// Sets the knowledge of a rule.
    pub fn set(&mut self, rule: Rule, past: Past) {
        self.rules[rule as usize] = past;
    }

    /// Time since the figures began, ns; the first call is the beginning.
    pub fn elapsed_ns(&mut self, now_ns: u64) -> u64 {
        elapsed(now_ns, *self.began_ns.get_or_insert(now_ns)).unwrap_or(0)
    }

    /// Adds a moment; the oldest goes.
    pub fn push(&mut self, moment: Moment) {
        if self.moments.len() == MAX_MOMENTS {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
    }

    /// True if the rules are to look at the figures of that many hosts at this moment.
    pub fn is_due(&mut self, at_ns: u64, hosts: usize) -> bool {
        let due = at_ns >= self.next_look_ns;
        if due {
            self.next_look_ns = at_ns + LOOK_NS + hosts as u64 * LOOK_PER_HOST_NS;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_does_not_come_back_keeps_its_time() {
        let past = Past::default().after(5, Some(10)).after(6, Some(12));
        let past = past.after(7, Some(12)).after(8, None);
        assert_eq!((past.since_ns, past.last_true_ns), (Some(5), Some(6)));
        assert!(!past.found);
        assert_eq!(past.after(9, Some(13)).last_true_ns, Some(9));
    }

    #[test]
    fn memory_has_a_limit() {
        let mut history = History::default();
        for at_ns in 0..2 * MAX_MOMENTS as u64 {
            history.push(Moment {
                at_ns,
                ..Moment::default()
            });
        }
        assert_eq!(history.moments.len(), MAX_MOMENTS);
        assert_eq!(history.moments[0].at_ns, MAX_MOMENTS as u64);
    }

    #[test]
    fn many_hosts_are_looked_at_less_often() {
        let looks = |hosts| {
            let mut history = History::default();
            let due = |second: &u64| history.is_due(second * 1_000_000_000, hosts);
            (0..100).filter(due).count()
        };
        assert_eq!((looks(0), looks(100_000)), (100, 10));
    }
}
