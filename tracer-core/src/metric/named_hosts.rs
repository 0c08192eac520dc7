//! Choice of the hosts that metrics name. Their number is bounded, because each costs the receiver a series of each
//! metric; all further hosts share one name. A host that has a name keeps it, so that its counts never go down.

use std::{collections::HashSet, sync::Arc};

use crate::{
    host::{Host, HostKey},
    latency::Latency,
    snapshot::Snapshot,
};

/// Hosts that metrics name.
#[derive(Debug)]
pub struct NamedHosts {
    limit: usize,
    named: HashSet<Arc<HostKey>>,
}

impl NamedHosts {
    /// Name of all hosts beyond the limit.
    pub const OTHER: &str = "other";

    /// Makes a choice of at most `limit` hosts.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            named: HashSet::new(),
        }
    }

    /// Hosts with a name. While there is room, further hosts of the snapshot get one, the busiest first.
    pub fn choose<'s>(&mut self, snapshot: &'s Snapshot) -> Vec<&'s Host> {
        let room = self.limit.saturating_sub(self.named.len());
        if room != 0 {
            let new = snapshot.hosts.iter();
            let mut new: Vec<_> = new.filter(|host| !self.named.contains(&host.key)).collect();
            if new.len() > room {
                new.sort_by_key(|host| std::cmp::Reverse(business(host)));
            }
            let keys = new.into_iter().take(room).map(|host| Arc::clone(&host.key));
            self.named.extend(keys);
        }
        let all = snapshot.hosts.iter();
        all.filter(|host| self.named.contains(&host.key)).collect()
    }
}

/// Measure of how much a host is used.
fn business(host: &Host) -> u64 {
    host.group.requests.count + host.group.connections.opened
}

/// Number of the hosts without a name: what the totals have beyond the named ones. It includes what belongs to no host.
pub fn rest_of_count(
    figure: fn(&crate::group::Group) -> u64,
    snapshot: &Snapshot,
    named: &[&Host],
) -> u64 {
    let sum: u64 = named.iter().map(|host| figure(&host.group)).sum();
    figure(&snapshot.totals).saturating_sub(sum)
}

/// Samples of the hosts without a name, as [`rest_of_count`].
pub fn rest_of_durations(
    figure: fn(&crate::group::Group) -> &Latency,
    snapshot: &Snapshot,
    named: &[&Host],
) -> Latency {
    let mut sum = Latency::default();
    named.iter().for_each(|host| sum.merge(figure(&host.group)));
    figure(&snapshot.totals).since(&sum)
}
