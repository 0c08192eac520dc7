//! History of a trace that rules look at: the last minutes as points of a few figures, and for each rule whether it
//! held at the last look, since when, and when its fault was seen last. Marks keep the figures of earlier moments, from
//! which the figures of the last minutes are counted. All of it has a limit.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{rule::Rule, sums::Sums};
use crate::{elapsed::elapsed, group::Group, host::HostKey};

/// Time from one mark to the next, ns. The figures of the last minutes are those since the older of two marks, so they
/// are of 150 to 300 seconds.
pub const MARK_NS: u64 = 150_000_000_000;
/// Limit of the marks kept.
const MARKS: usize = 2;
/// Most hosts that a mark keeps figures of. With more hosts than that it keeps figures of none, because each host would
/// need a copy of its earlier figures, and the differences of all its distributions take about 10 microseconds.
pub const MARKED_HOSTS: usize = 1000;
/// A fault that comes back after this time counts as a new one, ns.
const OVER_NS: u64 = 2 * MARK_NS;
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
    /// Traced connections in TIME_WAIT.
    pub time_wait: u64,
}

/// Figures at an earlier moment. They are shared with the groups until these change.
#[derive(Debug, PartialEq)]
pub struct Mark {
    /// Time since the figures began, ns.
    pub at_ns: u64,
    /// Figures of all connections.
    pub totals: Arc<Group>,
    /// Sums over all hosts.
    pub sums: Sums,
    /// Figures by process id and name.
    pub processes: HashMap<(u32, String), Arc<Group>>,
    /// Lookups by name, of the names that are shown.
    pub names: HashMap<Arc<str>, u64>,
    /// Figures by host; None with more than [`MARKED_HOSTS`].
    pub hosts: Option<HashMap<Arc<HostKey>, Arc<Group>>>,
    /// Figures by proxy.
    pub proxies: HashMap<Arc<HostKey>, Arc<Group>>,
}

/// Fault as one evaluation of the rules (a look) has found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Number of times that it has happened since `began_ns`.
    pub events: u64,
    /// Time at which the figures behind it begin, ns.
    pub began_ns: u64,
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
    /// Fault as the last look that found it has seen it.
    pub sight: Option<Sight>,
}

impl Past {
    /// Takes the result of a look: None, or the fault.
    #[must_use]
    pub fn after(self, at_ns: u64, found: Option<Sight>) -> Self {
        let Some(sight) = found else {
            return Self {
                found: false,
                ..self
            };
        };
        Self {
            found: true,
            since_ns: Some(self.since(at_ns)),
            last_true_ns: Some(self.last_true(at_ns, sight)),
            sight: Some(sight),
        }
    }

    /// Time since which a fault that is found now has been there.
    pub fn since(&self, at_ns: u64) -> u64 {
        let pause_ns = self
            .last_true_ns
            .and_then(|last_ns| elapsed(at_ns, last_ns));
        let is_another = !self.found && pause_ns.is_some_and(|pause_ns| pause_ns > OVER_NS);
        self.since_ns.filter(|_| !is_another).unwrap_or(at_ns)
    }

    /// Time at which a fault that is found now has last happened: now, if it has happened again since the last look.
    pub fn last_true(&self, at_ns: u64, now: Sight) -> u64 {
        let (Some(last_ns), Some(seen)) = (self.last_true_ns, self.sight) else {
            return at_ns;
        };
        let is_same = match seen.began_ns == now.began_ns {
            true => now.events <= seen.events,
            // Figures that begin elsewhere do not tell whether it has happened in between.
            false => self.found,
        };
        if is_same { last_ns } else { at_ns }
    }
}

/// History of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Moments, the oldest first.
    pub moments: VecDeque<Moment>,
    rules: [Past; Rule::COUNT],
    /// Marks, the oldest first.
    marks: VecDeque<Arc<Mark>>,
    began_ns: Option<u64>,
    next_look_ns: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            moments: VecDeque::new(),
            rules: [Past::default(); Rule::COUNT],
            marks: VecDeque::new(),
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

    /// True if a mark is to be made at this moment.
    pub fn needs_mark(&self, at_ns: u64) -> bool {
        let last_ns = self.marks.back().map_or(0, |mark| mark.at_ns);
        elapsed(at_ns, last_ns).is_some_and(|age_ns| age_ns >= MARK_NS)
    }

    /// Adds a mark; the oldest goes.
    pub fn mark(&mut self, mark: Mark) {
        if self.marks.len() == MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(Arc::new(mark));
    }

    /// Mark from which the figures of the last minutes are counted. None as long as the whole trace is not longer.
    pub fn recent_mark(&self) -> Option<&Mark> {
        let oldest = self.marks.front()?;
        (self.marks.len() == MARKS).then_some(&**oldest)
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
        let sight = |events| {
            Some(Sight {
                events,
                began_ns: 0,
            })
        };
        let past = Past::default().after(5, sight(10)).after(6, sight(12));
        let past = past.after(7, sight(12)).after(8, None);
        assert_eq!((past.since_ns, past.last_true_ns), (Some(5), Some(6)));
        assert!(!past.found);
        let past = past.after(9, sight(13));
        assert_eq!((past.since_ns, past.last_true_ns), (Some(5), Some(9)));
        let later = 9 + OVER_NS + 1;
        let past = past.after(10, None).after(later, sight(14));
        assert_eq!(past.since_ns, Some(later), "another fault");
    }

    #[test]
    fn figures_that_begin_elsewhere_are_not_compared() {
        let sight = |events, began_ns| Some(Sight { events, began_ns });
        let past = Past::default()
            .after(5, sight(10, 0))
            .after(6, sight(12, 3));
        assert_eq!(past.last_true_ns, Some(5));
        assert_eq!(past.after(7, sight(13, 3)).last_true_ns, Some(7));
    }

    #[test]
    fn marks() {
        let mark = |at_ns| Mark {
            at_ns,
            totals: Arc::default(),
            sums: Sums::default(),
            processes: HashMap::new(),
            names: HashMap::new(),
            hosts: None,
            proxies: HashMap::new(),
        };
        let mut history = History::default();
        let mut recent = Vec::new();
        for half in 0..12 {
            let at_ns = half * MARK_NS / 2;
            if history.needs_mark(at_ns) {
                history.mark(mark(at_ns));
            }
            recent.push(history.recent_mark().map(|mark| mark.at_ns / MARK_NS));
        }
        let expected = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4];
        let expected = expected.map(|at| (at != 0).then_some(at));
        assert_eq!(recent, expected);
        assert_eq!(history.marks.len(), MARKS);
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
