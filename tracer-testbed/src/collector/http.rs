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
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
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
        let path = head.uri.path();
        let reply = match path.rsplit_once("/v1/") {
            Some((_, "metrics")) => decode(&body).map(|request| received.take(request)),
            Some((_, "traces")) => decode(&body).map(|request| received.take_traces(request)),
            _ => Err(io::Error::other("no such path")),
        };
        if head.method != Method::POST {
            received.fault(format!("the method is {}", head.method));
        }
        reply.unwrap_or_else(|error| {
            received.fault(format!("{path}: {error}"));
            Reply::Refuse
        })
    };
    respond(reply).await
}

async fn respond(reply: Reply) -> Result<Response<Full<Bytes>>, io::Error> {
    // The answer to spans has the same fields.
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

fn decode<M: Message + Default>(body: &[u8]) -> io::Result<M> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain)?;
    M::decode(&plain[..]).map_err(io::Error::other)
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
