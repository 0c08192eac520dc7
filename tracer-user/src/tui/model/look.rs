//! Figures of a moment, compared with those of an earlier moment when there is a mark.

use std::{collections::HashMap, sync::Arc};

use tracer_core::{
    cost::{Cost, needless_connections},
    dns::figures::NameFigures,
    group::Group,
    host::{Host, HostKey},
    snapshot::Snapshot,
};

use super::figure::Pair;
use crate::trace::live::Moment;

/// Owner of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Subject {
    /// All connections.
    All,
    /// One host.
    Host(Arc<HostKey>),
    /// One proxy, with the connections to it.
    Proxy(Arc<HostKey>),
    /// One process: its id and name.
    Process(u32, String),
}

/// An earlier moment that later ones are compared with.
#[derive(Debug)]
pub(in super::super) struct Mark {
    moment: Arc<Moment>,
    hosts: HashMap<Arc<HostKey>, Arc<Group>>,
    proxies: HashMap<Arc<HostKey>, Arc<Group>>,
    processes: HashMap<(u32, String), Arc<Group>>,
    names: HashMap<Arc<str>, NameFigures>,
    /// Connections that were opened although their host had one.
    needless: u64,
}

impl Mark {
    /// Makes a mark of a moment.
    pub(super) fn of(moment: &Arc<Moment>) -> Self {
        let snapshot = &moment.snapshot;
        let by_key = |hosts: &[Host]| -> HashMap<_, _> {
            hosts
                .iter()
                .map(|host| (Arc::clone(&host.key), Arc::clone(&host.group)))
                .collect()
        };
        let processes = snapshot.processes.iter();
        let names = snapshot.dns_names.iter();
        Self {
            moment: Arc::clone(moment),
            hosts: by_key(&snapshot.hosts),
            proxies: by_key(&snapshot.proxies),
            processes: processes
                .map(|process| {
                    let key = (process.pid, process.comm.clone());
                    (key, Arc::clone(&process.group))
                })
                .collect(),
            names: names
                .map(|name| (Arc::clone(&name.name), name.clone()))
                .collect(),
            needless: needless_connections(snapshot),
        }
    }

    /// The marked moment.
    pub(in super::super) fn moment(&self) -> &Moment {
        &self.moment
    }

    /// Figures of a DNS name at the mark.
    pub(super) fn name(&self, name: &str) -> Option<&NameFigures> {
        self.names.get(name)
    }
}

/// Row of a host or proxy.
fn position(hosts: &[Host], key: &Arc<HostKey>) -> Option<usize> {
    let is_it = |host: &Host| Arc::ptr_eq(&host.key, key) || host.key == *key;
    hosts.iter().position(is_it)
}

/// A moment, and the mark that it is compared with.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Look<'a> {
    /// The moment shown.
    pub(in super::super) moment: &'a Arc<Moment>,
    /// The mark that the moment is compared with.
    pub(in super::super) mark: Option<&'a Mark>,
}

impl<'a> Look<'a> {
    /// Figures of the shown moment.
    pub(in super::super) fn snapshot(&self) -> &'a Snapshot {
        &self.moment.snapshot
    }

    /// Time since the mark, divided by the time before it.
    pub(super) fn scale(&self) -> f64 {
        let Some(mark) = self.mark else { return 1.0 };
        let before = mark.moment.elapsed_ns;
        let since = self.moment.elapsed_ns.saturating_sub(before);
        since as f64 / before.max(1) as f64
    }

    fn pair(&self, now: &'a Group, before: impl FnOnce(&'a Mark) -> Option<&'a Group>) -> Pair<'a> {
        match self.mark {
            Some(mark) => Pair::since(now, before(mark), self.scale()),
            None => Pair::whole(now),
        }
    }

    /// Figures of all connections.
    pub(in super::super) fn totals(&self) -> Pair<'a> {
        let now = &self.snapshot().totals;
        self.pair(now, |mark| Some(&mark.moment.snapshot.totals))
    }

    /// Mean time of a request, of all connections.
    pub(in super::super) fn cost(&self) -> Option<Cost> {
        let before = self.mark.map(|mark| mark.needless);
        let needless = needless_connections(self.snapshot());
        self.totals().cost(needless, before.unwrap_or(0))
    }

    /// Figures of the host in a row of the snapshot.
    pub(in super::super) fn host(&self, row: usize) -> Pair<'a> {
        let host = &self.snapshot().hosts[row];
        self.pair(&host.group, |mark| {
            mark.hosts.get(&host.key).map(|group| &**group)
        })
    }

    /// Figures of the proxy in a row of the snapshot.
    pub(super) fn proxy(&self, row: usize) -> Pair<'a> {
        let proxy = &self.snapshot().proxies[row];
        self.pair(&proxy.group, |mark| {
            mark.proxies.get(&proxy.key).map(|group| &**group)
        })
    }

    /// Figures of the process in a row of the snapshot.
    pub(super) fn process(&self, row: usize) -> Pair<'a> {
        let process = &self.snapshot().processes[row];
        self.pair(&process.group, |mark| {
            let key = (process.pid, process.comm.clone());
            mark.processes.get(&key).map(|group| &**group)
        })
    }

    /// Figures of a subject; None when the snapshot has no such host or process.
    pub(in super::super) fn subject(&self, subject: &Subject) -> Option<Pair<'a>> {
        let snapshot = self.snapshot();
        match subject {
            Subject::All => Some(self.totals()),
            Subject::Host(key) => Some(self.host(position(&snapshot.hosts, key)?)),
            Subject::Proxy(key) => Some(self.proxy(position(&snapshot.proxies, key)?)),
            Subject::Process(pid, comm) => {
                let mut processes = snapshot.processes.iter();
                let row = processes.position(|one| one.pid == *pid && one.comm == *comm)?;
                Some(self.process(row))
            }
        }
    }
}
