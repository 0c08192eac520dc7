//! The receiver over gRPC.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
};

use hyper::{HeaderMap, Request, Response, body::Incoming};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
    },
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
};
use tonic::{Code, Status, body::Body, codec::CompressionEncoding, server};
use tonic_prost::{ProstCodec, prost::Message};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Received, Reply, lock};

/// Method that takes metrics.
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// Method that takes spans.
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Answers a request.
pub(super) async fn answer(
    request: Request<Incoming>,
    received: Arc<Mutex<Received>>,
) -> Result<Response<Body>, io::Error> {
    check(&request, &mut lock(&received));
    if lock(&received).replies.front() == Some(&Reply::HangUp) {
        lock(&received).next();
        return Err(io::Error::other("hung up"));
    }
    Ok(match request.uri().path() {
        METRICS => {
            call::<ExportMetricsServiceRequest, ExportMetricsServiceResponse>(request, received)
                .await
        }
        TRACES => {
            call::<ExportTraceServiceRequest, ExportTraceServiceResponse>(request, received).await
        }
        other => {
            lock(&received).fault(format!("path is {other}"));
            Status::unimplemented("no such method").into_http()
        }
    })
}

async fn call<Q, A>(request: Request<Incoming>, received: Arc<Mutex<Received>>) -> Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
    Export: server::UnaryService<Q, Response = A>,
{
    let calls = server::Grpc::new(ProstCodec::<A, Q>::default());
    let mut calls = calls.accept_compressed(CompressionEncoding::Gzip);
    calls.unary(Export(received), request).await
}

/// The method `Export` of both services.
struct Export(Arc<Mutex<Received>>);

type Answer<A> = Pin<Box<dyn Future<Output = Result<tonic::Response<A>, Status>> + Send>>;

impl server::UnaryService<ExportMetricsServiceRequest> for Export {
    type Response = ExportMetricsServiceResponse;
    type Future = Answer<Self::Response>;

    fn call(&mut self, request: tonic::Request<ExportMetricsServiceRequest>) -> Self::Future {
        let reply = lock(&self.0).take(request.into_inner());
        let partial = |(rejected_data_points, error_message)| ExportMetricsPartialSuccess {
            rejected_data_points,
            error_message,
        };
        Box::pin(respond(reply, move |rejected| {
            ExportMetricsServiceResponse {
                partial_success: rejected.map(partial),
            }
        }))
    }
}

impl server::UnaryService<ExportTraceServiceRequest> for Export {
    type Response = ExportTraceServiceResponse;
    type Future = Answer<Self::Response>;

    fn call(&mut self, request: tonic::Request<ExportTraceServiceRequest>) -> Self::Future {
        let reply = lock(&self.0).take_traces(request.into_inner());
        let partial = |(rejected_spans, error_message)| ExportTracePartialSuccess {
            rejected_spans,
            error_message,
        };
        Box::pin(respond(reply, move |rejected| ExportTraceServiceResponse {
            partial_success: rejected.map(partial),
        }))
    }
}

/// Answers with what `accepted` makes of the number of rejected values and the words about them.
async fn respond<A>(
    reply: Reply,
    accepted: impl Fn(Option<(i64, String)>) -> A,
) -> Result<tonic::Response<A>, Status> {
    match reply {
        Reply::Accept => Ok(tonic::Response::new(accepted(None))),
        Reply::Reject(count) => {
            let rejected = Some((count, "some are too old".to_owned()));
            Ok(tonic::Response::new(accepted(rejected)))
        }
        Reply::Refuse => Err(Status::invalid_argument("no such tenant")),
        Reply::Busy(pause) => {
            let details = ErrorDetails::with_retry_info(Some(pause));
            Err(Status::with_error_details(
                Code::Unavailable,
                "busy",
                details,
            ))
        }
        Reply::Stall | Reply::HangUp => std::future::pending().await,
    }
}

fn check(request: &Request<Incoming>, received: &mut Received) {
    for (name, expected) in [
        ("content-type", "application/grpc"),
        ("grpc-encoding", "gzip"),
        ("te", "trailers"),
    ] {
        let value = request.headers().get(name);
        if value.is_none_or(|value| value != expected) {
            received.fault(format!("{name} is {value:?}"));
        }
    }
    note(request.headers(), received);
}

/// Notes the token of a request, and a missing name of its client.
pub(super) fn note(header: &HeaderMap, received: &mut Received) {
    let text = |name| header.get(name).and_then(|value| value.to_str().ok());
    received.tokens.extend(text("x-token").map(str::to_owned));
    if text("user-agent").is_none_or(|user| !user.starts_with("tracer/")) {
        received.fault(format!("user-agent is {:?}", text("user-agent")));
    }
}
