//! Figures of a moment: since the beginning, since a mark and compared with those before it, or of a window.

use std::sync::Arc;

use tracer_core::{
    cost::{Cost, needless_connections},
    group::Group,
    host::{Host, HostKey},
    snapshot::Snapshot,
};

use super::{figure::Pair, mark::Mark};
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

/// Moment that figures are counted from: its number, and whether it is the beginning of a window.
pub(super) type Since = (u64, bool);

/// Row of a host or proxy.
fn position(hosts: &[Host], key: &Arc<HostKey>) -> Option<usize> {
    let is_it = |host: &Host| Arc::ptr_eq(&host.key, key) || host.key == *key;
    hosts.iter().position(is_it)
}

/// A moment, and the mark from which its figures are counted.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Look<'a> {
    /// The moment shown.
    pub(in super::super) moment: &'a Arc<Moment>,
    /// The user's mark, or the beginning of the window; None for the figures since the beginning.
    pub(in super::super) mark: Option<&'a Mark>,
}

impl<'a> Look<'a> {
    /// Figures of the shown moment.
    pub(in super::super) fn snapshot(&self) -> &'a Snapshot {
        &self.moment.snapshot
    }

    /// True if figures are compared with those before the mark.
    pub(in super::super) fn compares(&self) -> bool {
        self.mark.is_some_and(|mark| !mark.is_window)
    }

    /// Time that the figures belong to, ns.
    pub(in super::super) fn span_ns(&self) -> u64 {
        let begin_ns = self.mark.map_or(0, |mark| mark.elapsed_ns);
        self.moment.elapsed_ns.saturating_sub(begin_ns)
    }

    /// Moment that the figures are counted from; None for the beginning.
    pub(super) fn origin(&self) -> Option<Since> {
        self.mark.map(|mark| (mark.number, mark.is_window))
    }

    /// Time since the mark, divided by the time before it. None if the two are not compared.
    pub(super) fn scale(&self) -> Option<f64> {
        let mark = self.mark.filter(|mark| !mark.is_window)?;
        Some(self.span_ns() as f64 / mark.elapsed_ns.max(1) as f64)
    }

    /// Figures of a row, which at the mark were those that `before` finds; None if they are not known.
    fn pair(
        &self,
        now: &'a Group,
        before: impl FnOnce(&'a Mark) -> Option<&'a Arc<Group>>,
    ) -> Option<Pair<'a>> {
        let Some(mark) = self.mark else {
            return Some(Pair::whole(now));
        };
        Some(Pair::since(now, before(mark)?, self.scale()))
    }

    /// Figures of all connections.
    pub(in super::super) fn totals(&self) -> Pair<'a> {
        let now = &self.snapshot().totals;
        match self.mark {
            Some(mark) => Pair::since(now, &mark.totals, self.scale()),
            None => Pair::whole(now),
        }
    }

    /// Mean time of a request, of all connections.
    pub(in super::super) fn cost(&self) -> Option<Cost> {
        let before = self.mark.map_or(0, |mark| mark.needless);
        let needless = needless_connections(self.snapshot());
        self.totals().cost(needless, before)
    }

    /// Figures of the host in a row of the snapshot; None if they are not known.
    pub(in super::super) fn host(&self, row: usize) -> Option<Pair<'a>> {
        let host = &self.snapshot().hosts[row];
        self.pair(&host.group, |mark| mark.hosts.get(&host.key))
    }

    /// Figures of the proxy in a row of the snapshot; None if they are not known.
    pub(super) fn proxy(&self, row: usize) -> Option<Pair<'a>> {
        let proxy = &self.snapshot().proxies[row];
        self.pair(&proxy.group, |mark| mark.proxies.get(&proxy.key))
    }

    /// Figures of the process in a row of the snapshot; None if they are not known.
    pub(super) fn process(&self, row: usize) -> Option<Pair<'a>> {
        let process = &self.snapshot().processes[row];
        self.pair(&process.group, |mark| {
            let key = (process.pid, process.comm.clone());
            mark.processes.get(&key)
        })
    }

    /// Figures of a subject; None when the snapshot has no such host or process, or its figures are not known.
    pub(in super::super) fn subject(&self, subject: &Subject) -> Option<Pair<'a>> {
        let snapshot = self.snapshot();
        match subject {
            Subject::All => Some(self.totals()),
            Subject::Host(key) => self.host(position(&snapshot.hosts, key)?),
            Subject::Proxy(key) => self.proxy(position(&snapshot.proxies, key)?),
            Subject::Process(pid, comm) => {
                let mut processes = snapshot.processes.iter();
                let row = processes.position(|one| one.pid == *pid && one.comm == *comm)?;
                self.process(row)
            }
        }
    }
}
