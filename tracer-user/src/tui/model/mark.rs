//! Figures at an earlier moment, from which later ones are counted.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, LazyLock},
};

use tracer_core::{
    cost::needless_connections,
    dns::figures::NameFigures,
    group::Group,
    host::{Host, HostKey},
    snapshot::Snapshot,
};

use crate::trace::live::Moment;

/// Figures of a row, counted on from an earlier moment.
pub(super) trait Figures: Clone + 'static {
    /// Figures of a row without any events.
    fn nothing() -> &'static Self;
    /// Figures since an earlier moment.
    fn since(&self, before: &Self) -> Self;
    /// True if nothing has happened between the two; false if that takes too long to tell.
    fn is_same(&self, other: &Self) -> bool;
    /// Number of events, by which busy rows are found.
    fn events(&self) -> u64;
}

impl Figures for Arc<Group> {
    fn nothing() -> &'static Self {
        static NOTHING: LazyLock<Arc<Group>> = LazyLock::new(Arc::default);
        &NOTHING
    }

    fn since(&self, before: &Self) -> Self {
        Self::new(Group::since(self, before))
    }

    fn is_same(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }

    fn events(&self) -> u64 {
        self.requests.count + self.connections.opened + self.dns.queries
    }
}

impl Figures for NameFigures {
    fn nothing() -> &'static Self {
        static NOTHING: LazyLock<NameFigures> = LazyLock::new(|| NameFigures {
            name: "".into(),
            queries: 0,
            failures: 0,
            answered: Default::default(),
        });
        &NOTHING
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            queries: self.queries.saturating_sub(before.queries),
            failures: self.failures.saturating_sub(before.failures),
            answered: self.answered.since(&before.answered),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let counts = |of: &Self| (of.queries, of.failures, of.answered.count());
        counts(self) == counts(other)
    }

    fn events(&self) -> u64 {
        self.queries
    }
}

/// Key of a process among the rows: its id and name.
pub(super) type ProcessKey = (u32, String);

/// Keys and figures of hosts or proxies.
pub(super) fn hosts(hosts: &[Host]) -> impl Iterator<Item = (Arc<HostKey>, &Arc<Group>)> {
    hosts
        .iter()
        .map(|host| (Arc::clone(&host.key), &host.group))
}

/// Keys and figures of processes.
pub(super) fn processes(snapshot: &Snapshot) -> impl Iterator<Item = (ProcessKey, &Arc<Group>)> {
    let processes = snapshot.processes.iter();
    processes.map(|process| ((process.pid, process.comm.clone()), &process.group))
}

/// Keys and figures of DNS names.
pub(super) fn names(snapshot: &Snapshot) -> impl Iterator<Item = (Arc<str>, &NameFigures)> {
    let names = snapshot.dns_names.iter();
    names.map(|name| (Arc::clone(&name.name), name))
}

/// True if a snapshot has every name that was looked up.
pub(super) fn has_all_names(snapshot: &Snapshot) -> bool {
    snapshot.dns_names_folded == 0
}

/// Figures of many rows at an earlier moment.
#[derive(Debug)]
pub(super) struct Rows<K, V> {
    /// Figures by row.
    pub(super) figures: HashMap<K, V>,
    /// Rows whose figures at that moment are not known.
    pub(super) unknown: HashSet<K>,
    /// True if a row without figures had none; false if it may be one of those that the snapshot left out.
    is_whole: bool,
}

impl<K: Eq + Hash, V: Figures> Rows<K, V> {
    fn of<'a>(rows: impl Iterator<Item = (K, &'a V)>, is_whole: bool) -> Self {
        Self {
            figures: rows.map(|(key, figures)| (key, figures.clone())).collect(),
            unknown: HashSet::new(),
            is_whole,
        }
    }

    /// Figures of a row at that moment; None if they are not known.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        if self.unknown.contains(key) {
            return None;
        }
        let nothing = self.is_whole.then(V::nothing);
        self.figures.get(key).or(nothing)
    }
}

/// An earlier moment, and its figures.
#[derive(Debug)]
pub(in super::super) struct Mark {
    /// Number of the moment.
    pub(in super::super) number: u64,
    /// Time from the beginning of the figures to the moment, ns.
    pub(in super::super) elapsed_ns: u64,
    /// True if it is the beginning of a window: later figures are not compared with those before it.
    pub(super) is_window: bool,
    pub(super) totals: Arc<Group>,
    pub(super) hosts: Rows<Arc<HostKey>, Arc<Group>>,
    pub(super) proxies: Rows<Arc<HostKey>, Arc<Group>>,
    pub(super) processes: Rows<ProcessKey, Arc<Group>>,
    pub(super) names: Rows<Arc<str>, NameFigures>,
    /// Connections that were opened although their host had one.
    pub(super) needless: u64,
}

impl Mark {
    /// Makes a mark of a moment.
    pub(super) fn of(moment: &Moment) -> Self {
        let snapshot = &moment.snapshot;
        Self {
            number: moment.number,
            elapsed_ns: moment.elapsed_ns,
            is_window: false,
            totals: Arc::clone(&snapshot.totals),
            hosts: Rows::of(hosts(&snapshot.hosts), true),
            proxies: Rows::of(hosts(&snapshot.proxies), true),
            processes: Rows::of(processes(snapshot), true),
            names: Rows::of(names(snapshot), has_all_names(snapshot)),
            needless: needless_connections(snapshot),
        }
    }

    /// True if the figures of some rows are not known.
    pub(super) fn is_cut(&self) -> bool {
        let hosts = [&self.hosts, &self.proxies];
        hosts.iter().any(|rows| !rows.unknown.is_empty())
            || !self.processes.unknown.is_empty()
            || !self.names.unknown.is_empty()
    }
}
