//! Figures of the last minutes, beside those of the whole trace: a fault that begins late is not drowned by an hour of
//! health, and one that was cured an hour ago does not stay.

use std::{collections::HashMap, sync::Arc};

use super::{
    Finding, Status,
    history::{MARKED_HOSTS, Mark},
    is_busy, is_busy_since,
    sums::Sums,
};
use crate::{
    elapsed::elapsed,
    group::Group,
    host::{Host, HostKey},
    process::Process,
    series::Series,
    snapshot::Snapshot,
};

/// Number of times that a fault of the whole trace should have happened in the last minutes, before these clear it. The
/// rules want 50 of a thing at most: with fewer, the last minutes are clear because little has happened in them.
const ENOUGH: f64 = 50.0;

/// State of a trace as if it had begun a few minutes ago.
#[derive(Debug)]
pub struct Recent {
    /// Figures since the mark; subjects with too few for any rule are left out.
    pub snapshot: Snapshot,
    /// Sums over all hosts since the mark.
    pub sums: Sums,
    /// Time of the mark, ns.
    pub began_ns: u64,
    /// Part of the trace's requests that is in them, or of its time if there are none.
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
            .map(|process| (process.pid, Arc::clone(&process.group)))
            .collect(),
        hosts: (snapshot.hosts.len() <= MARKED_HOSTS).then(|| by_key(&snapshot.hosts)),
        proxies: by_key(&snapshot.proxies),
    }
}

fn by_key(hosts: &[Host]) -> HashMap<Arc<HostKey>, Arc<Group>> {
    let hosts = hosts.iter();
    hosts
        .map(|host| (Arc::clone(&host.key), Arc::clone(&host.group)))
        .collect()
}

/// State of the last minutes. None as long as the whole trace is not longer. `sums`: those of the whole trace.
pub fn recent(snapshot: &Snapshot, elapsed_ns: u64, sums: Sums) -> Option<Recent> {
    let mark = snapshot.history.recent_mark()?;
    let window_ns = elapsed(elapsed_ns, mark.at_ns)?;
    let totals = snapshot.totals.since(&mark.totals);
    let (requests, all) = (totals.requests.count, snapshot.totals.requests.count);
    let processes = snapshot.processes.iter().filter_map(|process| {
        let group = changed(&process.group, mark.processes.get(&process.pid))?;
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
        part: match all {
            0 => window_ns as f64 / elapsed_ns.max(1) as f64,
            _ => requests as f64 / all as f64,
        },
        snapshot: Snapshot {
            totals: Arc::new(totals),
            processes: processes.collect(),
            hosts: hosts.map_or(Vec::new(), |hosts| hosts_since(&snapshot.hosts, hosts)),
            proxies: hosts_since(&snapshot.proxies, &mark.proxies),
            time_wait,
            series: Arc::new(end_of(&snapshot.series, window_ns)),
            dns_names: snapshot.dns_names.clone(),
            history: Arc::clone(&snapshot.history),
            ..Snapshot::default()
        },
    })
}

fn hosts_since(hosts: &[Host], before: &HashMap<Arc<HostKey>, Arc<Group>>) -> Vec<Host> {
    let hosts = hosts.iter().filter(|host| is_busy(&host.group));
    hosts
        .filter_map(|host| {
            let group = changed(&host.group, before.get(&host.key))?;
            Some(Host {
                group,
                ..host.clone()
            })
        })
        .collect()
}

/// Figures of a subject since a mark; None if there are too few for any rule.
fn changed(now: &Arc<Group>, before: Option<&Arc<Group>>) -> Option<Arc<Group>> {
    match before {
        Some(before) if Arc::ptr_eq(now, before) || !is_busy_since(now, before) => None,
        Some(before) => Some(Arc::new(now.since(before))),
        None => Some(Arc::clone(now)),
    }
}

/// Points of a series that are no older than the window.
fn end_of(series: &Series, window_ns: u64) -> Series {
    let count = window_ns.div_ceil(series.interval_ns.max(1)) as usize;
    let from = series.points.len().saturating_sub(count);
    Series {
        interval_ns: series.interval_ns,
        points: series.points[from..].to_vec(),
    }
}

/// Result of a rule out of those for the whole trace and for its last minutes. A fault of the last minutes counts; one of
/// the whole trace does not, if the last minutes are clear of it although it should have happened there often.
pub(super) fn combine(whole: Finding, lately: Finding, part: f64) -> Finding {
    match (&whole.status, &lately.status) {
        (_, Status::Found(_)) => lately,
        (Status::Found(found), Status::Clear) if found.fault.events as f64 * part >= ENOUGH => {
            lately
        }
        _ => whole,
    }
}
