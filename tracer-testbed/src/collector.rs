//! A strict receiver of the OpenTelemetry protocol, over HTTP and gRPC. It notes everything that the specification does
//! not allow, and answers as it is told: it may be slow, refuse, or hang up.

mod grpc;
mod http;
mod metrics;
mod traces;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

/// Protocol that the receiver speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Protocol buffers over HTTP/1.1.
    Http,
    /// gRPC.
    Grpc,
}

/// Answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Everything is accepted.
    Accept,
    /// The request is accepted but for so many values.
    Reject(i64),
    /// The request is refused for good.
    Refuse,
    /// The receiver is busy: come back after this pause.
    Busy(Duration),
    /// There is no answer.
    Stall,
    /// The connection ends without an answer.
    HangUp,
}

/// Requests that have come, and what was wrong with them.
#[derive(Debug, Default)]
pub struct Received {
    /// Answers to the next requests; then all are accepted.
    pub replies: VecDeque<Reply>,
    /// Number of requests, also of those that were not accepted.
    pub requests: usize,
    /// Accepted requests with metrics.
    pub metrics: Vec<ExportMetricsServiceRequest>,
    /// Accepted requests with spans.
    pub traces: Vec<ExportTraceServiceRequest>,
    /// Values of the header field `x-token` of all requests.
    pub tokens: Vec<String>,
    /// Breaches of the specification.
    pub faults: Vec<String>,
    strict: metrics::Strict,
    strict_traces: traces::Strict,
}

/// A running receiver; it ends when this is dropped.
#[derive(Debug)]
pub struct Collector {
    /// Address that it listens at.
    pub address: SocketAddr,
    received: Arc<Mutex<Received>>,
    _stop: oneshot::Sender<()>,
}

impl Received {
    /// Takes a request with metrics; returns the answer to it.
    pub fn take(&mut self, request: ExportMetricsServiceRequest) -> Reply {
        let reply = self.next();
        if matches!(reply, Reply::Accept | Reply::Reject(_)) {
            self.strict.check(&request, &mut self.faults);
            self.metrics.push(request);
        }
        reply
    }

    /// Takes a request with spans; returns the answer to it.
    pub fn take_traces(&mut self, request: ExportTraceServiceRequest) -> Reply {
        let reply = self.next();
        if matches!(reply, Reply::Accept | Reply::Reject(_)) {
            self.strict_traces.check(&request, &mut self.faults);
            self.traces.push(request);
        }
        reply
    }

    /// Number of spans that others name as their parents and that have not come.
    pub fn orphans(&self) -> usize {
        self.strict_traces.orphans()
    }

    fn next(&mut self) -> Reply {
        self.requests += 1;
        self.replies.pop_front().unwrap_or(Reply::Accept)
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }
}

impl Collector {
    /// Starts a receiver at a free port of the loopback address, with TLS if there is a configuration.
    pub fn start(
        protocol: Protocol,
        tls: Option<ServerConfig>,
        replies: &[Reply],
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let received = Arc::new(Mutex::new(Received {
            replies: replies.iter().copied().collect(),
            ..Received::default()
        }));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&received);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let tls = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    _ = serve(listener, protocol, tls, shared) => {}
                }
            });
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            received,
            _stop: stop,
        })
    }

    /// Requests so far.
    pub fn received(&self) -> MutexGuard<'_, Received> {
        lock(&self.received)
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    listener: std::net::TcpListener,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    received: Arc<Mutex<Received>>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, received) = (tls.clone(), Arc::clone(&received));
        tokio::spawn(async move {
            match tls {
                None => talk(stream, protocol, received).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        talk(stream, protocol, received).await;
                    }
                }
            }
        });
    }
}

async fn talk<S>(stream: S, protocol: Protocol, received: Arc<Mutex<Received>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    // Errors are those of connections that end early, which some tests do.
    let _ = match protocol {
        Protocol::Http => {
            let answer = |request| http::answer(request, Arc::clone(&received));
            let service = hyper::service::service_fn(answer);
            let server = hyper::server::conn::http1::Builder::new();
            server.serve_connection(stream, service).await
        }
        Protocol::Grpc => {
            let answer = |request| grpc::answer(request, Arc::clone(&received));
            let service = hyper::service::service_fn(answer);
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.serve_connection(stream, service).await
        }
    };
}
