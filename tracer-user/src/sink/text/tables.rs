//! Tables of the text summary: hosts, proxies and processes.

use std::fmt::Write;

use tracer_core::{
    group::Group,
    host::{Host, HostKey, Via},
    latency::Latency,
    process::Process,
};
use tracer_text::{
    columns::{left, shorten},
    number,
    printable::printable,
};

/// Rows shown of each table.
const ROWS: usize = 10;
/// Columns of the names.
const NAME: usize = 24;

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
    let rows = sorted.iter().take(ROWS).map(|host| Row {
        name: named(&host.key),
        group: &host.group,
        via: via(&host.via),
    });
    table(text, paint, "host", sorted.len(), rows);
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
    table(text, paint, "process", sorted.len(), rows);
}

/// Table of proxies that were asked for tunnels, the busiest first.
pub(super) fn proxies(text: &mut String, proxies: &[Host], paint: &Paint) {
    if proxies.is_empty() {
        return;
    }
    let mut sorted: Vec<&Host> = proxies.iter().collect();
    sorted.sort_by_key(|proxy| std::cmp::Reverse(weight(&proxy.group)));
    let header = format!(
        "{:<NAME$}{:>9}{:>8}{:>9}{:>9}{:>9}{:>11}",
        "proxy", "requests", "conns", "failed", "tunnels", "refused", "tunnel p50"
    );
    let _ = writeln!(text, "\n{}", paint.bold(&header));
    for proxy in sorted.iter().take(ROWS) {
        let group = &proxy.group;
        let _ = writeln!(
            text,
            "{}{:>9}{:>8}{:>9}{:>9}{:>9}{:>11}",
            left(&named(&proxy.key), NAME),
            number::short_count(group.requests.count),
            number::short_count(connections(group)),
            number::short_count(group.connections.failed.total()),
            number::short_count(group.tunnels.opened),
            number::short_count(group.tunnels.failed.total()),
            time(&group.phases.tunnel, 0.5),
        );
    }
    further(text, sorted.len());
}

/// Name of a host with its port, the name cut so that the port is seen.
fn named(key: &HostKey) -> String {
    let port = format!(":{}", key.port);
    let name = shorten(&printable(&key.host), NAME - port.len());
    name + &port
}

/// Proxies on the way to a host: the first, and the number of others.
fn via(via: &Via) -> String {
    let Some(first) = via.proxies.first() else {
        return String::new();
    };
    let first = shorten(&printable(&first.to_string()), 50);
    match (via.proxies.len() - 1, via.is_cut) {
        (0, _) => first,
        (others, false) => format!("{first} and {others} more"),
        (others, true) => format!("{first} and more than {others} more"),
    }
}

/// Order of rows: by requests, then by connections.
fn weight(group: &Group) -> (u64, u64) {
    (group.requests.count, connections(group))
}

fn connections(group: &Group) -> u64 {
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
    what: &str,
    all: usize,
    rows: impl Iterator<Item = Row<'a>>,
) {
    if all == 0 {
        return;
    }
    let header = format!(
        "{what:<NAME$}{:>6}{:>6}{:>6}{:>7}{:>8}{:>9}{:>7}{:>7}",
        "reqs", "reuse", "conns", "failed", "tls p50", "ttfb p50", "p99", "pickup"
    );
    let _ = writeln!(text, "\n{}", paint.bold(&header));
    for Row { name, group, via } in rows {
        let reuse = group.requests.reuse_ratio();
        let phases = &group.phases;
        let _ = writeln!(
            text,
            "{}{:>6}{:>6}{:>6}{:>7}{:>8}{:>9}{:>7}{:>7}",
            left(&name, NAME),
            number::short_count(group.requests.count),
            reuse.map_or("-".to_owned(), number::share),
            number::short_count(connections(group)),
            number::short_count(group.failures()),
            time(handshakes(group), 0.5),
            time(&phases.ttfb, 0.5),
            time(&phases.ttfb, 0.99),
            time(&phases.pickup, 0.5),
        );
        if !via.is_empty() {
            let _ = writeln!(text, "  via {via}");
        }
    }
    further(text, all);
}

/// Handshakes of the kind that most connections had.
fn handshakes(group: &Group) -> &Latency {
    let phases = &group.phases;
    match phases.tls_resumed.count() > phases.tls.count() {
        true => &phases.tls_resumed,
        false => &phases.tls,
    }
}

fn further(text: &mut String, all: usize) {
    if all > ROWS {
        let _ = writeln!(text, "… and {} more", all - ROWS);
    }
}

/// Percentile of a phase, given as a share of 1.
fn time(latency: &Latency, share: f64) -> String {
    let value = latency.quantile(share);
    value.map_or("-".to_owned(), number::short_time)
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
            users: Arc::default(),
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
        let via: Vec<&str> = lines(&text)
            .into_iter()
            .filter(|line| line.contains("via"))
            .collect();
        assert_eq!(
            via,
            [
                "  via proxy.example:3128",
                "  via proxy.example:3128 and 1 more",
                "  via proxy.example:3128 and more than 2 more"
            ]
        );
    }

    #[test]
    fn a_row_has_what_is_asked_first() {
        let row = host(HostKey::sni("www.example.org", 443), 0, |group| {
            group.requests.count = 2_674;
            group.requests.connections = 1_337;
            group.phases.tls.record(26_000_000);
            group.phases.ttfb.record(51_000_000);
            group.phases.pickup.record(8_000);
        });
        let mut text = String::new();
        hosts(&mut text, &[row], &Paint::new(false));
        assert_eq!(
            lines(&text),
            [
                "host                      reqs reuse conns failed tls p50 ttfb p50    p99 pickup",
                "www.example.org:443       2674   50%     3      0  26.0ms   51.0ms 51.0ms 8.00µs"
            ]
        );
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
                "proxy                    requests   conns   failed  tunnels  refused tunnel p50",
                "\\u{1b}proxy.example:3128        9       3        0        5        2     2.00ms",
            ]
        );
        let mut text = String::new();
        proxies(&mut text, &[], &Paint::new(false));
        assert_eq!(text, "");
    }
}
