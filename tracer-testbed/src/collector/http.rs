//! The receiver over HTTP.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex},
};

use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::{Bytes, Incoming},
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tonic_prost::prost::Message;

use super::{Received, Reply, lock};

/// Answers a request.
pub(super) async fn answer(
    request: Request<Incoming>,
    received: Arc<Mutex<Received>>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let reply = {
        let mut received = lock(&received);
        check(&head.headers, &mut received);
        if head.method != Method::POST || !head.uri.path().ends_with("/v1/metrics") {
            received.fault(format!("{} {}", head.method, head.uri));
        }
        match decode(&body) {
            Ok(request) => received.take(request),
            Err(error) => {
                received.fault(format!("body: {error}"));
                Reply::Refuse
            }
        }
    };
    respond(reply).await
}

async fn respond(reply: Reply) -> Result<Response<Full<Bytes>>, io::Error> {
    let accepted = |rejected| ExportMetricsServiceResponse {
        partial_success: (rejected != 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: "some are too old".to_owned(),
        }),
    };
    let response = Response::builder().header("content-type", "application/x-protobuf");
    let words = |text: &str| tonic_types::Status {
        message: text.to_owned(),
        ..Default::default()
    };
    let (response, body) = match reply {
        Reply::Accept => (response, accepted(0).encode_to_vec()),
        Reply::Reject(count) => (response, accepted(count).encode_to_vec()),
        Reply::Refuse => (
            response.status(400),
            words("no such tenant").encode_to_vec(),
        ),
        Reply::Busy(pause) => {
            let response = response.header("retry-after", pause.as_secs());
            (response.status(503), words("busy").encode_to_vec())
        }
        Reply::Stall => std::future::pending().await,
        Reply::HangUp => return Err(io::Error::other("hung up")),
    };
    response
        .body(Full::new(body.into()))
        .map_err(io::Error::other)
}

fn decode(body: &[u8]) -> io::Result<ExportMetricsServiceRequest> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain)?;
    ExportMetricsServiceRequest::decode(&plain[..]).map_err(io::Error::other)
}

fn check(header: &HeaderMap, received: &mut Received) {
    for (name, expected) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
    ] {
        let value = header.get(name).and_then(|value| value.to_str().ok());
        if value != Some(expected) {
            received.fault(format!("{name} is {value:?}"));
        }
    }
    super::grpc::note(header, received);
}
