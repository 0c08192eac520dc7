//! Times at which a process is looked at. A library may be loaded at any time: soon after the program has begun, or with
//! the first connection, or later. So the pauses between two looks grow.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Pause after the first look at a process.
const FIRST: Duration = Duration::from_millis(5);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// Looks at a program that has begun and not connected yet; the last one is 5 s after the first.
const LOOKS: u32 = 10;
/// Processes that are remembered at most; beyond that all are forgotten, which costs a look at each.
const REMEMBERED: usize = 1 << 16;
/// Programs that are looked at before they connect, at once; further ones wait for their first connection.
const MOST: usize = 256;

/// Next look at a process.
#[derive(Debug, Clone, Copy)]
struct Look {
    done: u32,
    next: Instant,
    /// True if the process is looked at without a connection.
    by_itself: bool,
}

/// Looks at processes, past and next.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<u32, Look>);

impl Pace {
    /// Begins anew with a process that runs another program: it is due at once.
    pub(super) fn begin(&mut self, pid: u32, now: Instant) {
        let due = self.0.values().filter(|look| look.by_itself).count();
        let look = Look {
            done: 0,
            next: now,
            by_itself: due < MOST,
        };
        self.0.insert(pid, look);
    }

    /// True if a process that connects is to be looked at now; the look counts as done.
    pub(super) fn may_look(&mut self, pid: u32, now: Instant) -> bool {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let look = self.0.entry(pid).or_insert(Look {
            done: 0,
            next: now,
            by_itself: false,
        });
        let may = look.next <= now;
        if may {
            look.count(now);
        }
        may
    }

    /// Time of the next look that is due by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        let looks = self.0.values().filter(|look| look.by_itself);
        looks.map(|look| look.next).min()
    }

    /// Processes that are due by themselves; their looks count as done.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        for (&pid, look) in &mut self.0 {
            if look.by_itself && look.next <= now {
                look.count(now);
                due.push(pid);
            }
        }
        due
    }

    /// Forgets a process that has ended.
    pub(super) fn forget(&mut self, pid: u32) {
        self.0.remove(&pid);
    }
}

impl Look {
    fn count(&mut self, now: Instant) {
        self.next = now + LONGEST.min(FIRST * 2u32.saturating_pow(self.done));
        self.done += 1;
        self.by_itself &= self.done < LOOKS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_begins_is_looked_at_with_growing_pauses() {
        let mut pace = Pace::default();
        let begun = Instant::now();
        pace.begin(7, begun);
        let mut at = Vec::new();
        while let Some(due) = pace.due() {
            assert_eq!(pace.take_due(due), [7]);
            at.push((due - begun).as_millis());
        }
        assert_eq!(at, [0, 5, 15, 35, 75, 155, 315, 635, 1275, 2555]);
        // Then only its connections bring looks.
        assert!(!pace.may_look(7, begun + Duration::from_millis(2600)));
        assert!(pace.may_look(7, begun + Duration::from_secs(60)));
    }

    #[test]
    fn connections_bring_looks_without_end_but_seldom() {
        let mut pace = Pace::default();
        let begun = Instant::now();
        let looks = (0..3_600_000).step_by(5);
        let looks = looks.filter(|ms| pace.may_look(7, begun + Duration::from_millis(*ms)));
        let count = looks.count();
        assert!((300..400).contains(&count), "{count} in an hour");
        pace.forget(7);
        assert!(pace.may_look(7, begun));
    }
}
