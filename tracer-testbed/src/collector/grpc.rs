//! The receiver over gRPC.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
};

use hyper::{HeaderMap, Request, Response, body::Incoming};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tonic::{Code, Status, body::Body, codec::CompressionEncoding, server};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt};

use super::{Received, Reply, lock};

/// Method that takes metrics.
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

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
    let codec = ProstCodec::<ExportMetricsServiceResponse, ExportMetricsServiceRequest>::default();
    let calls = server::Grpc::new(codec);
    let mut calls = calls.accept_compressed(CompressionEncoding::Gzip);
    Ok(calls.unary(Export(received), request).await)
}

/// The method `Export`.
struct Export(Arc<Mutex<Received>>);

type Answer = Result<tonic::Response<ExportMetricsServiceResponse>, Status>;

impl server::UnaryService<ExportMetricsServiceRequest> for Export {
    type Response = ExportMetricsServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&mut self, request: tonic::Request<ExportMetricsServiceRequest>) -> Self::Future {
        let reply = lock(&self.0).take(request.into_inner());
        Box::pin(respond(reply))
    }
}

async fn respond(reply: Reply) -> Answer {
    let accepted = |rejected| {
        let partial_success = (rejected != 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: "some are too old".to_owned(),
        });
        tonic::Response::new(ExportMetricsServiceResponse { partial_success })
    };
    match reply {
        Reply::Accept => Ok(accepted(0)),
        Reply::Reject(count) => Ok(accepted(count)),
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
    if request.uri().path() != METRICS {
        received.fault(format!("path is {}", request.uri().path()));
    }
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
