//! Figures of a trace since an earlier snapshot of it: a window. The counts and distributions of consecutive windows add
//! up to those of the whole; peaks and current numbers are those of the later snapshot.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use super::{Events, LeftOut, Snapshot};
use crate::{
    dns::figures::NameFigures,
    finding::history::{History, Moment},
    group::{Carried, Group},
    host::Host,
    process::Process,
    series::Series,
    time_wait::TimeWaitView,
};

impl Snapshot {
    /// Figures since `before`. The window began `began_ns` after the beginning of the figures, and is `window_ns` long.
    #[must_use]
    pub fn since(&self, before: &Self, began_ns: u64, window_ns: u64) -> Self {
        Self {
            events: self.events.since(&before.events),
            totals: Arc::new(group(&self.totals, &before.totals)),
            processes: processes(&self.processes, &before.processes),
            hosts: hosts(&self.hosts, &before.hosts),
            processes_folded: self
                .processes_folded
                .saturating_sub(before.processes_folded),
            hosts_folded: self.hosts_folded.saturating_sub(before.hosts_folded),
            proxies: hosts(&self.proxies, &before.proxies),
            proxies_folded: self.proxies_folded.saturating_sub(before.proxies_folded),
            time_wait: time_wait(&self.time_wait, &before.time_wait),
            dns_names: names(&self.dns_names, &before.dns_names),
            dns_names_folded: self
                .dns_names_folded
                .saturating_sub(before.dns_names_folded),
            connections: Arc::clone(&self.connections),
            has_activity: self.has_activity,
            series: Arc::new(last_points(&self.series, window_ns)),
            history: Arc::new(history(&self.history, began_ns)),
            left_out: LeftOut {
                connections: self
                    .left_out
                    .connections
                    .saturating_sub(before.left_out.connections),
                hosts: self.left_out.hosts.clone(),
            },
        }
    }
}

impl Events {
    fn since(&self, before: &Self) -> Self {
        let less = |count: fn(&Self) -> u64| count(self).saturating_sub(count(before));
        Self {
            received: less(|it| it.received),
            lost: less(|it| it.lost),
            overflowed: less(|it| it.overflowed),
            undecodable: less(|it| it.undecodable),
            map_full: less(|it| it.map_full),
            evicted: less(|it| it.evicted),
            unmatched: less(|it| it.unmatched),
            not_recorded: less(|it| it.not_recorded),
            negative_durations: less(|it| it.negative_durations),
            kernel: std::array::from_fn(|at| self.kernel[at].saturating_sub(before.kernel[at])),
        }
    }
}

/// Figures of a group since an earlier moment. Connects under way at that moment were counted there.
fn group(now: &Group, before: &Group) -> Group {
    let mut since = now.since(before);
    since.connections.carried = Carried {
        connecting: before.connections.connecting_now,
        unused: before.connections.unused_now,
    };
    since
}

/// Figures of a subject since an earlier moment; None without any, and without an open connection.
fn changed(now: &Arc<Group>, before: Option<&Arc<Group>>) -> Option<Arc<Group>> {
    let Some(before) = before else {
        return Some(Arc::clone(now));
    };
    let is_open = now.connections.open_now != 0;
    if Arc::ptr_eq(now, before) && !is_open {
        return None;
    }
    let since = group(now, before);
    (is_open || !since.is_empty()).then(|| Arc::new(since))
}

fn by_key<T, K: Eq + Hash>(all: &[T], key: impl Fn(&T) -> K) -> HashMap<K, &T> {
    all.iter().map(|one| (key(one), one)).collect()
}

fn hosts(now: &[Host], before: &[Host]) -> Vec<Host> {
    let before = by_key(before, |host| Arc::clone(&host.key));
    let since = now.iter().filter_map(|host| {
        let before = before.get(&host.key);
        let users = before.map(|before| Arc::new(host.users.since(&before.users)));
        Some(Host {
            group: changed(&host.group, before.map(|host| &host.group))?,
            users: users.unwrap_or_else(|| Arc::clone(&host.users)),
            ..host.clone()
        })
    });
    since.collect()
}

fn processes(now: &[Process], before: &[Process]) -> Vec<Process> {
    let key = |process: &Process| (process.pid, process.comm.clone());
    let before = by_key(before, key);
    let since = now.iter().filter_map(|process| {
        let before = before.get(&key(process)).map(|process| &process.group);
        Some(Process {
            group: changed(&process.group, before)?,
            ..process.clone()
        })
    });
    since.collect()
}

fn names(now: &[NameFigures], before: &[NameFigures]) -> Vec<NameFigures> {
    let before = by_key(before, |name| Arc::clone(&name.name));
    let since = now.iter().map(|name| match before.get(&name.name) {
        None => name.clone(),
        Some(before) => NameFigures {
            name: Arc::clone(&name.name),
            queries: name.queries.saturating_sub(before.queries),
            failures: name.failures.saturating_sub(before.failures),
            answered: name.answered.since(&before.answered),
        },
    });
    let mut since: Vec<NameFigures> = since
        .filter(|name| name.queries + name.failures + name.answered.count() != 0)
        .collect();
    since.sort_by_key(|name| std::cmp::Reverse(name.queries));
    since
}

fn time_wait(now: &TimeWaitView, before: &TimeWaitView) -> TimeWaitView {
    TimeWaitView {
        at_start: now.at_start.saturating_sub(before.at_start),
        orphans_lost: now.orphans_lost.saturating_sub(before.orphans_lost),
        namespaces_removed: now
            .namespaces_removed
            .saturating_sub(before.namespaces_removed),
        ..now.clone()
    }
}

/// Points of a series that are no older than the window.
pub(crate) fn last_points(series: &Series, window_ns: u64) -> Series {
    let count = window_ns.div_ceil(series.interval_ns.max(1)) as usize;
    let from = series.points.len().saturating_sub(count);
    Series {
        interval_ns: series.interval_ns,
        points: series.points[from..].to_vec(),
    }
}

/// Moments of the window, by its own clock. Rules begin anew with each window.
fn history(history: &History, began_ns: u64) -> History {
    let before = history
        .moments
        .iter()
        .rfind(|moment| moment.at_ns < began_ns);
    let requests = before.map_or(0, |moment| moment.requests);
    let mut since = History::default();
    for moment in &history.moments {
        let Some(at_ns) = crate::elapsed::elapsed(moment.at_ns, began_ns) else {
            continue;
        };
        since.push(Moment {
            at_ns,
            requests: moment.requests.saturating_sub(requests),
            ..*moment
        });
    }
    since
}
