use std::{collections::HashSet, fs::File, io::BufReader, path::Path};

use tracer_core::{
    phase::Phase,
    snapshot::Snapshot,
    tracker::{Tracker, TrackerOptions},
};
use tracer_recording::{Entry, Reader};
use tracer_testbed::collector::Received;

use super::*;
use crate::resource::{Facts, Given, resource};

/// Samples of a recording, in so many parts, and its figures.
fn samples(name: &str, share: f64, step: usize) -> (Vec<Vec<Sample>>, Snapshot) {
    let path = format!("../tracer-user/tests/recordings/{name}.trace");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let (mut reader, start) = Reader::open(BufReader::new(File::open(path).unwrap())).unwrap();
    let mut tracker = Tracker::new(TrackerOptions {
        traces: share,
        ..TrackerOptions::default()
    });
    let (mut parts, mut entries, mut now_ns) = (Vec::new(), 0, start.started_ns);
    while let Some(entry) = reader.next() {
        match entry {
            Entry::Input(input) => tracker.input(&input),
            Entry::Clock { now_ns: now } => now_ns = now,
            _ => {}
        }
        entries += 1;
        if entries % step == 0 {
            parts.push(tracker.take_samples());
        }
    }
    tracker.finish_samples(now_ns);
    parts.push(tracker.take_samples());
    assert!(parts.iter().all(|(_, dropped)| *dropped == 0));
    let parts = parts.into_iter().map(|(samples, _)| samples).collect();
    (parts, tracker.snapshot())
}

/// Numbers that are different and look random.
fn random() -> impl FnMut() -> u64 {
    let mut last = 0_u64;
    move || {
        last += 1;
        last.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

const ANCHOR: Anchor = Anchor {
    monotonic_ns: 5_000_000_000,
    since_1970_ns: 1_700_000_000_000_000_000,
};

/// Spans of all parts, as a strict receiver has got them.
fn spans(parts: &[Vec<Sample>]) -> Vec<Span> {
    let (mut received, mut random) = (Received::default(), random());
    let mut maker = Spans::new(resource(&Facts::default(), &Given::default()));
    for part in parts {
        for request in maker.requests(part, ANCHOR, &mut random) {
            received.take_traces(request);
        }
    }
    assert!(maker.known.is_empty(), "a connection has not ended");
    assert_eq!(received.orphans(), 0, "a parent is missing");
    assert!(received.faults.is_empty(), "{:#?}", received.faults);
    let resources = received.traces.iter().flat_map(|it| &it.resource_spans);
    let scopes = resources.flat_map(|it| &it.scope_spans);
    scopes.flat_map(|it| it.spans.clone()).collect()
}

fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|it| it.code == 2)
}

fn count(spans: &[Span], name: &str) -> u64 {
    spans.iter().filter(|span| span.name == name).count() as u64
}

#[test]
fn all_connections_and_requests_have_spans() {
    for recording in ["crawl", "failures", "lookups", "hosts"] {
        let (parts, snapshot) = samples(recording, 1.0, 200);
        let spans = spans(&parts);
        let totals = &snapshot.totals;
        let connections = &totals.connections;
        let opened = connections.established + connections.failed.total() - connections.adopted;
        assert_eq!(count(&spans, "connection"), opened, "{recording}");
        assert_eq!(count(&spans, "HTTP"), totals.requests.count, "{recording}");
        for (name, phases) in [
            ("connect", &[Phase::Connect, Phase::ConnectFailed][..]),
            ("tls", &[Phase::Tls, Phase::TlsResumed]),
            ("first byte", &[Phase::Ttfb]),
            ("transfer", &[Phase::Transfer]),
        ] {
            let samples = phases.iter().map(|phase| totals.phases.get(*phase).count());
            let failed = if name == "tls" { totals.tls.failed } else { 0 };
            let expected = samples.sum::<u64>() + failed;
            assert_eq!(count(&spans, name), expected, "{recording}: {name}");
        }
    }
}

#[test]
fn spans_take_the_time_that_the_figures_have() {
    let (parts, snapshot) = samples("crawl", 1.0, usize::MAX);
    let spans = spans(&parts);
    for (name, phase) in [("connect", Phase::Connect), ("first byte", Phase::Ttfb)] {
        let is_it = |span: &&Span| span.name == name && !is_failed(span);
        let spans = spans.iter().filter(is_it);
        let took = spans.map(|span| span.end_time_unix_nano - span.start_time_unix_nano);
        let mut latency = tracer_core::latency::Latency::default();
        took.for_each(|took| latency.record(took));
        assert_eq!(&latency, snapshot.totals.phases.get(phase), "{name}");
    }
}

#[test]
fn a_share_is_the_same_each_time() {
    let chosen = |share| {
        let (parts, _) = samples("crawl", share, usize::MAX);
        let cookies = parts.concat().into_iter().filter_map(|it| match it {
            Sample::Connection(connection) => Some(connection.cookie),
            Sample::Request(_) => None,
        });
        cookies.collect::<HashSet<u64>>()
    };
    let (all, half) = (chosen(1.0), chosen(0.5));
    assert_eq!(half, chosen(0.5));
    assert!(half.is_subset(&all) && half.len() < all.len() && !half.is_empty());
    assert!(chosen(0.0).is_empty());
}

#[test]
fn what_failed_says_so() {
    let (parts, snapshot) = samples("failures", 1.0, usize::MAX);
    let spans = spans(&parts);
    let failed = |name| {
        spans
            .iter()
            .filter(|span| is_failed(span))
            .filter(|span| span.name == name)
            .count() as u64
    };
    let totals = &snapshot.totals;
    assert_eq!(failed("connect"), totals.connections.failed.total());
    assert_eq!(failed("HTTP"), totals.requests.failed);
}

#[test]
fn lookups_are_in_the_trace_of_the_connection_after_them() {
    let (parts, _) = samples("../findings/healthy_lookups", 1.0, usize::MAX);
    let spans = spans(&parts);
    let lookups = count(&spans, "dns");
    let connections = count(&spans, "connection");
    assert!(
        lookups > 0 && lookups <= connections,
        "{lookups} of {connections}"
    );
}
