use std::{collections::HashSet, sync::Arc};

use super::*;
use crate::{host::Host, phase::Phase};

#[test]
fn names_follow_the_conventions() {
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let names: Vec<&str> = names
        .into_iter()
        .chain(TRACE_METRICS.iter().map(|metric| metric.name))
        .collect();
    let different: HashSet<&&str> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    let is_fine = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_');
    for name in names {
        assert!(name.chars().all(is_fine), "{name}");
        let known = ["tracer.", "http.client.", "dns.lookup."];
        assert!(known.iter().any(|start| name.starts_with(start)), "{name}");
    }
}

#[test]
fn no_two_values_have_the_same_attributes() {
    for metric in METRICS {
        let labels: HashSet<_> = metric.parts.iter().map(|part| part.labels).collect();
        assert_eq!(labels.len(), metric.parts.len(), "{}", metric.name);
        let is_durations = metric.kind == Kind::Durations;
        let fits = |part: &Part| matches!(part.figure, Figure::Durations(_)) == is_durations;
        assert!(metric.parts.iter().all(fits), "{}", metric.name);
    }
}

#[test]
fn every_phase_has_a_metric() {
    let shown = |group: &Group| {
        let parts = METRICS.iter().flat_map(|metric| metric.parts);
        let counts = parts.filter_map(|part| match part.figure {
            Figure::Durations(of) => Some(of(group).count()),
            _ => None,
        });
        counts.sum::<u64>()
    };
    for phase in Phase::ALL {
        let mut group = Group::default();
        group.phases.get_mut(phase).record(5);
        assert_eq!(shown(&group), 1, "{phase:?}");
    }
}

fn host(name: &str, requests: u64) -> Host {
    let mut group = Group::default();
    group.requests.count = requests;
    group.phases.ttfb.record_n(1_000_000, requests);
    Host {
        key: Arc::new(crate::host::HostKey::sni(name, 443)),
        addresses: Arc::default(),
        via: Arc::default(),
        group: Arc::new(group),
    }
}

fn snapshot(hosts: &[(&str, u64)]) -> Snapshot {
    let mut totals = Group::default();
    totals.requests.count = hosts.iter().map(|(_, requests)| requests).sum();
    totals
        .phases
        .ttfb
        .record_n(1_000_000, totals.requests.count);
    Snapshot {
        totals: Arc::new(totals),
        hosts: hosts
            .iter()
            .map(|(name, count)| host(name, *count))
            .collect(),
        ..Snapshot::default()
    }
}

fn names(hosts: &[&Host]) -> Vec<String> {
    hosts.iter().map(|host| host.key.host.to_string()).collect()
}

#[test]
fn the_busiest_hosts_get_names_and_keep_them() {
    let mut named = NamedHosts::new(2);
    let first = snapshot(&[("a", 1)]);
    assert_eq!(names(&named.choose(&first)), ["a"]);
    let later = snapshot(&[("a", 1), ("b", 5), ("c", 9)]);
    let chosen = named.choose(&later);
    assert_eq!(names(&chosen), ["a", "c"]);
    let rest = rest_of_count(|group| group.requests.count, &later, &chosen);
    let samples = rest_of_durations(|group| &group.phases.ttfb, &later, &chosen);
    assert_eq!((rest, samples.count()), (5, 5));
    let busier = snapshot(&[("a", 1), ("b", 50), ("c", 9)]);
    assert_eq!(names(&named.choose(&busier)), ["a", "c"]);
    assert!(NamedHosts::new(0).choose(&busier).is_empty());
}
