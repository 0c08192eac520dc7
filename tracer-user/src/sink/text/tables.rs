//! Tables of the text summary: hosts, proxies and processes.

use std::fmt::Write;

use tracer_core::{
    group::Group,
    host::{Host, Via},
    latency::Latency,
    phase::Phase,
    process::Process,
};
use tracer_text::{number, printable::printable};

/// Rows shown of each table.
const ROWS: usize = 10;

/// Colours of the summary, or none.
pub(super) struct Paint {
    color: bool,
}

impl Paint {
    pub(super) fn new(color: bool) -> Self {
        Self { color }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        if self.color {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn alarm(&self, text: &str) -> String {
        if self.color {
            format!("\x1b[1;31m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Table of hosts, the busiest first.
pub(super) fn hosts(text: &mut String, hosts: &[Host], paint: &Paint) {
    let mut sorted: Vec<&Host> = hosts.iter().collect();
    sorted.sort_by_key(|host| std::cmp::Reverse(weight(&host.group)));
    let shown = sorted.iter().take(ROWS);
    let has_proxies = shown.clone().any(|host| !host.via.proxies.is_empty());
    let rows = shown.map(|host| Row {
        name: format!("{}:{}", printable(&host.key.host), host.key.port),
        group: &host.group,
        via: via(&host.via),
    });
    table(text, paint, ("host", has_proxies), sorted.len(), rows);
}

/// Table of processes, the busiest first.
pub(super) fn processes(text: &mut String, processes: &[Process], paint: &Paint) {
    let mut sorted: Vec<&Process> = processes.iter().collect();
    sorted.sort_by_key(|process| std::cmp::Reverse(weight(&process.group)));
    let rows = sorted.iter().take(ROWS).map(|process| Row {
        name: format!("{} {}", process.pid, printable(&process.comm)),
        group: &process.group,
        via: String::new(),
    });
    table(text, paint, ("process", false), sorted.len(), rows);
}

/// Table of proxies that were asked for tunnels, the busiest first.
pub(super) fn proxies(text: &mut String, proxies: &[Host], paint: &Paint) {
    if proxies.is_empty() {
        return;
    }
    let mut sorted: Vec<&Host> = proxies.iter().collect();
    sorted.sort_by_key(|proxy| std::cmp::Reverse(weight(&proxy.group)));
    let header = format!(
        "{:<32}{:>8}{:>8}{:>8}{:>9}{:>13}{:>10}",
        "proxy",
        "conns",
        "failed",
        "tunnels",
        "refused",
        format!("{} p50", Phase::Tunnel.key()),
        "requests"
    );
    let _ = writeln!(text, "\n{}", paint.bold(&header));
    for proxy in sorted.iter().take(ROWS) {
        let group = &proxy.group;
        let _ = writeln!(
            text,
            "{:<32}{:>8}{:>8}{:>8}{:>9}{:>13}{:>10}",
            shorten(&printable(&proxy.key.to_string()), 31),
            weight(group),
            group.connections.failed.total(),
            group.tunnels.opened,
            group.tunnels.failed.total(),
            median(&group.phases.tunnel),
            group.requests.count
        );
    }
    further(text, sorted.len());
}

/// Proxies on the way to a host: the first, and the number of others.
fn via(via: &Via) -> String {
    let Some(first) = via.proxies.first() else {
        return String::new();
    };
    let first = printable(&first.to_string());
    match (via.proxies.len() - 1, via.is_cut) {
        (0, _) => first,
        (others, false) => format!("{first} and {others} more"),
        (others, true) => format!("{first} and more than {others} more"),
    }
}

fn weight(group: &Group) -> u64 {
    group.connections.opened + group.connections.adopted
}

/// Row of a table.
struct Row<'a> {
    name: String,
    group: &'a Group,
    via: String,
}

fn table<'a>(
    text: &mut String,
    paint: &Paint,
    (what, has_proxies): (&str, bool),
    all: usize,
    rows: impl Iterator<Item = Row<'a>>,
) {
    if all == 0 {
        return;
    }
    let header = format!(
        "{what:<32}{:>8}{:>8}{:>8}{:>9}{:>13}{:>10}{}",
        "conns",
        "failed",
        "tls",
        "resumed",
        format!("{} p50", Phase::Connect.key()),
        format!("{} p50", Phase::Tls.key()),
        if has_proxies { "  via" } else { "" }
    );
    let _ = writeln!(text, "\n{}", paint.bold(&header));
    for Row { name, group, via } in rows {
        let gap = if via.is_empty() { "" } else { "  " };
        let _ = writeln!(
            text,
            "{:<32}{:>8}{:>8}{:>8}{:>9}{:>13}{:>10}{gap}{via}",
            shorten(&name, 31),
            weight(group),
            group.connections.failed.total(),
            group.tls.full + group.tls.resumed,
            group.tls.resumed,
            median(&group.phases.connect),
            median(&group.phases.tls)
        );
    }
    further(text, all);
}

fn further(text: &mut String, all: usize) {
    if all > ROWS {
        let _ = writeln!(text, "… and {} more", all - ROWS);
    }
}

fn median(latency: &Latency) -> String {
    if latency.count() == 0 {
        "-".to_owned()
    } else {
        number::time(latency.summary().p50_ns as f64)
    }
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracer_core::host::HostKey;

    use super::*;

    fn host(key: HostKey, proxies: u16, change: impl Fn(&mut Group)) -> Host {
        let mut group = Group::default();
        group.connections.opened = 3;
        change(&mut group);
        let proxies = (0..proxies).map(|at| Arc::new(HostKey::dns("proxy.example", 3128 + at)));
        Host {
            key: Arc::new(key),
            addresses: Arc::default(),
            via: Arc::new(Via {
                is_cut: proxies.len() > 2,
                proxies: proxies.collect(),
            }),
            group: Arc::new(group),
        }
    }

    fn lines(text: &str) -> Vec<&str> {
        text.lines().skip(1).collect()
    }

    #[test]
    fn hosts_say_through_which_proxies() {
        let site = |name, proxies| host(HostKey::tunnel(name, 443), proxies, |_| {});
        let mut text = String::new();
        let all = [site("a", 0), site("b", 1), site("c", 2), site("d", 3)];
        hosts(&mut text, &all, &Paint::new(false));
        let ends: Vec<&str> = lines(&text)
            .iter()
            .map(|line| line.split_at(88).1)
            .collect();
        assert_eq!(
            ends,
            [
                "  via",
                "",
                "  proxy.example:3128",
                "  proxy.example:3128 and 1 more",
                "  proxy.example:3128 and more than 2 more"
            ]
        );
        let mut text = String::new();
        hosts(&mut text, &all[..1], &Paint::new(false));
        assert!(!text.contains("via"));
    }

    #[test]
    fn proxies_have_a_table() {
        let proxy = host(HostKey::dns("\x1bproxy.example", 3128), 0, |group| {
            group.tunnels.opened = 5;
            group.tunnels.failed.auth = 2;
            group.phases.tunnel.record(2_000_000);
            group.requests.count = 9;
        });
        let mut text = String::new();
        proxies(&mut text, &[proxy], &Paint::new(false));
        assert_eq!(
            lines(&text),
            [
                "proxy                              conns  failed tunnels  refused   tunnel p50  requests",
                "\\u{1b}proxy.example:3128               3       0       5        2      2.00 ms         9",
            ]
        );
        let mut text = String::new();
        proxies(&mut text, &[], &Paint::new(false));
        assert_eq!(text, "");
    }
}
