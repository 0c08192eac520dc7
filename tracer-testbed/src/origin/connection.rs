//! Connections: their handshake, requests and close, with the lines of the log.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{HandshakeKind, ProtocolVersion};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Options;
use super::body::PacedBody;
use super::counts::{Closer, Counts, add};
use super::log::LogSender;
use super::page::Site;
use super::transport::{CloserCell, ResetSwitch, Transport};

/// State that all connections share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) site: Site,
    pub(super) counts: Counts,
    /// Number of requests so far over all connections, which decides whether a fault hits the next one.
    pub(super) arrived: AtomicU64,
    pub(super) log: Option<LogSender>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Shared {
    async fn write(&self, line: Value) {
        if let Some(log) = &self.log {
            // An error means that the writer has ended, and has printed the reason.
            let _ = log.send(line).await;
        }
    }
}

/// A connection being served.
pub(super) struct Served {
    shared: Arc<Shared>,
    peer: SocketAddr,
    number: u64,
    accepted_at: OffsetDateTime,
    requests: AtomicU64,
    activity: Mutex<Activity>,
    stopped: watch::Receiver<bool>,
    reset: ResetSwitch,
}

/// Error by which a request is answered with a reset on purpose.
#[derive(Debug, thiserror::Error)]
#[error("reset on purpose")]
struct ResetOnPurpose;

/// Activity on a connection, for the idle timeout.
struct Activity {
    in_flight: u32,
    last: Instant,
}

/// Result of the TLS handshake.
#[derive(Default)]
struct Handshake {
    version: Option<ProtocolVersion>,
    kind: Option<HandshakeKind>,
    error: Option<String>,
}

impl Served {
    pub(super) fn new(
        shared: Arc<Shared>,
        peer: SocketAddr,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let number = shared.counts.accepted.fetch_add(1, Relaxed);
        Self {
            shared,
            peer,
            number,
            accepted_at: OffsetDateTime::now_utc(),
            requests: AtomicU64::new(0),
            activity: Mutex::new(Activity {
                in_flight: 0,
                last: Instant::now(),
            }),
            stopped,
            reset: ResetSwitch::default(),
        }
    }

    pub(super) async fn run(self, stream: TcpStream) {
        // Without this option small responses may wait for an acknowledgement, which is no error.
        let _ = stream.set_nodelay(true);
        let closer = CloserCell::default();
        let handshake = self
            .serve(Transport::new(
                stream,
                Arc::clone(&closer),
                Arc::clone(&self.reset),
            ))
            .await;
        let closer = closer.get().copied().unwrap_or(Closer::Reset);
        self.shared.counts.add_close(closer);
        self.shared.write(self.close_line(&handshake, closer)).await;
    }

    async fn serve(&self, transport: Transport) -> Handshake {
        let Some(acceptor) = &self.shared.tls else {
            self.serve_http(transport).await;
            return Handshake::default();
        };
        match acceptor.accept(transport).await {
            Ok(stream) => {
                let tls = stream.get_ref().1;
                let (version, kind) = (tls.protocol_version(), tls.handshake_kind());
                self.shared.counts.add_handshake(kind, version);
                self.serve_http(stream).await;
                Handshake {
                    version,
                    kind,
                    error: None,
                }
            }
            Err(error) => {
                add(&self.shared.counts.tls_failed);
                Handshake {
                    error: Some(error.to_string()),
                    ..Handshake::default()
                }
            }
        }
    }

    async fn serve_http(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request| self.respond(request));
        let http = http1::Builder::new()
            .keep_alive(self.shared.options.keep_alive)
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service);
        let mut http = pin!(http);
        let mut stopped = self.stopped.clone();
        let half_close = self.shared.options.faults.half_close;
        let keep_open = tokio::select! {
            // An error is caused by the peer, and `closed_by` shows it.
            _ = http.as_mut() => return,
            () = self.idle_too_long() => false,
            () = self.answered_once(), if half_close => true,
            _ = stopped.wait_for(|stop| *stop) => false,
        };
        http.as_mut().graceful_shutdown();
        let _ = http.as_mut().await;
        if keep_open {
            // Our half is closed. The stream stays open until the origin stops, whatever the client does.
            let _ = stopped.wait_for(|stop| *stop).await.is_ok();
        }
    }

    /// Waits until the first response has been sent and the client had time to read it.
    async fn answered_once(&self) {
        const LOOK: Duration = Duration::from_millis(5);
        loop {
            tokio::time::sleep(LOOK).await;
            let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
            let quiet = activity.in_flight == 0 && activity.last.elapsed() >= 2 * LOOK;
            if quiet && self.requests.load(Relaxed) > 0 {
                return;
            }
        }
    }

    /// Waits until no request was in flight for the idle timeout. Without a timeout it waits for ever.
    async fn idle_too_long(&self) {
        let Some(timeout) = self.shared.options.idle_timeout else {
            return std::future::pending().await;
        };
        while let Some(rest) = self.idle_rest(timeout) {
            tokio::time::sleep(rest).await;
        }
    }

    /// Time until the connection has been idle for `timeout`; `None` when it has been.
    fn idle_rest(&self, timeout: Duration) -> Option<Duration> {
        let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = if activity.in_flight > 0 {
            Duration::ZERO
        } else {
            activity.last.elapsed()
        };
        timeout.checked_sub(idle).filter(|rest| !rest.is_zero())
    }

    fn track(&self, change: i32) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity.in_flight = activity.in_flight.saturating_add_signed(change);
        activity.last = Instant::now();
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<PacedBody>, ResetOnPurpose> {
        self.track(1);
        let options = &self.shared.options;
        let number = self.shared.arrived.fetch_add(1, Relaxed);
        let hit = options.faults.hits(number);
        let silence = match hit {
            true => options.think_time + options.faults.slow_first_byte,
            false => options.think_time,
        };
        if !silence.is_zero() {
            tokio::time::sleep(silence).await;
        }
        if hit && options.faults.reset {
            self.reset.store(true, Relaxed);
            return Err(ResetOnPurpose);
        }
        let response = self
            .shared
            .site
            .respond(request.uri().path(), request.headers());
        self.requests.fetch_add(1, Relaxed);
        add(&self.shared.counts.requests);
        if self.shared.log.is_some() {
            let line = self.request_line(&request, response.status());
            self.shared.write(line).await;
        }
        self.track(-1);
        let extra = match hit {
            true => options.faults.slow_body,
            false => Duration::ZERO,
        };
        Ok(response.map(|body| PacedBody::new(body, extra)))
    }

    fn request_line(&self, request: &Request<Incoming>, status: StatusCode) -> Value {
        let host = request.headers().get(hyper::header::HOST);
        json!({
            "event": "request",
            "connection": self.number,
            "peer": self.peer,
            "at": rfc3339(OffsetDateTime::now_utc()),
            "method": request.method().as_str(),
            "host": host.map(|host| String::from_utf8_lossy(host.as_bytes())),
            "path": request.uri().path(),
            "status": status.as_u16(),
        })
    }

    fn close_line(&self, handshake: &Handshake, closer: Closer) -> Value {
        json!({
            "event": "connection",
            "connection": self.number,
            "peer": self.peer,
            "accepted_at": rfc3339(self.accepted_at),
            "closed_at": rfc3339(OffsetDateTime::now_utc()),
            "tls": handshake.version.map(version_name),
            "resumed": handshake.kind.map(|kind| kind == HandshakeKind::Resumed),
            "hello_retry_request": handshake.kind.map(|kind| kind == HandshakeKind::FullWithHelloRetryRequest),
            "tls_error": handshake.error,
            "requests": self.requests.load(Relaxed),
            "closed_by": closer.name(),
        })
    }
}

fn version_name(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "1.3",
        _ => "1.2",
    }
}

fn rfc3339(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}
