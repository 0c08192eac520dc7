//! Tables of hosts, processes and proxies, the busiest first.

use std::cmp::Reverse;

use maud::{Markup, html};
use tracer_export::{Export, Group, Histogram, Host, Phase, Phases, Process};

use super::cell::{Column, cell, count, more, name, numbers, share, table, time, words};

/// Limit of the entries of a table.
const SHOWN: usize = 50;

/// Columns behind the name.
const FIGURES: [Column; 9] = [
    numbers("requests"),
    numbers("reuse"),
    numbers("connections"),
    numbers("failed"),
    numbers("connect p50"),
    numbers("tls p50"),
    numbers("ttfb p50"),
    numbers("ttfb p99"),
    numbers("pickup p50"),
];

/// Table of hosts; None when the export has none.
pub(super) fn hosts(export: &Export) -> Option<Markup> {
    let mut hosts: Vec<&Host> = export.hosts.iter().collect();
    hosts.sort_by_key(|host| busy(&host.group));
    let rows = hosts.iter().take(SHOWN).map(|host| {
        let name = html! { span.name { (name(&host.host)) ":" (host.port) } };
        with_figures(name, &host.group)
    });
    of_entries(
        "Hosts, the busiest first",
        "host",
        hosts.len(),
        rows.collect(),
    )
}

/// Table of processes; None when the export has none.
pub(super) fn processes(export: &Export) -> Option<Markup> {
    let mut processes: Vec<&Process> = export.processes.iter().collect();
    processes.sort_by_key(|process| busy(&process.group));
    let rows = processes.iter().take(SHOWN).map(|process| {
        let label = html! {
            span.name { (owner(process)) }
            @if let Some(container) = &process.container { div.dim { "container " (short(container)) } }
        };
        with_figures(label, &process.group)
    });
    let rows = rows.collect();
    of_entries(
        "Processes, the busiest first",
        "process",
        processes.len(),
        rows,
    )
}

/// Process id and name, behind the machine in a merged export.
fn owner(process: &Process) -> String {
    let comm = name(&process.comm);
    let who = match process.pid {
        0 => format!("unknown {comm}"),
        pid => format!("{pid} {comm}"),
    };
    match &process.machine {
        Some(machine) => format!("{}: {who}", name(machine)),
        None => who,
    }
}

/// Beginning of a container's id.
fn short(container: &str) -> String {
    name(&container.chars().take(12).collect::<String>())
}

/// Table of proxies; None when the export has none.
pub(super) fn proxies(export: &Export) -> Option<Markup> {
    let proxies = export.proxies.as_deref().unwrap_or_default();
    let columns = [
        words("proxy"),
        words("behind"),
        numbers("connections"),
        numbers("tunnels"),
        numbers("failed"),
        numbers("requests"),
        numbers("tunnel p50"),
        numbers("ttfb p50"),
    ];
    let rows = proxies.iter().take(SHOWN).map(|proxy| {
        let via: Vec<String> = proxy.via.iter().map(|via| name(via)).collect();
        vec![
            html! { span.name { (name(&proxy.name)) } },
            html! { span.name { (via.join(", ")) } },
            cell(count(proxy.connections.opened)),
            cell(count(proxy.tunnels.opened)),
            cell(count(proxy.tunnels.failed.total())),
            cell(count(proxy.requests.count)),
            cell(percentile(&proxy.phases, Phase::Tunnel, |it| it.p50_ns)),
            cell(percentile(&proxy.phases, Phase::Ttfb, |it| it.p50_ns)),
        ]
    });
    let rows: Vec<Vec<Markup>> = rows.collect();
    (!rows.is_empty()).then(|| {
        html! {
            (table("Proxies that were asked for tunnels", &columns, &rows))
            (more(proxies.len(), SHOWN))
        }
    })
}

fn of_entries(
    caption: &str,
    head: &'static str,
    all: usize,
    rows: Vec<Vec<Markup>>,
) -> Option<Markup> {
    let columns: Vec<Column> = [words(head)].into_iter().chain(FIGURES).collect();
    (!rows.is_empty()).then(|| {
        html! {
            (table(caption, &columns, &rows))
            (more(all, SHOWN))
        }
    })
}

/// Place in a table: those with the most requests first, then those with the most connections.
fn busy(group: &Group) -> Reverse<(Option<u64>, Option<u64>)> {
    Reverse((group.requests.count, group.connections.opened))
}

/// Row of an entry.
fn with_figures(name: Markup, group: &Group) -> Vec<Markup> {
    let phases = &group.phases;
    let median = |phase| percentile(phases, phase, |it| it.p50_ns);
    let figures = [
        count(group.requests.count),
        share(group.requests.reuse_ratio),
        count(group.connections.opened),
        count(failed(group)),
        median(Phase::Connect),
        median(handshakes(phases)),
        median(Phase::Ttfb),
        percentile(phases, Phase::Ttfb, |it| it.p99_ns),
        median(Phase::Pickup),
    ];
    let cells = figures.into_iter().map(cell);
    [name].into_iter().chain(cells).collect()
}

/// Connects, tunnels, requests, handshakes and lookups that failed; None when one of them was not counted. Older exports
/// know of no tunnels.
fn failed(group: &Group) -> Option<u64> {
    let parts = [
        group.connections.failed.total(),
        group.tunnels.failed.total().or(Some(0)),
        group.requests.failed,
        group.tls.failed,
        group.dns.failed.total(),
    ];
    let parts: Option<Vec<u64>> = parts.into_iter().collect();
    Some(parts?.into_iter().fold(0, u64::saturating_add))
}

/// Handshakes of the kind that most connections had.
fn handshakes(phases: &Phases) -> Phase {
    let count = |phase| phases.get(phase).and_then(|it| it.count);
    match count(Phase::TlsResumed) > count(Phase::Tls) {
        true => Phase::TlsResumed,
        false => Phase::Tls,
    }
}

/// Percentile of a phase; a dash without a sample.
fn percentile(phases: &Phases, phase: Phase, of: fn(&Histogram) -> Option<u64>) -> String {
    time(phases.get(phase).and_then(Histogram::measured).and_then(of))
}
