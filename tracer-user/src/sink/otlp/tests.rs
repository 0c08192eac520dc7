use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tracer_core::{group::Group, snapshot::Snapshot};
use tracer_export::Filter;
use tracer_testbed::collector::{Collector, Protocol, Reply};

use super::{settings::Flags, *};
use crate::trace::description::{Description, Machine};

/// Time limit of what takes a moment on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Results after so many requests, each of which took a second.
fn results(requests: u64) -> Results {
    let mut group = Group::default();
    group.requests.count = requests;
    group.phases.ttfb.record_n(1_000_000, requests);
    let snapshot = Snapshot {
        totals: Arc::new(group),
        ..Snapshot::default()
    };
    let about = Description {
        machine: Machine::this(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        started_ns: 0,
        as_of_ns: requests * 1_000_000_000,
        filter: Filter::default(),
        command: None,
        command_cpu: None,
        http2: None,
    };
    Results::new(snapshot, &about, &[])
}

fn sink_with(url: &str, protocol: Protocol, variables: &[(&str, &str)]) -> Otlp {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let flags = Flags {
        url,
        protocol: Some(match protocol {
            Protocol::Http => settings::Protocol::Http,
            Protocol::Grpc => settings::Protocol::Grpc,
        }),
        interval: None,
        hosts: 10,
    };
    Otlp::new(OtlpSettings::validate(flags, &variable).unwrap())
}

/// A receiver with the given answers, and a sink for it.
fn pair(protocol: Protocol, replies: &[Reply]) -> (Collector, Otlp) {
    let collector = Collector::start(protocol, None, replies).unwrap();
    let url = format!("http://{}", collector.address);
    let token = [("OTEL_EXPORTER_OTLP_HEADERS", "x-token=s%20cret")];
    let sink = sink_with(&url, protocol, &token);
    (collector, sink)
}

fn end(sink: &Otlp, requests: u64) {
    sink.take(Occasion::Over, &results(requests)).unwrap();
    sink.take(Occasion::TerminalFree, &results(requests))
        .unwrap();
}

/// Waits until a condition holds.
#[track_caller]
fn wait(what: &str, is_true: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
fn check_delivered(protocol: Protocol, replies: &[Reply], requests: usize) {
    let (collector, sink) = pair(protocol, replies);
    let _ = sink.take(Occasion::Report, &results(1));
    wait("the first attempt", || collector.received().requests != 0);
    end(&sink, 2);
    let received = collector.received();
    assert!(received.faults.is_empty(), "{:?}", received.faults);
    assert_eq!(received.metrics.len(), 2, "{protocol:?} {replies:?}");
    assert_eq!(received.requests, requests, "{protocol:?} {replies:?}");
    assert_eq!(received.tokens, vec!["s cret"; requests]);
    assert_eq!(sink.tally.losses(), None);
}

#[test]
fn all_is_delivered() {
    check_delivered(Protocol::Http, &[], 2);
    check_delivered(Protocol::Grpc, &[], 2);
}

#[test]
fn a_busy_collector_is_asked_again() {
    let busy = [Reply::Busy(Duration::ZERO), Reply::Busy(Duration::ZERO)];
    check_delivered(Protocol::Http, &busy, 4);
    check_delivered(Protocol::Grpc, &busy, 4);
}

#[test]
fn the_end_of_the_trace_is_a_last_attempt() {
    // The pause after the first attempt is longer than the test: it ends with the trace.
    let pause = [Reply::Busy(Duration::from_secs(40))];
    check_delivered(Protocol::Http, &pause, 3);
    check_delivered(Protocol::Http, &[Reply::HangUp], 3);
    check_delivered(Protocol::Grpc, &[Reply::HangUp], 3);
}

#[track_caller]
fn check_lost(protocol: Protocol, replies: &[Reply], requests: usize, losses: &str) {
    let (collector, sink) = pair(protocol, replies);
    let _ = sink.take(Occasion::Report, &results(1));
    wait("the first attempt", || collector.received().requests != 0);
    end(&sink, 2);
    let received = collector.received();
    assert_eq!(received.requests, requests, "{protocol:?} {replies:?}");
    let said = sink.tally.losses().unwrap_or_default();
    assert!(said.starts_with(losses), "{said}");
}

#[test]
fn a_refused_message_is_not_sent_again() {
    let http =
        "1 of 2 requests not delivered: the collector answers 400 Bad Request: no such tenant";
    check_lost(Protocol::Http, &[Reply::Refuse], 2, http);
    let grpc = "1 of 2 requests not delivered: http://127.0.0.1:";
    check_lost(Protocol::Grpc, &[Reply::Refuse], 2, grpc);
}

#[test]
fn rejected_values_are_counted() {
    let losses = "the collector rejected 7 values: some are too old";
    check_lost(Protocol::Http, &[Reply::Reject(7)], 2, losses);
    check_lost(Protocol::Grpc, &[Reply::Reject(7)], 2, losses);
}

#[test]
fn a_failure_is_told_while_tracing() {
    let (collector, sink) = pair(Protocol::Http, &[Reply::Refuse]);
    sink.take(Occasion::Report, &results(1)).unwrap();
    wait("the failure", || sink.tally.trouble().is_some());
    let why = sink.take(Occasion::Report, &results(2)).unwrap_err();
    assert!(why.to_string().contains("no such tenant"), "{why}");
    wait("the success", || sink.tally.trouble().is_none());
    sink.take(Occasion::Report, &results(3)).unwrap();
    end(&sink, 4);
    assert_eq!(collector.received().requests, 4);
}

#[test]
fn a_collector_that_stalls_delays_nothing() {
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let many = [Reply::Stall; 500];
        let collector = Collector::start(protocol, None, &many).unwrap();
        let url = format!("http://{}", collector.address);
        let limit = [("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")];
        let sink = sink_with(&url, protocol, &limit);
        let begun = Instant::now();
        for moment in 1..=200 {
            let _ = sink.take(Occasion::Report, &results(moment));
        }
        // The collector has not answered once, and one attempt may take a minute.
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(collector.received().metrics.len(), 0);
        drop(collector);
        end(&sink, 201);
        let losses = sink.tally.losses().unwrap();
        assert!(
            losses.starts_with("201 of 201 requests not delivered"),
            "{losses}"
        );
    }
}

#[test]
fn a_collector_that_dies_is_no_failure_of_the_trace() {
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let (collector, sink) = pair(protocol, &[]);
        sink.take(Occasion::Report, &results(1)).unwrap();
        wait("the first delivery", || {
            collector.received().metrics.len() == 1
        });
        drop(collector);
        let _ = sink.take(Occasion::Report, &results(2));
        end(&sink, 3);
        let losses = sink.tally.losses().unwrap();
        assert!(
            losses.starts_with("2 of 3 requests not delivered"),
            "{losses}"
        );
    }
}

#[test]
fn tls_is_checked() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, cert.pem()).unwrap();
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let mut server = server
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let collector = Collector::start(protocol, Some(server), &[]).unwrap();
        let url = format!("https://{}", collector.address);
        let trusted = [(
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            file.path().to_str().unwrap(),
        )];
        let sink = sink_with(&url, protocol, &trusted);
        end(&sink, 1);
        assert_eq!(sink.tally.losses(), None);
        let sink = sink_with(&url, protocol, &[]);
        end(&sink, 1);
        let losses = sink.tally.losses().unwrap();
        assert!(losses.contains("certificate"), "{losses}");
        assert_eq!(collector.received().metrics.len(), 1);
    }
}
