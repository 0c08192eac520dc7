//! Tests of whole pages of metrics.

mod promtool;
mod queries;

use std::{
    collections::{BTreeMap, HashSet},
    time::SystemTime,
};

use prost::Message;
use tracer_core::{
    finding::{self, Finding},
    group::Group,
    host::{Host, HostKey},
    snapshot::Snapshot,
    time_wait::Destination,
};

use super::{protobuf::message::MetricFamily, *};
use crate::trace::description::{Description, Machine};

/// Results of a window that began `started_ns` after 1970.
fn results(snapshot: Snapshot, started_ns: u64) -> Results {
    let about = Description {
        machine: Machine::this(),
        started_at: SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(started_ns),
        started_ns,
        as_of_ns: started_ns,
        filter: Default::default(),
        command: None,
        command_cpu: None,
        http2: None,
    };
    Results::new(snapshot, &about, &[])
}

/// Figures with so many requests, which took a while.
fn group(requests: u64) -> Group {
    let mut group = Group::default();
    group.requests.count = requests;
    group.requests.connections = requests.div_ceil(4);
    group.requests.failed = requests / 8;
    group.connections.opened = group.requests.connections + 1;
    group.connections.established = group.requests.connections;
    group.connections.failed.refused = 1;
    group.connections.open_now = 2;
    group.connections.idle_now = 1;
    for at in 0..requests {
        group.phases.ttfb.record(900_000 + 100_000 * at);
    }
    group
        .phases
        .connect
        .record_n(1_500_000, group.requests.connections);
    group
}

fn host(key: HostKey, requests: u64) -> Host {
    Host {
        key: Arc::new(key),
        addresses: Arc::default(),
        via: Arc::default(),
        group: Arc::new(group(requests)),
    }
}

/// Snapshot with these hosts and 3 requests of no host.
fn snapshot(hosts: Vec<Host>) -> Snapshot {
    let sum = |of: fn(&Group) -> u64| hosts.iter().map(|host| of(&host.group)).sum::<u64>();
    let mut totals = group(3);
    totals.requests.count += sum(|it| it.requests.count);
    totals.requests.connections += sum(|it| it.requests.connections);
    totals.connections.opened += sum(|it| it.connections.opened);
    totals.connections.open_now += sum(|it| it.connections.open_now);
    totals.connections.idle_now += sum(|it| it.connections.idle_now);
    totals.connections.failed.refused += sum(|it| it.connections.failed.refused);
    totals.requests.failed += sum(|it| it.requests.failed);
    for host in &hosts {
        totals.phases.ttfb.merge(&host.group.phases.ttfb);
        totals.phases.connect.merge(&host.group.phases.connect);
    }
    let mut snapshot = Snapshot {
        totals: Arc::new(totals),
        hosts,
        has_activity: true,
        ..Snapshot::default()
    };
    snapshot.events.received = 1000;
    snapshot.events.lost = 2;
    snapshot.time_wait.current = 7;
    snapshot.time_wait.destinations = vec![Destination {
        netns: 1,
        source: [127, 0, 0, 1].into(),
        remote: ([127, 0, 0, 2], 443).into(),
        time_wait: 7,
        ports_used: 9,
        ports_used_ratio: Some(0.25),
    }];
    snapshot
}

fn two_hosts() -> Snapshot {
    snapshot(vec![
        host(HostKey::sni("a.example", 443), 10),
        host(HostKey::http("b.example", 80), 2),
    ])
}

/// Results of a client that opens a connection for each request.
fn found() -> Vec<Finding> {
    let mut snapshot = two_hosts();
    let mut group = group(1000);
    group.requests.connections = 1000;
    group.connections.opened = 1000;
    group.connections.established = 1000;
    group.connections.peak_open = 2;
    group.connections.closed_by.client = 1000;
    snapshot.totals = Arc::new(group.clone());
    snapshot.hosts.truncate(1);
    snapshot.hosts[0].group = Arc::new(group);
    let findings = finding::evaluate(&snapshot, 60_000_000_000);
    let is_found = |it: &Finding| it.rule.id() == "no-connection-reuse" && it.found().is_some();
    assert!(findings.iter().any(is_found), "{findings:?}");
    findings
}

fn page_of(metrics: &mut Metrics, format: Format, results: &Results) -> String {
    String::from_utf8(metrics.page(format, results, Vec::new())).unwrap()
}

/// Samples of a page by name with labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let before = samples.insert(name.to_owned(), value.parse().unwrap());
        assert!(before.is_none(), "{name} twice");
    }
    samples
}

fn told(metrics: &mut Metrics, results: &Results) -> BTreeMap<String, f64> {
    samples(&page_of(metrics, Format::Text, results))
}

#[track_caller]
fn check(samples: &BTreeMap<String, f64>, name: &str, expected: f64) {
    assert_eq!(samples.get(name), Some(&expected), "{name} in {samples:#?}");
}

const REQUESTS: &str = "tracer_requests_total{network_protocol_version=\"1.1\",server_address=";

/// Sample of the requests of a host.
fn requests(host: &str) -> String {
    match host {
        "other" => format!("{REQUESTS}\"other\"}}"),
        _ => format!("{REQUESTS}\"{host}\",server_port=\"443\"}}"),
    }
}

#[test]
fn a_page_of_metrics() {
    let text = page_of(
        &mut Metrics::new(1),
        Format::Text,
        &results(two_hosts(), 5_000_000_000),
    );
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!("page", text);
}

#[test]
fn open_metrics_has_the_same_samples_and_ends() {
    let results = results(two_hosts(), 0);
    let text = page_of(&mut Metrics::new(10), Format::Text, &results);
    let open = page_of(&mut Metrics::new(10), Format::OpenMetrics, &results);
    assert!(open.ends_with("\n# EOF\n"));
    assert_eq!(samples(&open), samples(&text));
    for line in [
        "# TYPE tracer_requests counter",
        "# TYPE tracer_build info",
        "# UNIT http_client_request_duration_seconds seconds",
    ] {
        assert!(open.lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn hosts_beyond_the_limit_are_one_and_keep_their_place() {
    let mut metrics = Metrics::new(2);
    let sni = |name: &str, count| host(HostKey::sni(name, 443), count);
    let first = results(snapshot(vec![sni("a", 1)]), 0);
    let page = told(&mut metrics, &first);
    check(&page, &requests("a"), 1.0);
    check(&page, &requests("other"), 3.0);
    let later = results(snapshot(vec![sni("a", 1), sni("b", 5), sni("c", 9)]), 0);
    let page = told(&mut metrics, &later);
    check(&page, &requests("c"), 9.0);
    check(&page, &requests("other"), 8.0);
    check(&page, "tracer_hosts", 3.0);
    check(&page, "tracer_hosts_named", 2.0);
    // A busier host does not take a place, and a host that has gone keeps its own.
    let last = results(snapshot(vec![sni("b", 500), sni("c", 9)]), 0);
    let page = told(&mut metrics, &last);
    check(&page, &requests("a"), 1.0);
    check(&page, &requests("c"), 9.0);
    assert!(!page.contains_key(&requests("b")));
    let of_other = page
        .keys()
        .filter(|name| name.contains("server_address=\"other\""));
    assert!(of_other.clone().count() > 30 && of_other.clone().all(|it| !it.contains("port")));
    assert!(page.keys().all(|name| !name.contains("=\"\"")));
}

#[test]
fn all_and_the_sum_over_hosts_are_the_same() {
    let hosts = (0..20).map(|at| host(HostKey::sni(&format!("h{at}"), 443), at * 3));
    let results = results(snapshot(hosts.collect()), 0);
    let page = told(&mut Metrics::new(7), &results);
    let totals = &results.snapshot.totals;
    for (start, expected) in [
        ("tracer_requests_total{", totals.requests.count),
        ("tracer_connections_opened_total", totals.connections.opened),
        ("tracer_connections_used_total", totals.requests.connections),
        ("http_client_open_connections{", totals.connections.open_now),
        (
            "http_client_request_duration_seconds_count",
            totals.phases.ttfb.count(),
        ),
    ] {
        let of_all = page.iter().filter(|(name, _)| name.starts_with(start));
        assert_eq!(
            of_all.map(|(_, value)| value).sum::<f64>(),
            expected as f64,
            "{start}"
        );
    }
}

#[test]
fn a_name_that_was_learnt_twice_has_one_series() {
    let known = [
        HostKey::sni("a", 443),
        HostKey::dns("a", 443),
        HostKey::dns("a", 80),
    ];
    let results = results(snapshot(known.map(|key| host(key, 4)).into()), 0);
    let page = told(&mut Metrics::new(9), &results);
    check(&page, &requests("a"), 8.0);
    check(&page, "tracer_hosts_named", 2.0);
    let count = "http_client_request_duration_seconds_count{http_request_method=\"_OTHER\",server_address=\"a\",server_port=\"443\"}";
    check(&page, count, 8.0);
}

#[test]
fn nothing_goes_down_when_the_figures_begin_anew() {
    let mut metrics = Metrics::new(1);
    let (first, second) = (results(two_hosts(), 1), results(two_hosts(), 2));
    let before = told(&mut metrics, &first);
    metrics.end_window(&first);
    // Results of the window that has ended add nothing.
    let between = told(&mut metrics, &first);
    let after = told(&mut metrics, &second);
    let rises = |name: &&String| {
        ["_total", "_bucket", "_sum", "_count"].iter().any(|end| {
            let name = name.split('{').next().unwrap();
            name.ends_with(end)
        })
    };
    for name in before.keys().filter(rises) {
        check(&between, name, before[name]);
        assert!((after[name] - 2.0 * before[name]).abs() < 1e-9, "{name}");
    }
    check(
        &after,
        "tracer_start_time_seconds",
        before["tracer_start_time_seconds"],
    );
}

#[test]
fn what_is_taken_back_stays_told() {
    let mut metrics = Metrics::new(5);
    let before = told(&mut metrics, &results(two_hosts(), 0));
    let mut less = two_hosts();
    let totals = Arc::make_mut(&mut less.totals);
    totals.phases.ttfb.retract(900_000);
    totals.requests.count -= 1;
    let after = told(&mut metrics, &results(less, 0));
    for (name, value) in &after {
        assert!(*value >= before[name], "{name}");
    }
}

#[test]
fn hostile_names_are_values_of_labels() {
    let name = "a\"} 1\ntracer_requests_total{x=\"\\";
    let hostile = HostKey {
        host: name.into(),
        ..HostKey::sni("", 443)
    };
    let results = results(snapshot(vec![host(hostile, 3)]), 0);
    let page = told(&mut Metrics::new(5), &results);
    let expected = r#"a\"} 1\ntracer_requests_total{x=\"\\"#;
    check(&page, &requests(expected), 3.0);
    let families = decoded(&Metrics::new(5).page(Format::Protobuf, &results, Vec::new()));
    let labels = families
        .iter()
        .flat_map(|it| &it.metric)
        .flat_map(|it| &it.label);
    assert!(labels.into_iter().any(|label| label.value() == name));
}

fn decoded(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
    }
    families
}

#[test]
fn protobuf_has_the_same_figures_and_native_histograms() {
    let results = results(two_hosts(), 0);
    let families = decoded(&Metrics::new(5).page(Format::Protobuf, &results, Vec::new()));
    let page = told(&mut Metrics::new(5), &results);
    let names: HashSet<&str> = families.iter().map(|it| it.name()).collect();
    let in_text = page.keys().map(|name| name.split('{').next().unwrap());
    for name in in_text {
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        assert!(names.contains(base.unwrap_or(name)), "{name}");
    }
    let durations = families
        .iter()
        .find(|it| it.name() == "http_client_request_duration_seconds");
    let first = durations.unwrap().metric[0].histogram.as_ref().unwrap();
    assert_eq!(
        (first.schema(), first.sample_count(), first.bucket.len()),
        (5, 10, 21)
    );
    let mut count = 0;
    let counts: i64 = first
        .positive_delta
        .iter()
        .map(|delta| {
            count += delta;
            count
        })
        .sum();
    assert_eq!(counts, 10);
    let lengths: u32 = first.positive_span.iter().map(|span| span.length()).sum();
    assert_eq!(lengths as usize, first.positive_delta.len());
}

#[test]
fn findings_that_are_gone_are_zero() {
    let mut findings = Findings::default();
    let results = results(two_hosts(), 0);
    let sample = |findings: &Findings, results: &Results| {
        let figures = Metrics::new(1).figures;
        let all = gauges::gauges(results, &figures, findings, 0);
        let found = all.into_iter().find(|(it, _)| it.name == "tracer_finding");
        found.unwrap().1
    };
    assert!(sample(&findings, &results).is_empty());
    findings.take(&found());
    let shown = sample(&findings, &results);
    assert_eq!(shown[0].1, 1.0, "{shown:?}");
    assert!(shown[0].0.text.starts_with("id=\""), "{shown:?}");
    findings.take(&[]);
    assert_eq!(sample(&findings, &results)[0].1, 0.0);
}

/// Many hosts, each with a name: the page is complete, and the time it takes is printed. They are ten thousand in a
/// release build, and fewer in others, which take too long.
#[test]
fn many_hosts() {
    let count = if cfg!(debug_assertions) { 200 } else { 10_000 };
    let hosts = |requests| {
        let key = |at| HostKey::sni(&format!("host-{at}.example.org"), 443);
        let hosts = (0..count).map(|at| host(key(at), requests + at % 20));
        results(snapshot(hosts.collect()), 0)
    };
    let pages = [20, 30, 40].map(hosts);
    let mut metrics = Metrics::new(count as usize);
    let mut room = Vec::new();
    for results in &pages {
        room.clear();
        let begun = std::time::Instant::now();
        room = metrics.page(Format::OpenMetrics, results, room);
        let lines = room.iter().filter(|&&byte| byte == b'\n').count();
        println!(
            "{} bytes, {lines} lines in {:?}",
            room.len(),
            begun.elapsed()
        );
        assert!(lines as u64 > count * 36, "{lines}");
    }
}
