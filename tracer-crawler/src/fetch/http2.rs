//! HTTP/2, where one connection to a host carries all its requests.
//!
//! Only a TLS handshake shows whether a host supports HTTP/2. During the first one the other requests to the host wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::Version;
use hyper::body::Bytes;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::HOST;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Semaphore;

use super::body::{Flow, Next};
use super::connection::{Connection, Facts, Reuse, Wire};
use super::exchange::{Exchange, Head, Sink, since_ns};
use super::pool::{Grant, Slot};
use super::{Dialed, Inner, Job, origin, send};
use crate::outcome::{Failure, Stage};

/// Flow-control window for bodies, of the connection and of each stream, in bytes.
const WINDOW_BYTES: u32 = 1 << 20;

/// HTTP/2 connections and known protocols of all hosts.
#[derive(Debug, Default)]
pub(crate) struct Multiplexed(Mutex<HashMap<Box<str>, Arc<Host>>>);

#[derive(Debug, Default)]
struct Host {
    /// Held by the request that opens the connection.
    gate: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Http1,
    Http2(Shared),
}

/// Handle of a connection shared by many requests. Dropping the last handle closes the connection.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    sender: SendRequest<Empty<Bytes>>,
    facts: Facts,
    requests: Arc<AtomicU32>,
    /// Number of earlier requests on the connection, for this handle's request.
    reuses: u32,
    used: Arc<Mutex<Instant>>,
    /// Permits that limit the number of requests under way.
    places: Arc<Semaphore>,
    /// Slot that the connection occupies in the pool.
    _slot: Arc<Slot<Connection>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Multiplexed {
    fn host(&self, key: &str) -> Arc<Host> {
        let mut hosts = locked(&self.0);
        if let Some(host) = hosts.get(key) {
            return Arc::clone(host);
        }
        Arc::clone(hosts.entry(key.into()).or_default())
    }

    /// Closes connections that have not been used for this long, and forgets their hosts.
    pub(crate) fn sweep(&self, idle_timeout: Duration) {
        locked(&self.0).retain(|_, host| {
            let in_use = Arc::strong_count(host) > 1;
            in_use
                || match &*locked(&host.known) {
                    Known::Http2(shared) => !shared.is_idle(idle_timeout),
                    // The next handshake shows the protocol again.
                    Known::Http1 | Known::Nothing => false,
                }
        });
    }
}

impl Host {
    /// Known protocol of the host: `None` if unknown, `Some(None)` for HTTP/1.1.
    fn look(&self, bounds: &Reuse) -> Option<Option<Shared>> {
        let mut known = locked(&self.known);
        match &*known {
            Known::Nothing => None,
            Known::Http1 => Some(None),
            Known::Http2(shared) if shared.can_serve(bounds) => Some(Some(shared.one_more())),
            // The slot is released when the last request on the connection ends.
            Known::Http2(_) => {
                *known = Known::Nothing;
                None
            }
        }
    }
}

impl Shared {
    fn can_serve(&self, bounds: &Reuse) -> bool {
        let requests = self.requests.load(Ordering::Relaxed);
        !self.sender.is_closed() && !bounds.are_met(&self.facts, requests)
    }

    /// Handle for one more request. Called either under the lock of [`Host::known`] or before the connection is stored
    /// there.
    fn one_more(&self) -> Self {
        Self {
            reuses: self.requests.fetch_add(1, Ordering::Relaxed),
            ..self.clone()
        }
    }

    fn is_idle(&self, timeout: Duration) -> bool {
        // The stored handle holds one reference itself.
        let is_free = Arc::strong_count(&self.requests) == 1;
        self.sender.is_closed() || (is_free && locked(&self.used).elapsed() >= timeout)
    }
}

impl Inner {
    /// Handle of a shared connection; `None` when the host speaks HTTP/1.1.
    pub(crate) async fn shared(
        &self,
        job: Job<'_>,
        exchange: &mut Exchange,
    ) -> Result<Option<Shared>, Failure> {
        let key = origin::key(job.request.url);
        let host = self.multiplexed.host(key);
        if let Some(known) = host.look(&self.options.reuse) {
            return Ok(known);
        }
        job.task.at(Stage::Pool);
        let _gate = host.gate.lock().await;
        if let Some(known) = host.look(&self.options.reuse) {
            return Ok(known);
        }
        let slot = match self.pool.host(key).take().await {
            Grant::Open(slot) => slot,
            Grant::Reuse(lease) => {
                lease.keep();
                return Ok(None);
            }
        };
        let dialed = Box::pin(self.dial(job, exchange)).await?;
        if !dialed.http2 {
            let lease = slot.fill(self.http1(dialed).await?);
            lease.keep();
            *locked(&host.known) = Known::Http1;
            return Ok(None);
        }
        let shared = handshake(dialed, slot, self.options.http2_streams).await?;
        let first = shared.one_more();
        *locked(&host.known) = Known::Http2(shared);
        Ok(Some(first))
    }

    /// Sends a request over a shared connection and passes its response to the sink.
    pub(crate) async fn multiplex(
        &self,
        mut shared: Shared,
        job: Job<'_>,
        exchange: &mut Exchange,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        job.task.at(Stage::Pool);
        let start = Instant::now();
        let place = Arc::clone(&shared.places).acquire_owned().await;
        // The semaphore is never closed, so this cannot fail.
        let _place = place.map_err(|_| Failure::Closed)?;
        exchange.phases.pool_ns = Some(since_ns(start));
        job.task.at(Stage::Response);
        let mut message = self.message(job.request)?;
        message.headers_mut().remove(HOST);
        *message.version_mut() = Version::HTTP_2;
        let uri = send::absolute(job.request.url).parse();
        *message.uri_mut() =
            uri.map_err(|_| Failure::Unsupported(job.request.url.as_str().into()))?;
        exchange.connection = Some(shared.facts.used(shared.reuses, true));
        *locked(&shared.used) = Instant::now();
        let start = Instant::now();
        let response = shared.sender.send_request(message).await;
        let response = response.map_err(|error| send::failure(&error, Stage::Response))?;
        exchange.phases.ttfb_ns = Some(since_ns(start));
        let start = Instant::now();
        let (parts, mut body) = response.into_parts();
        let head = Head {
            status: parts.status,
            version: parts.version,
            headers: parts.headers,
        };
        self.learn_cookies(job.request.url, &head);
        job.task.at(Stage::Body);
        let flow = Flow::begin(&head, sink, job.terms.body);
        let length_bytes = send::announced(&body, job.request.method, head.status);
        exchange.head = Some(head);
        let mut flow = flow?;
        // Dropping the body resets the stream; other streams of the connection go on.
        if flow.announced(length_bytes)? == Next::Close {
            return Ok(());
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| send::failure(&error, Stage::Body))?;
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if flow.piece(&piece, exchange)? == Next::Close {
                return Ok(());
            }
        }
        exchange.phases.transfer_ns = Some(since_ns(start));
        *locked(&shared.used) = Instant::now();
        flow.end(exchange);
        Ok(())
    }
}

async fn handshake(
    dialed: Dialed,
    slot: Slot<Connection>,
    streams: usize,
) -> Result<Shared, Failure> {
    let io = TokioIo::new(Wire::new(dialed.stream));
    let (sender, driver) = Builder::new(TokioExecutor::new())
        // One stream until the server's settings arrive; then hyper follows the number that they allow.
        .initial_max_send_streams(1)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .handshake(io)
        .await
        .map_err(|error| send::failure(&error, Stage::Connect))?;
    // The task ends when the last sender is dropped.
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "HTTP/2 connection");
        }
    });
    slot.note_opened();
    Ok(Shared {
        sender,
        facts: dialed.facts,
        requests: Arc::default(),
        reuses: 0,
        used: Arc::new(Mutex::new(Instant::now())),
        places: Arc::new(Semaphore::new(streams.max(1))),
        _slot: Arc::new(slot),
    })
}
