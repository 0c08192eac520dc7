//! Windows: figures of the last seconds instead of the whole time.
//!
//! The figures of a trace only grow, so those of a window are the present ones without those at its beginning. These are
//! not kept: a copy of all distributions every few seconds would take too much memory. Kept are the differences that
//! each step of five seconds has made, which are small. Taken away from the figures at the end of the last step, they
//! give those at the beginning of a window.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
};

use tracer_core::{
    cost::needless_connections, dns::figures::NameFigures, group::Group, host::HostKey,
};

use super::mark::{Figures, Mark, ProcessKey, Rows, has_all_names, hosts, names, processes};
use crate::trace::live::Moment;

const SECOND_NS: u64 = 1_000_000_000;
/// Least length of a step, ns.
const STEP_NS: u64 = 5 * SECOND_NS;
/// Limit of the rows of each kind that a step keeps: the busiest ones. Further rows that have changed in it have no
/// figures in any window that it belongs to.
pub(in super::super) const MOST: usize = 1000;

/// Stretch of time that the figures on the screen belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum Window {
    /// Everything since the beginning, a reset, or the user's mark.
    #[default]
    Whole,
    /// The last ten seconds.
    Seconds,
    /// The last minute.
    Minute,
}

impl Window {
    /// The window that the key chooses next.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Whole => Self::Seconds,
            Self::Seconds => Self::Minute,
            Self::Minute => Self::Whole,
        }
    }

    /// Length of the window, ns; the window itself is longer by a step at most.
    fn length_ns(self) -> Option<u64> {
        match self {
            Self::Whole => None,
            Self::Seconds => Some(10 * SECOND_NS),
            Self::Minute => Some(60 * SECOND_NS),
        }
    }
}

/// The last minute of a trace in steps. A copy shares all figures.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    /// Steps, the oldest first.
    steps: VecDeque<Arc<Step>>,
    /// The moment at which the last step ended.
    last: Option<Arc<Moment>>,
}

impl Steps {
    /// Takes a moment. One from before the last one belongs to figures that have begun anew.
    pub(super) fn take(&mut self, moment: &Arc<Moment>) {
        let end_ns = moment.elapsed_ns;
        match &self.last {
            Some(last) if end_ns >= last.elapsed_ns => {
                if end_ns.saturating_sub(last.elapsed_ns) < STEP_NS {
                    return;
                }
                self.steps.push_back(Arc::new(Step::between(last, moment)));
            }
            _ => self.steps.clear(),
        }
        self.last = Some(Arc::clone(moment));
        let is_enough = |step: &Arc<Step>| is_older(step.begin_ns, Window::Minute, end_ns);
        while self.steps.get(1).is_some_and(is_enough) {
            self.steps.pop_front();
        }
    }

    /// Number of the moment at which a window begins that ends at `now_ns`. None for the whole time, also as long as this
    /// is no longer than the window.
    pub(super) fn begin(&self, window: Window, now_ns: u64) -> Option<u64> {
        let last = self.last.as_ref()?;
        if is_older(last.elapsed_ns, window, now_ns) {
            return Some(last.number);
        }
        let mut steps = self.steps.iter().rev();
        let first = steps.find(|step| is_older(step.begin_ns, window, now_ns))?;
        Some(first.number)
    }

    /// Figures at the moment of this number, at which a step begins or the last one has ended.
    pub(super) fn mark(&self, number: u64) -> Option<Mark> {
        let mut mark = Mark::of(self.last.as_ref()?);
        mark.is_window = true;
        for step in self.steps.iter().rev() {
            if mark.number == number {
                break;
            }
            step.take_from(&mut mark);
        }
        (mark.number == number).then_some(mark)
    }
}

/// True if a window that begins then is long enough.
fn is_older(begin_ns: u64, window: Window, now_ns: u64) -> bool {
    let length_ns = window.length_ns();
    length_ns.is_some_and(|length_ns| now_ns.saturating_sub(begin_ns) >= length_ns)
}

/// Differences between two moments.
#[derive(Debug)]
struct Step {
    /// Number of the first moment.
    number: u64,
    /// Time of the first moment since the figures began, ns.
    begin_ns: u64,
    /// Needless connections at the first moment.
    needless: u64,
    totals: Group,
    hosts: Differences<Arc<HostKey>, Arc<Group>>,
    proxies: Differences<Arc<HostKey>, Arc<Group>>,
    processes: Differences<ProcessKey, Arc<Group>>,
    names: Differences<Arc<str>, NameFigures>,
}

impl Step {
    fn between(before: &Moment, now: &Moment) -> Self {
        let (number, begin_ns) = (before.number, before.elapsed_ns);
        let (before, now) = (&before.snapshot, &now.snapshot);
        Self {
            number,
            begin_ns,
            needless: needless_connections(before),
            totals: Group::since(&now.totals, &before.totals),
            hosts: Differences::between(hosts(&before.hosts), hosts(&now.hosts), true),
            proxies: Differences::between(hosts(&before.proxies), hosts(&now.proxies), true),
            processes: Differences::between(processes(before), processes(now), true),
            names: Differences::between(names(before), names(now), has_all_names(before)),
        }
    }

    /// Leads a mark from the end of the step to its beginning.
    fn take_from(&self, mark: &mut Mark) {
        mark.number = self.number;
        mark.elapsed_ns = self.begin_ns;
        mark.needless = self.needless;
        mark.totals = Arc::new(Group::since(&mark.totals, &self.totals));
        self.hosts.take_from(&mut mark.hosts);
        self.proxies.take_from(&mut mark.proxies);
        self.processes.take_from(&mut mark.processes);
        self.names.take_from(&mut mark.names);
    }
}

/// Differences of the rows of a table.
#[derive(Debug)]
struct Differences<K, V> {
    /// Rows that have changed, and by what: [`MOST`] at most.
    kept: Vec<(K, V)>,
    /// Further rows that have changed, or may have.
    cut: Vec<K>,
}

impl<K: Eq + Hash + Clone, V: Figures> Differences<K, V> {
    /// `is_whole`: a row that is not in `before` had no figures then.
    fn between<'a>(
        before: impl Iterator<Item = (K, &'a V)>,
        now: impl Iterator<Item = (K, &'a V)>,
        is_whole: bool,
    ) -> Self {
        let before: HashMap<K, &V> = before.collect();
        let mut changed: Vec<(u64, K, &V, &V)> = Vec::new();
        let mut cut = Vec::new();
        for (key, now) in now {
            let nothing = is_whole.then(V::nothing);
            match before.get(&key).copied().or(nothing) {
                None => cut.push(key),
                Some(earlier) if now.is_same(earlier) => {}
                Some(earlier) => {
                    let events = now.events().saturating_sub(earlier.events());
                    changed.push((events, key, now, earlier));
                }
            }
        }
        if changed.len() > MOST {
            changed.select_nth_unstable_by_key(MOST, |(events, ..)| Reverse(*events));
            let further = changed.split_off(MOST).into_iter();
            cut.extend(further.map(|(_, key, ..)| key));
        }
        let kept = changed.into_iter();
        Self {
            kept: kept
                .map(|(_, key, now, earlier)| (key, now.since(earlier)))
                .collect(),
            cut,
        }
    }

    fn take_from(&self, rows: &mut Rows<K, V>) {
        for (key, difference) in &self.kept {
            if let Some(figures) = rows.figures.get_mut(key) {
                *figures = figures.since(difference);
            }
        }
        rows.unknown.extend(self.cut.iter().cloned());
    }
}

#[cfg(test)]
mod tests;
