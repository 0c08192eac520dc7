//! Spans of single connections and requests. A connection is a trace: its span is the root, and lookup, connect,
//! handshake and requests are its children.

mod part;

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::KeyValue,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};
use tracer_core::{
    host::HostKey,
    sample::{Connection, End, Request, Sample},
    tls::TlsVersion,
};

use self::part::{Clock, Identity, failed, part};
use crate::attribute::{self, SCHEMA_URL};

/// Limit of the spans in a request.
const MOST_SPANS: usize = 1000;
/// Limit of the connections whose identity is known. Their number is bounded where they are sampled; only samples that
/// were dropped there stay here.
const MOST_KNOWN: usize = 50_000;

/// Maker of requests. It remembers the identity of connections that are open.
#[derive(Debug)]
pub struct Spans {
    resource: Resource,
    known: HashMap<u64, Identity>,
}

/// Moments by which kernel times become times of day.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    /// A moment, CLOCK_MONOTONIC, ns.
    pub monotonic_ns: u64,
    /// This moment by the time of day, ns since 1970.
    pub since_1970_ns: u64,
}

impl Spans {
    /// Makes requests about `resource`.
    pub fn new(resource: Resource) -> Self {
        Self {
            resource,
            known: HashMap::new(),
        }
    }

    /// Requests with the spans of what has ended. `random` gives random numbers, for identifiers.
    pub fn requests(
        &mut self,
        samples: &[Sample],
        anchor: Anchor,
        random: &mut dyn FnMut() -> u64,
    ) -> Vec<ExportTraceServiceRequest> {
        let clock = Clock(anchor);
        let mut spans = Vec::new();
        for sample in samples {
            match sample {
                Sample::Connection(connection) => {
                    let identity = self.identity(connection.cookie, random);
                    self.known.remove(&connection.cookie);
                    spans.extend(of_connection(connection, identity, clock, random));
                }
                Sample::Request(request) => {
                    let identity = self.identity(request.cookie, random);
                    spans.extend(of_request(request, identity, clock, random));
                }
            }
        }
        let mut requests = Vec::new();
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(MOST_SPANS));
            requests.push(self.request(std::mem::replace(&mut spans, rest)));
        }
        requests
    }

    fn identity(&mut self, cookie: u64, random: &mut dyn FnMut() -> u64) -> Identity {
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let known = self.known.entry(cookie);
        *known.or_insert_with(|| Identity::new(random))
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(attribute::scope()),
                    spans,
                    schema_url: SCHEMA_URL.to_owned(),
                }],
                schema_url: SCHEMA_URL.to_owned(),
            }],
        }
    }
}

/// Spans of a connection: its own, and those of its phases before the first request.
fn of_connection(
    connection: &Connection,
    identity: Identity,
    clock: Clock,
    random: &mut dyn FnMut() -> u64,
) -> Vec<Span> {
    let mut root = part("connection", connection.times, identity, clock, random);
    (root.span_id, root.parent_span_id) = (identity.span.to_vec(), Vec::new());
    root.kind = SpanKind::Client.into();
    root.attributes = about(connection);
    let mut spans = Vec::new();
    if let Some(lookup) = connection.lookup {
        let mut span = part("dns", lookup, identity, clock, random);
        span.attributes = vec![attribute::text("dns.question.name", &*connection.host.host)];
        spans.push(span);
    }
    let mut connect = part("connect", connection.connect, identity, clock, random);
    match connection.end {
        End::Failed(reason) => {
            failed(&mut connect, reason);
            failed(&mut root, reason);
        }
        End::Closed(by) => root
            .attributes
            .push(attribute::text("tracer.closed_by", by)),
        End::Unseen => {}
    }
    spans.push(connect);
    spans.extend(
        connection
            .tunnel
            .map(|tunnel| part("tunnel", tunnel, identity, clock, random)),
    );
    if let Some(tls) = connection.tls {
        let mut span = part("tls", tls.times, identity, clock, random);
        span.attributes = vec![attribute::label(&(
            "tls.resumed",
            if tls.resumed { "true" } else { "false" },
        ))];
        if let Some(version) = tls.version.and_then(version) {
            span.attributes
                .push(attribute::text("tls.protocol.version", version));
        }
        if tls.failed {
            failed(&mut span, "tls");
            failed(&mut root, "tls");
        }
        spans.push(span);
    }
    spans.insert(0, root);
    spans
}

/// Spans of a request: its own, and those of its two phases.
fn of_request(
    request: &Request,
    identity: Identity,
    clock: Clock,
    random: &mut dyn FnMut() -> u64,
) -> Vec<Span> {
    let mut whole = part("HTTP", request.times, identity, clock, random);
    whole.kind = SpanKind::Client.into();
    whole.attributes = of_host(&request.host);
    let version = if request.http2 { "2" } else { "1.1" };
    whole.attributes.extend([
        attribute::text("http.request.method", "_OTHER"),
        attribute::text("network.protocol.name", "http"),
        attribute::text("network.protocol.version", version),
    ]);
    if request.failed {
        failed(&mut whole, "no_response");
    }
    let inner = Identity {
        span: identity_of(&whole),
        ..identity
    };
    let mut spans = vec![whole];
    if let Some(first_ns) = request.first_ns {
        let mut times = [request.times; 2];
        times[0].end_ns = first_ns;
        times[1].start_ns = first_ns;
        spans.push(part("first byte", times[0], inner, clock, random));
        spans.push(part("transfer", times[1], inner, clock, random));
    }
    spans
}

fn identity_of(span: &Span) -> [u8; 8] {
    let mut id = [0; 8];
    id.iter_mut()
        .zip(&span.span_id)
        .for_each(|(to, from)| *to = *from);
    id
}

fn about(connection: &Connection) -> Vec<KeyValue> {
    let remote = connection.remote;
    let family = if remote.is_ipv4() { "ipv4" } else { "ipv6" };
    let mut all = of_host(&connection.host);
    all.extend([
        attribute::text("network.peer.address", remote.ip().to_string()),
        attribute::number("network.peer.port", remote.port()),
        attribute::text("network.transport", "tcp"),
        attribute::text("network.type", family),
        attribute::number("process.pid", connection.pid),
        attribute::number(
            "tracer.requests",
            i64::try_from(connection.requests).unwrap_or(i64::MAX),
        ),
    ]);
    if !connection.comm.is_empty() {
        all.push(attribute::text(
            "process.executable.name",
            &*connection.comm,
        ));
    }
    all
}

fn of_host(host: &HostKey) -> Vec<KeyValue> {
    vec![
        attribute::text("server.address", &*host.host),
        attribute::number("server.port", host.port),
    ]
}

/// Version of TLS as the conventions write it.
fn version(version: TlsVersion) -> Option<&'static str> {
    match version {
        TlsVersion::TLS_1_3 => Some("1.3"),
        TlsVersion::TLS_1_2 => Some("1.2"),
        TlsVersion::TLS_1_1 => Some("1.1"),
        TlsVersion::TLS_1_0 => Some("1.0"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
