use proptest::prelude::*;
use tracer_core::{latency::Latency, phase::Phase};

use super::*;
use crate::{Group, Histogram, Host, HostProcess, Phases, read};

mod parts;

use parts::{Samples, decorated, export_of, parts};

fn merged(exports: &[Export]) -> Export {
    let mut merger = Merger::default();
    for export in exports {
        merger.add(export.clone()).unwrap();
    }
    merger.finish(Tracer::default())
}

/// An export of one connection-less machine with one host.
fn of_host(machine: &str, host: &str, group: Group) -> Export {
    let mut export = Export {
        totals: group.clone(),
        hosts: vec![Host {
            host: host.into(),
            port: 443,
            group,
            ..Host::default()
        }],
        ..Export::default()
    };
    export.machine.hostname = machine.into();
    export
}

#[test]
fn each_figure_is_treated_as_what_it_is() {
    let mut a = Group::default();
    a.connections.opened = Some(3);
    a.connections.peak_open = Some(7);
    a.connections.open_now = Some(2);
    a.requests.count = Some(10);
    a.requests.connections = Some(2);
    a.requests.reuse_ratio = Some(0.8);
    a.requests.in_flight_peak = Some(4);
    a.requests.slow_pickups_measured = Some(0);
    a.http2.max_concurrent_streams = Some(100);
    a.tls.versions.v1_2 = Some(1);
    a.tls.versions.v1_0 = Some(1);
    a.tcp.srtt_ns = Some(0);
    let mut b = a.clone();
    b.connections.peak_open = Some(5);
    b.connections.adopted = Some(1);
    b.requests.count = Some(30);
    b.requests.slow_pickups_measured = Some(2);
    b.requests.pickup_cpu_ratio = Some(0.5);
    b.http2.max_concurrent_streams = Some(20);
    b.tls.versions.v1_0 = None;
    b.tcp.srtt_ns = Some(9);
    let sum = merged(&[of_host("one", "a", a), of_host("two", "a", b)]);
    let group = &sum.hosts[0].group;
    assert_eq!(group, &sum.totals);
    assert_eq!(group.connections.opened, Some(6));
    assert_eq!(group.connections.peak_open, Some(7));
    assert_eq!(group.connections.open_now, Some(4));
    // One part has not measured it.
    assert_eq!(group.connections.adopted, None);
    assert_eq!(group.requests.reuse_ratio, Some(0.9));
    assert_eq!(group.requests.in_flight_peak, Some(4));
    assert_eq!(group.requests.pickup_cpu_ratio, Some(0.5));
    assert_eq!(group.http2.max_concurrent_streams, Some(20));
    assert_eq!(group.tls.versions.v1_2, Some(2));
    assert_eq!(group.tls.versions.v1_0, Some(1));
    assert_eq!(group.tcp.srtt_ns, Some(9));
}

#[test]
fn provenance_is_kept_and_the_head_follows() {
    let mut a = of_host("one", "a", Group::default());
    a.window.started_at = "2026-11-30T10:00:00Z".into();
    a.window.ended_at = "2026-11-30T10:01:00Z".into();
    a.window.duration_ns = Some(60_000_000_000);
    a.machine.cpus = Some(4);
    let mut b = a.clone();
    b.machine.hostname = "two".into();
    b.window.started_at = "2026-11-30T10:00:30.5Z".into();
    b.window.ended_at = "2026-11-30T10:01:30.5Z".into();
    b.command = Some(vec!["curl".into()]);
    let both = merged(&[b.clone(), a.clone()]);
    let parts = &both.merged.as_ref().unwrap().parts;
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].machine.hostname, "one");
    assert_eq!(both.machine.hostname, "several");
    assert_eq!(
        (both.machine.cpus, &both.machine.arch),
        (Some(8), &String::new())
    );
    assert_eq!(both.window.started_at, a.window.started_at);
    assert_eq!(both.window.ended_at, b.window.ended_at);
    assert_eq!(both.window.duration_ns, Some(90_500_000_000));
    assert_eq!((&both.command, both.findings.is_none()), (&None, true));
    let mut merger = Merger::default();
    merger.add(both.clone()).unwrap();
    let twice = merger.add(a.clone()).unwrap_err().to_string();
    assert!(
        twice.contains("of one that began at 2026-11-30T10:00:00Z is in it already"),
        "{twice}"
    );
    assert_eq!(merged(std::slice::from_ref(&both)), both);
    let alone = merged(&[a.clone()]);
    assert_eq!((alone.window, alone.machine), (a.window, a.machine));
}

#[test]
fn ports_are_those_of_one_machine() {
    let with = |machine: &str, ports, ratio| {
        let mut export = of_host(machine, "a", Group::default());
        export.time_wait.current = Some(ports);
        export.time_wait.peak = Some(ports);
        export.time_wait.port_range = Some([32_768, 60_999 + ports as u16]);
        export.time_wait.destinations = vec![crate::Destination {
            address: "10.0.0.1".into(),
            port: 443,
            ports_used: Some(ports),
            ports_used_ratio: Some(ratio),
            ..crate::Destination::default()
        }];
        export
    };
    let sum = merged(&[with("one", 5, 0.5), with("two", 3, 0.75)]).time_wait;
    assert_eq!((sum.current, sum.peak), (Some(8), Some(5)));
    assert_eq!(sum.port_range, Some([32_768, 61_002]));
    assert_eq!(sum.destinations.len(), 1);
    assert_eq!(sum.destinations[0].ports_used_ratio, Some(0.75));
}

#[test]
fn a_histogram_that_cannot_be_read_is_refused_with_its_place() {
    let text = br#"{"schema": "tracer.export/1", "hosts": [{"host": "a", "phases": {"tls": {"count": 3, "hdr": "AAAA"}}}]}"#;
    let error = Merger::default().add(read(text).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("hosts[\"a\"].phases.tls: `hdr` is no histogram"),
        "{error}"
    );
}

/// The example of the documentation, from two machines: every count is twice what it was.
#[test]
fn an_export_from_two_machines_is_twice_the_export() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/example.json");
    let one = read(&std::fs::read(docs).unwrap()).unwrap();
    let mut two = one.clone();
    two.machine.hostname = "two".into();
    let sum = merged(&[one.clone(), two]);
    let requests = |export: &Export| export.totals.requests.count.unwrap();
    assert_eq!(requests(&sum), 2 * requests(&one));
    for (phase, histogram) in one.totals.phases.iter() {
        let twice = sum.phase(phase).unwrap();
        assert_eq!(twice.count.unwrap(), 2 * histogram.count.unwrap());
        assert_eq!(twice.p99_ns, histogram.p99_ns, "{phase:?}");
    }
    assert_eq!(
        sum.totals.requests.reuse_ratio,
        one.totals.requests.reuse_ratio
    );
    assert_eq!(sum.processes.len(), 2 * one.processes.len());
    assert_eq!(sum.hosts.len(), one.hosts.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Merging in any order and in any grouping comes to the same.
    #[test]
    fn order_and_grouping_do_not_matter(samples in parts(), cut in 0usize..8, turn in 0usize..8) {
        let exports: Vec<Export> = samples.iter().enumerate().map(|(at, it)| decorated(at, it)).collect();
        let all = merged(&exports);
        let mut turned = exports.clone();
        turned.rotate_left(turn % exports.len());
        turned.reverse();
        prop_assert_eq!(&merged(&turned), &all);
        let (left, right) = turned.split_at(cut % exports.len());
        let groups: Vec<Export> = [left, right].into_iter().filter(|it| !it.is_empty()).map(merged).collect();
        prop_assert_eq!(&merged(&groups), &all);
        // Nor does writing and reading in between.
        let written: Vec<Export> = groups.iter().map(|it| read(it.to_text().unwrap().as_bytes()).unwrap()).collect();
        prop_assert_eq!(merged(&written).to_text().unwrap(), all.to_text().unwrap());
    }

    /// The merged export is the export of all that the parts have counted.
    #[test]
    fn the_merge_of_parts_is_the_whole(samples in parts()) {
        let exports: Vec<Export> = samples.iter().enumerate().map(|(at, it)| export_of(at, it)).collect();
        let mut sum = merged(&exports);
        let whole = export_of(0, &Samples::whole(&samples));
        sum.hosts.sort_by(|a, b| a.host.cmp(&b.host));
        prop_assert_eq!(sum.totals, whole.totals);
        prop_assert_eq!(sum.hosts, whole.hosts);
        prop_assert_eq!(sum.events, whole.events);
        prop_assert_eq!(sum.time_wait.entered, whole.time_wait.entered);
    }
}

/// A process is one of its machine; the same process in a later export of that machine is the same entry.
#[test]
fn processes_of_a_host_are_those_of_their_machines() {
    let export = |machine: &str, pid: u32, requests: u64, used: u64| {
        let mut export = of_host(machine, "a", Group::default());
        export.hosts[0].processes = Some(vec![HostProcess {
            pid,
            comm: "crawler".into(),
            requests: Some(requests),
            connections: Some(used),
            connections_used: Some(used),
            reuse_ratio: None,
            machine: None,
        }]);
        export.window.started_at = format!("{machine} {requests}");
        export
    };
    let parts = [
        export("one", 7, 100, 10),
        export("two", 7, 50, 50),
        export("one", 7, 300, 10),
    ];
    let told = |sum: &Export| -> Vec<_> {
        let users = sum.hosts[0].processes.iter().flatten();
        users
            .map(|it| (it.machine.clone(), it.requests, it.reuse_ratio))
            .collect()
    };
    let expected = [
        (Some("one".to_owned()), Some(400), Some(0.95)),
        (Some("two".to_owned()), Some(50), None),
    ];
    assert_eq!(told(&merged(&parts)), expected);
    let mut unknown = parts;
    unknown[1].hosts[0].processes = None;
    assert_eq!(
        merged(&unknown).hosts[0].processes,
        None,
        "not told apart in one part"
    );
}
