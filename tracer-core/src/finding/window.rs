//! Figures of the last minutes, beside those of the whole trace: a fault that begins late is not drowned by an hour of
//! health, and one that was cured an hour ago does not stay.

use std::{collections::HashMap, sync::Arc};

use super::{
    Finding, Status,
    history::{MARKED_HOSTS, Mark},
    is_busy, is_busy_since,
    subject::Kind,
    sums::Sums,
};
use crate::{
    dns::figures::NameFigures,
    elapsed::elapsed,
    group::Group,
    host::{Host, HostKey},
    process::Process,
    snapshot::{Snapshot, since::last_points},
};

/// The last minutes clear a fault of the whole trace only if it should have happened this often in them, at the rate of
/// the whole trace. No rule wants more than 50 of a thing; with fewer, the last minutes may be clear only because little
/// has happened in them.
const ENOUGH: f64 = 50.0;

/// State of a trace as if it had begun a few minutes ago.
#[derive(Debug)]
pub struct Recent {
    /// Figures since the mark. Processes with too few for any rule are left out. Hosts with too few have none, and so have
    /// all hosts when there are more than [`MARKED_HOSTS`]: they are only counted.
    pub snapshot: Snapshot,
    /// True if hosts are judged by themselves.
    pub has_hosts: bool,
    /// Sums over all hosts since the mark.
    pub sums: Sums,
    /// Time of the mark, ns.
    pub began_ns: u64,
    /// Share of the trace's requests that fall into the last minutes; without requests, their share of its time.
    pub part: f64,
}

/// Mark at the present state of a trace.
pub fn mark(snapshot: &Snapshot, at_ns: u64) -> Mark {
    let mut sums = Sums::default();
    snapshot.hosts.iter().for_each(|host| sums.add(host));
    let processes = snapshot.processes.iter();
    Mark {
        at_ns,
        totals: Arc::clone(&snapshot.totals),
        sums,
        processes: processes
            .map(|process| (key_of(process), Arc::clone(&process.group)))
            .collect(),
        names: snapshot
            .dns_names
            .iter()
            .map(|name| (Arc::clone(&name.name), name.queries))
            .collect(),
        hosts: (snapshot.hosts.len() <= MARKED_HOSTS).then(|| by_key(&snapshot.hosts)),
        proxies: by_key(&snapshot.proxies),
    }
}

fn key_of(process: &Process) -> (u32, String) {
    (process.pid, process.comm.clone())
}

fn by_key(hosts: &[Host]) -> HashMap<Arc<HostKey>, Arc<Group>> {
    let hosts = hosts.iter();
    hosts
        .map(|host| (Arc::clone(&host.key), Arc::clone(&host.group)))
        .collect()
}

/// State of the last minutes; None while the whole trace is not longer than they are. `sums`: those of the whole trace.
pub fn recent(snapshot: &Snapshot, elapsed_ns: u64, sums: Sums) -> Option<Recent> {
    let mark = snapshot.history.recent_mark()?;
    let window_ns = elapsed(elapsed_ns, mark.at_ns)?;
    let totals = snapshot.totals.since(&mark.totals);
    let (requests, all) = (totals.requests.count, snapshot.totals.requests.count);
    let processes = snapshot.processes.iter().filter_map(|process| {
        let group = changed(&process.group, mark.processes.get(&key_of(process)))?;
        Some(Process {
            group,
            ..process.clone()
        })
    });
    let hosts = mark.hosts.as_ref();
    let mut time_wait = snapshot.time_wait.clone();
    let moments = snapshot.history.moments.iter();
    let lately = moments.filter(|moment| moment.at_ns >= mark.at_ns);
    time_wait.peak = lately
        .map(|moment| moment.time_wait)
        .fold(time_wait.current, u64::max);
    Some(Recent {
        sums: sums.since(mark.sums),
        began_ns: mark.at_ns,
        has_hosts: hosts.is_some(),
        part: match all {
            0 => window_ns as f64 / elapsed_ns.max(1) as f64,
            _ => requests as f64 / all as f64,
        },
        snapshot: Snapshot {
            totals: Arc::new(totals),
            processes: processes.collect(),
            hosts: match hosts {
                Some(before) => hosts_since(&snapshot.hosts, before),
                None => snapshot.hosts.iter().map(only_counted).collect(),
            },
            proxies: hosts_since(&snapshot.proxies, &mark.proxies),
            time_wait,
            series: Arc::new(last_points(&snapshot.series, window_ns)),
            dns_names: names_since(&snapshot.dns_names, &mark.names),
            history: Arc::clone(&snapshot.history),
            ..Snapshot::default()
        },
    })
}

fn hosts_since(hosts: &[Host], before: &HashMap<Arc<HostKey>, Arc<Group>>) -> Vec<Host> {
    let is_new = |host: &&Host| {
        before
            .get(&host.key)
            .is_none_or(|before| !Arc::ptr_eq(before, &host.group))
    };
    let of_one = |host: &Host| {
        let busy = is_busy(&host.group).then(|| changed(&host.group, before.get(&host.key)));
        match busy.flatten() {
            Some(group) => Host {
                group,
                ..host.clone()
            },
            None => only_counted(host),
        }
    };
    hosts.iter().filter(is_new).map(of_one).collect()
}

/// Host without figures.
fn only_counted(host: &Host) -> Host {
    Host {
        group: Arc::default(),
        ..host.clone()
    }
}

/// Names with their lookups since the mark, those with the most first.
fn names_since(names: &[NameFigures], before: &HashMap<Arc<str>, u64>) -> Vec<NameFigures> {
    let mut names = names.to_vec();
    for name in &mut names {
        let before = before.get(&name.name).copied().unwrap_or(0);
        name.queries = name.queries.saturating_sub(before);
    }
    names.sort_by_key(|name| std::cmp::Reverse(name.queries));
    names
}

/// Figures of a subject since a mark; None if there are too few for any rule.
fn changed(now: &Arc<Group>, before: Option<&Arc<Group>>) -> Option<Arc<Group>> {
    match before {
        Some(before) if Arc::ptr_eq(now, before) || !is_busy_since(now, before) => None,
        Some(before) => Some(Arc::new(now.since(before))),
        None => Some(Arc::clone(now)),
    }
}

/// Joins the results of a rule for the whole trace and for its last minutes. A fault of the last minutes always counts. A
/// fault of the whole trace counts unless the last minutes are clear of it although it should have happened there often; that
/// of a host or proxy only where hosts were judged by themselves.
pub(super) fn combine(whole: Finding, lately: Finding, recent: &Recent) -> Finding {
    match (&whole.status, &lately.status) {
        (_, Status::Found(_)) => lately,
        (Status::Found(found), Status::Clear)
            if found.fault.events as f64 * recent.part >= ENOUGH
                && (recent.has_hosts || !matches!(found.scope.kind, Kind::Host | Kind::Proxy)) =>
        {
            lately
        }
        _ => whole,
    }
}
