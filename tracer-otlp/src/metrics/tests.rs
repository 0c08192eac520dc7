use std::{collections::HashMap, fs::File, io::BufReader, path::Path, sync::Arc};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{metric::Data, number_data_point::Value as Number},
};
use proptest::prelude::*;
use tracer_core::{
    group::Group,
    host::HostKey,
    metric::{Figure, METRICS},
    tracker::{Tracker, TrackerOptions},
};
use tracer_recording::{Entry, Reader};
use tracer_testbed::collector::Received;

use super::*;
use crate::resource::{Facts, Given, resource};

const START: u64 = 1_700_000_000_000_000_000;

fn metrics(hosts: usize) -> Metrics {
    Metrics::new(resource(&Facts::default(), &Given::default()), hosts)
}

fn moment(snapshot: &Snapshot, now_ns: u64) -> Moment<'_> {
    Moment {
        snapshot,
        findings: &[],
        start_ns: START,
        now_ns: START + now_ns,
        given_up: 0,
    }
}

/// Snapshots of a recording, each after so many further entries.
fn snapshots(name: &str, step: usize) -> Vec<Snapshot> {
    let path = format!("../tracer-user/tests/recordings/{name}.trace");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let (mut reader, _) = Reader::open(BufReader::new(File::open(path).unwrap())).unwrap();
    let mut tracker = Tracker::new(TrackerOptions::default());
    let (mut snapshots, mut entries) = (Vec::new(), 0);
    while let Some(entry) = reader.next() {
        if let Entry::Input(input) = entry {
            tracker.input(&input);
        }
        entries += 1;
        if entries % step == 0 {
            snapshots.push(tracker.snapshot());
        }
    }
    snapshots.push(tracker.snapshot());
    snapshots
}

fn value(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is_true)) => is_true.to_string(),
        other => panic!("{other:?}"),
    }
}

fn labels(attributes: &[KeyValue]) -> String {
    let labels = attributes
        .iter()
        .map(|it| format!("{}={}", it.key, value(it)));
    labels.collect::<Vec<_>>().join(" ")
}

/// Name, labels and value of each point; the value of a histogram is its count.
fn values(requests: &[ExportMetricsServiceRequest]) -> Vec<(String, String, u64)> {
    let resources = requests.iter().flat_map(|it| &it.resource_metrics);
    let scopes = resources.flat_map(|it| &it.scope_metrics);
    let mut all = Vec::new();
    for metric in scopes.flat_map(|it| &it.metrics) {
        let mut add = |attributes: &[KeyValue], value: u64| {
            all.push((metric.name.clone(), labels(attributes), value));
        };
        let points = match &metric.data {
            Some(Data::Sum(sum)) => &sum.data_points[..],
            Some(Data::Gauge(gauge)) => &gauge.data_points[..],
            Some(Data::ExponentialHistogram(histograms)) => {
                let points = histograms.data_points.iter();
                points.for_each(|it| add(&it.attributes, it.count));
                &[]
            }
            other => panic!("{other:?}"),
        };
        for point in points {
            let Some(Number::AsInt(value)) = point.value else {
                panic!("{point:?}");
            };
            add(&point.attributes, value as u64);
        }
    }
    all
}

/// Sums of the values of each metric.
fn sums(requests: &[ExportMetricsServiceRequest]) -> HashMap<String, u64> {
    let mut sums = HashMap::new();
    for (name, _, value) in values(requests) {
        *sums.entry(name).or_default() += value;
    }
    sums
}

/// Sum of a metric in the totals.
fn total(metric: &metric::Metric, totals: &Group) -> u64 {
    let parts = metric.parts.iter().map(|part| match part.figure {
        Figure::Count(of) | Figure::Activity(of) => of(totals),
        Figure::Durations(of) => of(totals).count(),
    });
    parts.sum()
}

#[track_caller]
fn check_strictly(recording: &str, step: usize, hosts: usize) {
    let (mut metrics, mut received) = (metrics(hosts), Received::default());
    for (at, snapshot) in snapshots(recording, step).iter().enumerate() {
        for request in metrics.requests(&moment(snapshot, 1 + at as u64)) {
            received.take(request);
        }
    }
    assert!(!received.metrics.is_empty());
    assert!(received.faults.is_empty(), "{:#?}", received.faults);
}

#[test]
fn a_strict_receiver_finds_no_fault() {
    check_strictly("crawl", 500, 100);
    check_strictly("crawl", 2000, 1);
    check_strictly("failures", 10, 2);
    check_strictly("lookups", 10, 0);
    check_strictly("lost", 100, 100);
    check_strictly("hosts", 1000, 3);
}

#[test]
fn all_series_together_are_the_totals() {
    for (recording, hosts) in [("crawl", 2), ("failures", 100), ("hosts", 3), ("lost", 0)] {
        let snapshots = snapshots(recording, usize::MAX);
        let last = snapshots.last().unwrap();
        let sums = sums(&metrics(hosts).requests(&moment(last, 1)));
        for metric in METRICS {
            if metric.kind == metric::Kind::UpDown {
                continue;
            }
            let sum = sums.get(metric.name).copied().unwrap_or_default();
            assert_eq!(
                sum,
                total(metric, &last.totals),
                "{recording}: {}",
                metric.name
            );
        }
    }
}

#[test]
fn the_number_of_names_is_bounded() {
    let snapshots = snapshots("hosts", usize::MAX);
    let last = snapshots.last().unwrap();
    assert!(last.hosts.len() > 4);
    let requests = metrics(3).requests(&moment(last, 1));
    let mut named: Vec<String> = values(&requests)
        .into_iter()
        .filter_map(|(_, labels, _)| {
            let (_, host) = labels.split_once("server.address=")?;
            Some(host.to_owned())
        })
        .collect();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), 4, "{named:?}");
    assert!(named.contains(&"other".to_owned()), "{named:?}");
}

#[test]
fn a_moment_is_sent_once() {
    let snapshot = Snapshot::default();
    let mut metrics = metrics(10);
    assert_eq!(metrics.requests(&moment(&snapshot, 5)).len(), 1);
    assert_eq!(metrics.requests(&moment(&snapshot, 5)).len(), 0);
    let again = Moment {
        start_ns: START + 6,
        ..moment(&snapshot, 7)
    };
    assert_eq!(metrics.requests(&again).len(), 1);
}

#[test]
fn a_request_has_a_bounded_number_of_points() {
    let snapshot = many_hosts(3000);
    let requests = metrics(2500).requests(&moment(&snapshot, 1));
    let points =
        |request: &ExportMetricsServiceRequest| values(std::slice::from_ref(request)).len();
    assert!(requests.iter().all(|it| points(it) <= MOST_POINTS));
    assert_eq!(sums(&requests)["tracer.requests"], 3000);
    assert_eq!(sums(&requests)["http.client.request.duration"], 3000);
}

fn many_hosts(count: u16) -> Snapshot {
    let mut group = Group::default();
    group.requests.count = 1;
    group.phases.ttfb.record(5_000_000);
    let mut totals = Group::default();
    totals.requests.count = count.into();
    totals.phases.ttfb.record_n(5_000_000, count.into());
    let host = |at| Host {
        key: Arc::new(HostKey::sni(&format!("h{at}.example"), at)),
        addresses: Arc::default(),
        via: Arc::default(),
        users: Arc::default(),
        group: Arc::new(group.clone()),
    };
    Snapshot {
        totals: Arc::new(totals),
        hosts: (0..count).map(host).collect(),
        ..Snapshot::default()
    }
}

/// A host whose name was learnt in two ways is one host.
#[test]
fn no_two_points_have_the_same_attributes() {
    let mut snapshot = many_hosts(2);
    snapshot.hosts[0].key = Arc::new(HostKey::sni("one.example", 443));
    snapshot.hosts[1].key = Arc::new(HostKey::dns("one.example", 443));
    let requests = metrics(10).requests(&moment(&snapshot, 1));
    let all = values(&requests);
    let mut seen: Vec<_> = all.iter().map(|(name, labels, _)| (name, labels)).collect();
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "{all:?}");
    let is_one = |(metric, labels, _): &&(String, String, u64)| {
        metric == "tracer.requests" && labels.contains("one.example")
    };
    let count = all.iter().find(is_one).map(|(_, _, value)| *value);
    assert_eq!(count, Some(2));
}

#[test]
fn the_message_is_what_it_was() {
    let snapshots = snapshots("failures", usize::MAX);
    let requests = metrics(1).requests(&moment(snapshots.last().unwrap(), 1));
    let lines = values(&requests).into_iter();
    let lines: Vec<String> = lines
        .map(|(name, labels, value)| format!("{name} {{{labels}}} {value}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

proptest! {
    /// Counts that go down, as when a connection turns out to belong to another host, are held.
    #[test]
    fn no_value_goes_down(steps in prop::collection::vec((0..50_u64, prop::collection::vec(1..1_u64 << 40, 0..30)), 1..12)) {
        let (mut metrics, mut received) = (metrics(10), Received::default());
        for (at, (count, samples)) in steps.into_iter().enumerate() {
            let mut group = Group::default();
            group.connections.opened = count;
            samples.into_iter().for_each(|sample| group.phases.ttfb.record(sample));
            let mut snapshot = many_hosts(1);
            snapshot.totals = Arc::new(group.clone());
            snapshot.hosts[0].group = Arc::new(group);
            for request in metrics.requests(&moment(&snapshot, 1 + at as u64)) {
                received.take(request);
            }
        }
        prop_assert!(received.faults.is_empty(), "{:?}", received.faults);
    }
}
