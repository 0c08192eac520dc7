//! `--otlp`: a strict receiver gets the figures that the export has.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{path::Path, process::Command};

use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use tracer_core::phase::Phase;
use tracer_testbed::collector::{Collector, Protocol, Received};

/// Sum of the counts of a histogram over all its series.
fn count(received: &Received, name: &str) -> u64 {
    let requests = received.metrics.iter();
    let resources = requests.flat_map(|it| &it.resource_metrics);
    let scopes = resources.flat_map(|it| &it.scope_metrics);
    let is_it = |metric: &&Metric| metric.name == name;
    let metrics = scopes.flat_map(|it| &it.metrics).filter(is_it);
    let points = metrics.flat_map(|metric| match &metric.data {
        Some(Data::ExponentialHistogram(histogram)) => &histogram.data_points[..],
        other => panic!("{name}: {other:?}"),
    });
    points.map(|point| point.count).sum()
}

/// Number of spans of a name.
fn spans(received: &Received, name: &str) -> u64 {
    let resources = received.traces.iter().flat_map(|it| &it.resource_spans);
    let spans = resources.flat_map(|it| &it.scope_spans);
    let spans = spans.flat_map(|it| &it.spans);
    spans.filter(|span| span.name == name).count() as u64
}

#[test]
fn a_collector_gets_what_the_export_has() {
    for (protocol, flag) in [(Protocol::Http, "http/protobuf"), (Protocol::Grpc, "grpc")] {
        let collector = Collector::start(protocol, None, &[]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/crawl.trace");
        let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
            .args(["replay", "--quiet", "--json", "crawl.json"])
            .args(["--otlp", &format!("http://{}", collector.address)])
            .args(["--otlp-protocol", flag, "--metrics-hosts", "2"])
            .args(["--otlp-traces", "1"])
            .arg(trace)
            .current_dir(&directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let export = std::fs::read(directory.path().join("crawl.json")).unwrap();
        let totals = tracer_export::read(&export).unwrap().totals;
        let received = collector.received();
        assert!(received.faults.is_empty(), "{:?}", received.faults);
        for (name, phase) in [
            ("http.client.request.duration", Phase::Ttfb),
            ("http.client.connection.duration", Phase::Lifetime),
            ("tracer.transfer.duration", Phase::Transfer),
        ] {
            let expected = totals.phases.get(phase).unwrap().count;
            assert_eq!(Some(count(&received, name)), expected, "{name}");
        }
        assert_eq!(received.orphans(), 0);
        assert_eq!(Some(spans(&received, "HTTP")), totals.requests.count);
    }
}

#[test]
fn a_missing_collector_is_no_failure() {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/failures.trace");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(["replay", "--quiet", "--otlp", &format!("http://{address}")])
        .arg(trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "tracer: --otlp: 1 of 1 requests not delivered: cannot connect to http://";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
