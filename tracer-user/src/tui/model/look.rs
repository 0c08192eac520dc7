//! Figures of a moment, compared with those of an earlier moment when there is a mark.

use std::{collections::HashMap, sync::Arc};

use tracer_core::{dns::figures::NameFigures, group::Group, host::HostKey, snapshot::Snapshot};

use super::figure::Pair;
use crate::trace::live::Moment;

/// Owner of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Subject {
    /// All connections.
    All,
    /// One host.
    Host(Arc<HostKey>),
    /// One process: its id and name.
    Process(u32, String),
}

/// An earlier moment that later ones are compared with.
#[derive(Debug)]
pub(in super::super) struct Mark {
    moment: Arc<Moment>,
    hosts: HashMap<Arc<HostKey>, Arc<Group>>,
    processes: HashMap<(u32, String), Arc<Group>>,
    names: HashMap<Arc<str>, NameFigures>,
}

impl Mark {
    /// Makes a mark of a moment.
    pub(super) fn of(moment: &Arc<Moment>) -> Self {
        let snapshot = &moment.snapshot;
        let hosts = snapshot.hosts.iter();
        let processes = snapshot.processes.iter();
        let names = snapshot.dns_names.iter();
        Self {
            moment: Arc::clone(moment),
            hosts: hosts
                .map(|host| (Arc::clone(&host.key), Arc::clone(&host.group)))
                .collect(),
            processes: processes
                .map(|process| {
                    let key = (process.pid, process.comm.clone());
                    (key, Arc::clone(&process.group))
                })
                .collect(),
            names: names
                .map(|name| (Arc::clone(&name.name), name.clone()))
                .collect(),
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

    /// Figures of the host in a row of the snapshot.
    pub(super) fn host(&self, row: usize) -> Pair<'a> {
        let host = &self.snapshot().hosts[row];
        self.pair(&host.group, |mark| {
            mark.hosts.get(&host.key).map(|group| &**group)
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
            Subject::Host(key) => {
                let is_it = |host: &&tracer_core::host::Host| {
                    Arc::ptr_eq(&host.key, key) || host.key == *key
                };
                let row = snapshot.hosts.iter().position(|host| is_it(&host))?;
                Some(self.host(row))
            }
            Subject::Process(pid, comm) => {
                let mut processes = snapshot.processes.iter();
                let row = processes.position(|one| one.pid == *pid && one.comm == *comm)?;
                Some(self.process(row))
            }
        }
    }
}
