//! Messages over gRPC.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceResponse, trace::v1::ExportTraceServiceResponse,
};
use tonic::{
    Code, Status,
    body::Body,
    client::{Grpc as Calls, GrpcService},
    codec::CompressionEncoding,
    metadata::MetadataMap,
};
use tonic_prost::{ProstCodec, prost};
use tonic_types::StatusExt;

use super::{
    connection::{Outcome, causes, connect},
    http::USER,
    message::{Accepted, Message},
    settings::OtlpSettings,
};

/// Method that takes metrics.
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// Method that takes spans.
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Client over gRPC.
#[derive(Debug)]
pub(super) struct Grpc {
    settings: Arc<OtlpSettings>,
    connection: Option<Channel>,
}

/// Connection of HTTP/2, for the library.
#[derive(Debug, Clone)]
struct Channel(SendRequest<Body>);

impl Grpc {
    /// Makes a client without a connection.
    pub(super) fn new(settings: Arc<OtlpSettings>) -> Self {
        Self {
            settings,
            connection: None,
        }
    }

    /// Closes the connection.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Tries to send a message once.
    pub(super) async fn send(&mut self, message: &Message) -> Outcome {
        let channel = match self.open().await {
            Ok(channel) => channel,
            Err(why) => return Outcome::Retry(why, None),
        };
        let sent = match message {
            Message::Traces(request) => {
                let request = request.clone();
                self.call::<_, ExportTraceServiceResponse>(channel, TRACES, request)
                    .await
            }
            Message::Metrics(request) => {
                let request = request.clone();
                self.call::<_, ExportMetricsServiceResponse>(channel, METRICS, request)
                    .await
            }
        };
        sent.map_or_else(|status| self.outcome(&status), Outcome::Accepted)
    }

    async fn open(&mut self) -> Result<Channel, String> {
        if let Some(open) = &self.connection
            && !open.0.is_closed()
        {
            return Ok(open.clone());
        }
        let stream = connect(&self.settings).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let builder = builder.timer(TokioTimer::new());
        let (sender, connection) = builder.handshake(stream).await.map_err(|it| causes(&it))?;
        tokio::spawn(connection);
        let channel = Channel(sender);
        self.connection = Some(channel.clone());
        Ok(channel)
    }

    async fn call<M, R>(
        &self,
        channel: Channel,
        method: &'static str,
        message: M,
    ) -> Result<Accepted, Status>
    where
        M: prost::Message + 'static,
        R: prost::Message + Default + Into<Accepted> + 'static,
    {
        let url = &self.settings.endpoint.url;
        let origin = &url[..url::Position::BeforePath];
        let origin = Uri::try_from(origin).map_err(|it| Status::internal(it.to_string()))?;
        let mut calls = Calls::with_origin(channel, origin);
        if self.settings.gzip {
            calls = calls.send_compressed(CompressionEncoding::Gzip);
        }
        let calls = &mut calls.accept_compressed(CompressionEncoding::Gzip);
        let mut header = hyper::HeaderMap::new();
        header.extend(self.settings.headers.iter().cloned());
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(header);
        let ready = calls.ready().await;
        ready.map_err(|error| Status::unavailable(causes(&error)))?;
        let path = hyper::http::uri::PathAndQuery::from_static(method);
        let codec = ProstCodec::<M, R>::default();
        let response = calls.unary(request, path, codec).await?;
        Ok(response.into_inner().into())
    }

    /// Meaning of a status, as the protocol specifies it.
    fn outcome(&mut self, status: &Status) -> Outcome {
        let words = match status.message() {
            "" => status.code().description(),
            words => words,
        };
        let why = format!("{}: {words}", self.settings.endpoint.url);
        let info = status.get_details_retry_info();
        let pause = info.and_then(|info| info.retry_delay);
        match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Outcome::Retry(why, pause),
            Code::ResourceExhausted if pause.is_some() => Outcome::Retry(why, pause),
            // A connection that has ended is no answer of the collector.
            Code::Unknown if std::error::Error::source(status).is_some() => {
                self.disconnect();
                Outcome::Retry(why, None)
            }
            _ => Outcome::Refused(why),
        }
    }
}

impl GrpcService<Body> for Channel {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let user = hyper::header::HeaderValue::from_static(USER);
        request
            .headers_mut()
            .insert(hyper::header::USER_AGENT, user);
        Box::pin(self.0.send_request(request))
    }
}
