//! Hosts that have a name in the metrics. Their number is bounded, because each costs Prometheus some forty series; all
//! further hosts are one, `other`. A host that has a name keeps it as long as tracer runs.

use std::{collections::HashMap, sync::Arc};

use tracer_core::{
    group::Group,
    host::{Host, HostKey},
    snapshot::Snapshot,
};

use super::family::Labels;

/// Groups of each named host in a snapshot. A host has several if its name was learnt in several ways.
pub(super) type Seen<'s> = Vec<Vec<&'s Group>>;

/// The named hosts.
#[derive(Debug)]
pub(super) struct Hosts {
    limit: usize,
    known: HashMap<Arc<HostKey>, usize>,
    by_name: HashMap<(Box<str>, u16), usize>,
    /// Labels of each.
    labels: Vec<Labels>,
}

impl Hosts {
    /// Makes the choice of at most `limit` hosts.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            known: HashMap::new(),
            by_name: HashMap::new(),
            labels: Vec::new(),
        }
    }

    /// Labels of the named hosts.
    pub(super) fn labels(&self) -> &[Labels] {
        &self.labels
    }

    /// Groups of the named hosts. While there is room, hosts without a name get one, the busiest first.
    pub(super) fn see<'s>(&mut self, snapshot: &'s Snapshot) -> Seen<'s> {
        self.name_more(&snapshot.hosts);
        let mut seen = vec![Vec::new(); self.labels.len()];
        for host in &snapshot.hosts {
            if let Some(&at) = self.known.get(&host.key) {
                seen[at].push(&*host.group);
            }
        }
        seen
    }

    fn name_more(&mut self, hosts: &[Host]) {
        let new = hosts.iter().filter(|it| !self.known.contains_key(&it.key));
        let mut new: Vec<_> = new
            .map(|host| (business(&host.group), &host.key))
            .filter(|&(business, _)| business != 0)
            .collect();
        new.sort_by_key(|&(business, _)| std::cmp::Reverse(business));
        for (_, key) in new {
            let name = (key.host.clone(), key.port);
            let at = match self.by_name.get(&name) {
                Some(&known) => known,
                None if self.labels.len() < self.limit => {
                    self.labels.push(labels(key));
                    self.by_name.insert(name, self.labels.len() - 1);
                    self.labels.len() - 1
                }
                None => continue,
            };
            self.known.insert(Arc::clone(key), at);
        }
    }
}

/// Labels of a host.
fn labels(key: &HostKey) -> Labels {
    let port = key.port.to_string();
    Labels::new([("server.address", &*key.host), ("server.port", &port)])
}

/// Measure of how much a host is used. Connections that were just opened do not count: their host may yet get another
/// name.
fn business(group: &Group) -> u64 {
    group.requests.count + group.requests.failed + group.connections.failed.total()
}
