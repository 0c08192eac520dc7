//! Hosts of both exports side by side.

use std::collections::BTreeMap;

use tracer_export::{Export, Host};
use tracer_text::{columns::left, number, printable::printable};

/// Limit of the hosts that are listed.
const SHOWN: usize = 10;
/// Columns of a name.
const NAME: usize = 28;

/// Host by name and port, as each export has it.
pub(crate) type Pair<'e> = ((&'e str, u16), [Option<&'e Host>; 2]);

/// Hosts with requests of both, those with the most first.
pub(super) fn pairs<'e>(a: &'e Export, b: &'e Export) -> Vec<Pair<'e>> {
    let mut pairs: BTreeMap<(&str, u16), [Option<&Host>; 2]> = BTreeMap::new();
    for (side, export) in [a, b].into_iter().enumerate() {
        for host in &export.hosts {
            // A name has a row for each source of it: the one with the most requests is shown.
            let known = &mut pairs.entry((&host.host, host.port)).or_default()[side];
            if known.is_none_or(|known| count(known) < count(host)) {
                *known = Some(host);
            }
        }
    }
    let mut pairs: Vec<Pair<'_>> = pairs.into_iter().collect();
    let requests = |sides: &[Option<&Host>; 2]| {
        sides
            .iter()
            .flatten()
            .filter_map(|host| count(host))
            .sum::<u64>()
    };
    pairs.retain(|(_, sides)| requests(sides) > 0);
    pairs.sort_by_key(|(_, sides)| std::cmp::Reverse(requests(sides)));
    pairs
}

/// Lines about hosts, those with the most requests first: a heading, then a line each; none without hosts.
pub(super) fn lines(a: &Export, b: &Export) -> Vec<String> {
    let pairs = pairs(a, b);
    if pairs.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "{:<NAME$}{:>18}{:>16}{:>19}{:>19}",
        "host", "requests", "reuse", "ttfb p50", "ttfb p99"
    )];
    for ((name, port), [a, b]) in pairs.iter().take(SHOWN) {
        let pair = |of: fn(&Host) -> Option<String>| {
            let side = |host: &Option<&Host>| host.and_then(of).unwrap_or_else(|| "-".into());
            format!("{} -> {}", side(a), side(b))
        };
        let port = format!(":{port}");
        let room = NAME - port.len();
        let name = printable(name);
        let name = tracer_text::columns::shorten(&name, room) + &port;
        lines.push(format!(
            "{}{:>18}{:>16}{:>19}{:>19}",
            left(&name, NAME),
            pair(|host| count(host).map(number::short_count)),
            pair(|host| host.group.requests.reuse_ratio.map(number::share)),
            pair(|host| time(host, |phases| phases.p50_ns)),
            pair(|host| time(host, |phases| phases.p99_ns)),
        ));
    }
    if pairs.len() > SHOWN {
        lines.push(format!("… and {} more", pairs.len() - SHOWN));
    }
    lines
}

fn count(host: &Host) -> Option<u64> {
    host.group.requests.count
}

fn time(host: &Host, of: fn(&tracer_export::Histogram) -> Option<u64>) -> Option<String> {
    let ttfb = host.group.phases.get(tracer_export::Phase::Ttfb)?;
    of(ttfb.measured()?).map(number::short_time)
}
