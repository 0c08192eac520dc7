//! Fetches one URL: one request and one response, over a connection from the pool or a new one.

mod body;
mod connection;
mod cookies;
mod decode;
mod dial;
mod exchange;
mod from_settings;
mod http2;
mod options;
mod origin;
pub mod pool;
pub mod proxy;
pub mod redirect;
pub mod resolver;
mod send;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use body::BodyLimits;
pub use connection::Reuse;
pub use decode::ACCEPT_ENCODING;
pub use dial::TcpOptions;
pub use exchange::{Collect, Exchange, Head, Request, Sink, Want};
pub use options::{Admit, Dns, Judge, Options, Terms};
pub use origin::Origin;
pub use tls::{TlsError, TlsOptions};

use connection::{Connection, Facts, Stream};
use cookies::Jar;
pub(crate) use exchange::since_ns;
use http2::Multiplexed;
pub(crate) use origin::key as origin_key;
use pool::{Grant, Lease, Pool, PoolFigures, Slot};
use proxy::Kind;
use resolver::cached::ResolverError;
use resolver::{Cached, Resolver};
use tls::Tls;

use crate::deadline::{Guard, Task, within};
use crate::outcome::{Clock, Failure, Stage};

/// Reasons why a fetcher could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// Error of the TLS configuration.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Error of the resolver's configuration.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
}

/// Fetches URLs. Clones share connections, TLS sessions and cached names.
#[derive(Debug, Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Pool<Connection>,
    resolver: Resolver,
    tls: Tls,
    options: Options,
    connections: AtomicU64,
    multiplexed: Multiplexed,
    jar: Option<Jar>,
}

/// Connection on which no HTTP has been exchanged yet.
struct Dialed {
    stream: Stream,
    facts: Facts,
    /// True if ALPN chose HTTP/2.
    http2: bool,
}

/// Request with its task and terms.
#[derive(Clone, Copy)]
struct Job<'a> {
    task: &'a Task,
    terms: &'a Terms,
    request: Request<'a>,
}

/// Interval at which idle connections are checked.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Fetcher {
    /// Makes a fetcher. Needs a tokio runtime. Reads /etc/resolv.conf and the file of authorities, if the options ask
    /// for them.
    pub fn new(options: Options) -> Result<Self, FetcherError> {
        let resolver = match &options.dns {
            Dns::System(system) => Resolver::System(*system),
            Dns::Cached(cached) => Resolver::Cached(Cached::new(cached.clone())?),
        };
        let inner = Arc::new(Inner {
            pool: Pool::new(options.pool),
            resolver,
            tls: Tls::new(&options.tls)?,
            jar: options.cookies.then(Jar::default),
            options,
            connections: AtomicU64::new(0),
            multiplexed: Multiplexed::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Fetches one URL, without following redirects. `exchange` holds what is known of the request even when it fails.
    ///
    /// The timeouts of the request and the task apply, and connect and TLS have timeouts of their own. When dropped or
    /// cancelled, the connection is closed.
    pub async fn fetch(
        &self,
        guard: &mut Guard,
        task: &Task,
        terms: &Terms,
        request: Request<'_>,
        exchange: &mut Exchange,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        let job = Job {
            task,
            terms,
            request,
        };
        let work = self.inner.attempt(job, exchange, sink);
        let done = guard.run(task, Some(terms.clocks.request), work).await;
        exchange.phases.total_ns = since_ns(start);
        done
    }

    /// Changes the limit of connections to one host.
    pub fn set_per_host(&self, per_host: usize) {
        self.inner.pool.set_per_host(per_host);
    }

    /// Counts of the pool's connections.
    pub fn pool_figures(&self) -> PoolFigures {
        self.inner.pool.figures()
    }

    /// Resolver of the fetcher, for prewarming and figures.
    pub fn resolver(&self) -> &Resolver {
        &self.inner.resolver
    }
}

async fn sweep(inner: std::sync::Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        inner.pool.sweep(Instant::now());
        inner.multiplexed.sweep(inner.options.pool.idle_timeout);
    }
}

impl Inner {
    async fn attempt(
        &self,
        job: Job<'_>,
        exchange: &mut Exchange,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let Job { task, request, .. } = job;
        origin::check(request.url)?;
        if self.options.tls.http2
            && request.url.scheme() == "https"
            && let Some(shared) = self.shared(job, exchange).await?
        {
            return self.multiplex(shared, job, exchange, sink).await;
        }
        task.at(Stage::Pool);
        let start = Instant::now();
        let host = self.pool.host(origin::key(request.url));
        let grant = host.take().await;
        exchange.phases.pool_ns = Some(since_ns(start));
        let (mut lease, fresh) = match grant {
            Grant::Reuse(lease) => (lease, false),
            Grant::Open(slot) => (self.open(slot, job, exchange).await?, true),
        };
        let mut sent = self.send(&mut lease, job, exchange).await;
        // The server closed the connection while it was idle. The request is sent once more, within the same timeouts.
        if !fresh && matches!(sent, Err(Failure::Closed)) {
            exchange.stale += 1;
            lease = self.open(lease.close(), job, exchange).await?;
            sent = self.send(&mut lease, job, exchange).await;
        }
        self.receive(lease, sent?, job, exchange, sink).await
    }

    /// Opens a new HTTP/1.1 connection in a slot of the pool.
    async fn open(
        &self,
        slot: Slot<Connection>,
        job: Job<'_>,
        exchange: &mut Exchange,
    ) -> Result<Lease<Connection>, Failure> {
        // On the heap because it is rare compared with requests, so that the state of a request stays small.
        let dialed = Box::pin(self.dial(job, exchange)).await?;
        Ok(slot.fill(self.http1(dialed).await?))
    }

    /// Starts HTTP/1.1 on a new connection.
    async fn http1(&self, dialed: Dialed) -> Result<Connection, Failure> {
        if dialed.http2 {
            return Err(Failure::Lost {
                stage: Stage::Connect,
                detail: "the server speaks HTTP/2 now, and spoke HTTP/1.1 before".into(),
            });
        }
        let (max_head_bytes, reuse) = (self.options.max_head_bytes, self.options.reuse);
        let opened = Connection::open(dialed.stream, dialed.facts, max_head_bytes, reuse).await;
        opened.map_err(|error| send::failure(&error, Stage::Connect))
    }

    async fn dial(&self, job: Job<'_>, exchange: &mut Exchange) -> Result<Dialed, Failure> {
        let Job {
            task,
            terms,
            request,
        } = job;
        let origin = Origin::of(request.url)?;
        let proxy = self.options.proxy.as_ref();
        let proxy = proxy.filter(|proxy| proxy.serves(origin.bare_host()));
        let (name, port) = match proxy {
            Some(proxy) => (&*proxy.host, proxy.port),
            None => (&*origin.host, origin.port),
        };
        task.at(Stage::Dns);
        let start = Instant::now();
        let answer = self.resolver.resolve(name).await;
        exchange.phases.dns_ns = Some(since_ns(start));
        let addresses = answer.map_err(|reason| Failure::Dns {
            name: name.into(),
            reason,
        })?;
        // With a proxy the addresses are the proxy's, and the proxy decides which targets it connects to.
        let addresses = match proxy {
            Some(_) => addresses,
            None => self.public(&origin, addresses)?,
        };
        task.at(Stage::Connect);
        let start = Instant::now();
        let connect = async {
            let mut stream = dial::connect(&addresses, port, self.options.tcp).await?;
            if let Some(proxy) = proxy.filter(|proxy| origin.https || proxy.kind == Kind::Socks5) {
                proxy.tunnel(&origin, &mut stream).await?;
            }
            Ok(stream)
        };
        let stream = within(
            Clock::Connect,
            terms.clocks.connect,
            Stage::Connect,
            connect,
        )
        .await?;
        exchange.phases.connect_ns = Some(since_ns(start));
        let remote = stream.peer_addr().map_err(|error| Failure::Lost {
            stage: Stage::Connect,
            detail: error.to_string().into(),
        })?;
        let mut facts = Facts {
            id: self.connections.fetch_add(1, Ordering::Relaxed) + 1,
            remote,
            tls: None,
            opened: Instant::now(),
        };
        if !origin.https {
            return Ok(Dialed {
                stream: Stream::Clear(stream),
                facts,
                http2: false,
            });
        }
        task.at(Stage::Tls);
        let start = Instant::now();
        let handshake = self.tls.connect(&origin, stream);
        let stream = within(Clock::Tls, terms.clocks.tls, Stage::Tls, handshake).await?;
        exchange.phases.tls_ns = Some(since_ns(start));
        let (agreed, http2) = tls::facts(&stream);
        facts.tls = Some(agreed);
        Ok(Dialed {
            stream: Stream::Tls(Box::new(stream)),
            facts,
            http2,
        })
    }

    /// Keeps only the addresses that the crawl may connect to.
    fn public(&self, origin: &Origin, addresses: Arc<[IpAddr]>) -> Result<Arc<[IpAddr]>, Failure> {
        let Some(admit) = &self.options.admit else {
            return Ok(addresses);
        };
        let host = origin.bare_host();
        if addresses
            .iter()
            .all(|address| (admit.0)(&origin.host, *address))
        {
            return Ok(addresses);
        }
        let admitted: Arc<[IpAddr]> = addresses
            .iter()
            .copied()
            .filter(|address| (admit.0)(&origin.host, *address))
            .collect();
        if admitted.is_empty() {
            return Err(Failure::PrivateAddress { host: host.into() });
        }
        Ok(admitted)
    }
}
