//! Lists of an export, united by what their entries are about, and put in an order of their own.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
};

use super::{
    DnsName, HdrReader, MergeError, Process,
    figures::{Figures, PhaseError},
};
use crate::{Group, Host, HostProcess, HostSource, Proxy, sum::Sum};

/// Process on a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProcessKey {
    machine: String,
    pid: u32,
    comm: String,
    exe: Option<String>,
    container: Option<String>,
}

/// Host and port, and the source of the name: as in the table of one trace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostKey {
    host: String,
    port: u16,
    source: HostSource,
}

/// Figures of a host, with what is known of its addresses.
#[derive(Debug)]
pub(super) struct HostSum {
    figures: Figures,
    addresses: BTreeSet<String>,
    via: Option<BTreeSet<String>>,
    via_cut: Option<bool>,
    processes: Option<BTreeMap<UserKey, HostProcess>>,
    processes_folded: Option<u64>,
}

/// Process of a machine at a host.
type UserKey = (String, u32, String);

/// Proxy, and the proxies on the way to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProxyKey {
    name: String,
    via: Vec<String>,
}

/// Lookups of a name.
#[derive(Debug)]
pub(super) struct NameSum(DnsName);

impl ProcessKey {
    pub(super) fn process(self, figures: Figures) -> Process {
        Process {
            machine: Some(self.machine),
            pid: self.pid,
            comm: self.comm,
            exe: self.exe,
            container: self.container,
            group: figures.finish(),
        }
    }
}

impl HostKey {
    pub(super) fn host(self, sum: HostSum) -> Host {
        Host {
            host: self.host,
            host_source: self.source,
            port: self.port,
            addresses: sum.addresses.into_iter().collect(),
            via: sum.via.map(|via| via.into_iter().collect()),
            via_cut: sum.via_cut,
            processes: sum.processes.map(|users| in_order(users.into_values())),
            processes_folded: sum.processes_folded,
            group: sum.figures.finish(),
        }
    }
}

impl ProxyKey {
    pub(super) fn proxy(self, figures: Figures) -> Proxy {
        let group = figures.finish();
        Proxy {
            name: self.name,
            via: self.via,
            connections: group.connections,
            requests: group.requests,
            tunnels: group.tunnels,
            tls: group.tls,
            phases: group.phases,
        }
    }
}

/// Adds figures to the entry of a key.
fn unite<K: Ord>(
    table: &mut BTreeMap<K, Figures>,
    key: K,
    group: Group,
    reader: &mut HdrReader,
) -> Result<(), PhaseError> {
    match table.entry(key) {
        Entry::Occupied(mut known) => known.get_mut().add(group, reader),
        Entry::Vacant(free) => {
            free.insert(Figures::of(group, reader)?);
            Ok(())
        }
    }
}

/// Adds a process of a machine.
pub(super) fn process(
    processes: &mut BTreeMap<ProcessKey, Figures>,
    process: Process,
    machine: &str,
    reader: &mut HdrReader,
) -> Result<(), MergeError> {
    let place = || format!("processes[{}]", process.pid);
    let key = ProcessKey {
        machine: process.machine.unwrap_or_else(|| machine.to_owned()),
        pid: process.pid,
        comm: process.comm,
        exe: process.exe,
        container: process.container,
    };
    unite(processes, key, process.group, reader).map_err(|error| error.at(place))
}

/// Adds a host.
pub(super) fn host(
    hosts: &mut BTreeMap<HostKey, HostSum>,
    host: Host,
    machine: &str,
    reader: &mut HdrReader,
) -> Result<(), MergeError> {
    let processes = host.processes.map(|users| by_process(users, machine));
    let key = HostKey {
        host: host.host,
        port: host.port,
        source: host.host_source,
    };
    let place = |key: &HostKey| format!("hosts[{:?}]", key.host);
    match hosts.entry(key) {
        Entry::Vacant(free) => {
            let figures = Figures::of(host.group, reader);
            let figures = figures.map_err(|error| error.at(|| place(free.key())))?;
            free.insert(HostSum {
                figures,
                addresses: host.addresses.into_iter().collect(),
                via: host.via.map(|via| via.into_iter().collect()),
                via_cut: host.via_cut,
                processes,
                processes_folded: host.processes_folded,
            });
        }
        Entry::Occupied(mut known) => {
            let name = known.key().clone();
            let sum = known.get_mut();
            let added = sum.figures.add(host.group, reader);
            added.map_err(|error| error.at(|| place(&name)))?;
            for address in host.addresses {
                if !sum.addresses.contains(&address) {
                    sum.addresses.insert(address);
                }
            }
            sum.via = sum.via.take().zip(host.via).map(|(mut sum, via)| {
                sum.extend(via);
                sum
            });
            sum.via_cut = sum.via_cut.max(host.via_cut);
            sum.processes = sum.processes.take().zip(processes).map(|(mut sum, new)| {
                new.into_values().for_each(|user| add_user(&mut sum, user));
                sum
            });
            // Absent means none here.
            let folded = [sum.processes_folded, host.processes_folded];
            sum.processes_folded = folded.into_iter().flatten().reduce(u64::saturating_add);
        }
    }
    Ok(())
}

/// Processes at a host, each with its machine.
fn by_process(users: Vec<HostProcess>, machine: &str) -> BTreeMap<UserKey, HostProcess> {
    let mut all = BTreeMap::new();
    for user in users {
        let machine = user.machine.clone().unwrap_or_else(|| machine.to_owned());
        let user = HostProcess {
            machine: Some(machine),
            ..user
        };
        add_user(&mut all, user);
    }
    all
}

fn add_user(all: &mut BTreeMap<UserKey, HostProcess>, user: HostProcess) {
    let machine = user.machine.clone().unwrap_or_default();
    match all.entry((machine, user.pid, user.comm.clone())) {
        Entry::Vacant(free) => _ = free.insert(user),
        Entry::Occupied(mut known) => {
            let sum = known.get_mut();
            sum.requests.sum(&user.requests);
            sum.connections.sum(&user.connections);
            sum.connections_used.sum(&user.connections_used);
            let counts = sum.requests.zip(sum.connections_used);
            sum.reuse_ratio = counts
                .filter(|(requests, _)| *requests != 0)
                .map(|(requests, used)| (1.0 - used as f64 / requests as f64).max(0.0));
        }
    }
}

/// Processes at a host, the one with most requests first.
fn in_order(users: impl Iterator<Item = HostProcess>) -> Vec<HostProcess> {
    let mut users: Vec<HostProcess> = users.collect();
    users.sort_by_key(|user| Reverse(user.requests));
    users
}

/// Adds proxies. When one part did not look for any, nothing is known of them.
pub(super) fn proxies(
    sum: &mut Option<BTreeMap<ProxyKey, Figures>>,
    proxies: Option<Vec<Proxy>>,
    is_first: bool,
    reader: &mut HdrReader,
) -> Result<(), MergeError> {
    let Some(proxies) = proxies else {
        *sum = None;
        return Ok(());
    };
    if is_first {
        *sum = Some(BTreeMap::new());
    }
    let Some(sum) = sum else {
        return Ok(());
    };
    for proxy in proxies {
        let place = format!("proxies[{:?}]", proxy.name);
        let key = ProxyKey {
            name: proxy.name,
            via: proxy.via,
        };
        let group = Group {
            connections: proxy.connections,
            requests: proxy.requests,
            tunnels: proxy.tunnels,
            tls: proxy.tls,
            phases: proxy.phases,
            ..Group::default()
        };
        unite(sum, key, group, reader).map_err(|error| error.at(|| place))?;
    }
    Ok(())
}

/// Adds lookups by name. Medians cannot be merged: the highest of the parts is kept.
pub(super) fn names(
    sum: &mut Option<BTreeMap<String, NameSum>>,
    names: Option<Vec<DnsName>>,
    is_first: bool,
) {
    let Some(names) = names else {
        *sum = None;
        return;
    };
    if is_first {
        *sum = Some(BTreeMap::new());
    }
    let Some(sum) = sum else {
        return;
    };
    for name in names {
        match sum.entry(name.name.clone()) {
            Entry::Vacant(free) => {
                free.insert(NameSum(name));
            }
            Entry::Occupied(mut known) => {
                let NameSum(sum) = known.get_mut();
                sum.queries.sum(&name.queries);
                sum.failures.sum(&name.failures);
                sum.p50_ns = sum.p50_ns.max(name.p50_ns);
            }
        }
    }
}

/// Names, the one asked most first.
pub(super) fn names_in_order(names: BTreeMap<String, NameSum>) -> Vec<DnsName> {
    let mut names: Vec<DnsName> = names.into_values().map(|NameSum(name)| name).collect();
    names.sort_by_key(|name| Reverse(name.queries));
    names
}
