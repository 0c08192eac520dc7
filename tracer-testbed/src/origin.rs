//! An HTTP/1.1 origin, in clear or over TLS 1.2 and 1.3, that counts what it served and logs each
//! connection and request: the ground truth for the tests and the server of the demo.
//!
//! Memory is bounded: by [`Options::max_connections`], hyper's buffers, and a log queue that makes
//! connections wait when the disk is slow.

mod body;
mod certificate;
mod connection;
mod counts;
mod fault;
mod log;
mod page;
mod tls;
mod transport;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use counts::{Closer, Counts};
pub use fault::{Faults, Reach};

use certificate::Certificate;
use connection::{Served, Shared};
use fault::DeadPort;
use log::Log;
use page::Site;

/// Time that open connections have to finish after [`Origin::stop`].
const GRACE: Duration = Duration::from_secs(2);
/// Most pending connections that the kernel holds for us.
const BACKLOG: u32 = 4096;

/// Settings of an origin.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS, or `None` for clear text.
    pub tls: Option<TlsOptions>,
    /// True if a connection serves more than one request.
    pub keep_alive: bool,
    /// Time after which a connection without a request is closed.
    pub idle_timeout: Option<Duration>,
    /// Size of every response body, in bytes; pages are at least as long as their links need.
    pub body_bytes: usize,
    /// True if pages have from half to one and a half of that size. A page always has the same size.
    pub vary_sizes: bool,
    /// Number of pages of the generated site, at `/page/0` and up.
    pub pages: u64,
    /// Number of links of a page to pages further down.
    pub links: u64,
    /// Hosts that pages link to, in turn. Without any, links stay on their host.
    pub hosts: Vec<String>,
    /// True if pages are compressed for clients that accept it.
    pub gzip: bool,
    /// Wait before each response.
    pub think_time: Duration,
    /// Most connections served at once; more wait in the backlog.
    pub max_connections: usize,
    /// File for JSON lines: one per request, and one per connection at its close.
    pub log: Option<PathBuf>,
    /// Faults of the origin.
    pub faults: Faults,
}

impl Default for Options {
    /// Options of an origin without TLS and faults, on a free port of IPv4's loopback, with 1000 pages of 1 KiB.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            keep_alive: true,
            idle_timeout: None,
            body_bytes: 1024,
            vary_sizes: false,
            pages: 1000,
            links: 4,
            hosts: Vec::new(),
            gzip: false,
            think_time: Duration::ZERO,
            max_connections: 20_000,
            log: None,
            faults: Faults::default(),
        }
    }
}

/// TLS settings of the origin.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// Names and addresses in the certificate.
    pub names: Vec<String>,
    /// Number of session tickets sent after a TLS 1.3 handshake; 0 also turns TLS 1.2 tickets off.
    pub tickets: usize,
    /// True if sessions are resumed: by ticket, and by session id in TLS 1.2.
    pub resumption: bool,
    /// Accepted versions of TLS.
    pub versions: TlsVersions,
    /// File for the certificate authority (PEM). Without it, a temporary file is used and removed at the end.
    pub ca_file: Option<PathBuf>,
}

/// Protocol versions the origin accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// Only TLS 1.2.
    Only12,
    /// Only TLS 1.3.
    Only13,
    /// TLS 1.2 and 1.3, preferably 1.3.
    Both,
}

/// Reasons why an origin does not start.
#[derive(Debug, Error)]
pub enum OriginError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; choose another address or port 0")]
    Listen {
        /// Requested address.
        address: SocketAddr,
        /// Error of the system.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The certificate cannot be made, for example for a name that is not a host name.
    #[error("cannot make a certificate for {names:?}: {source}")]
    Certificate {
        /// Requested names.
        names: Vec<String>,
        /// Error of rcgen.
        source: rcgen::Error,
    },
    /// rustls rejects the settings.
    #[error("cannot set TLS up: {0}")]
    Tls(#[from] rustls::Error),
}

/// A running origin. [`Origin::stop`] returns when its sockets are closed; dropping it only tells the origin
/// to end, and its port may be taken for a moment longer.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    certificate: Option<Certificate>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    shared: Arc<Shared>,
    log: Log,
    dead_port: Option<DeadPort>,
}

impl Origin {
    /// Binds, makes the certificate and serves in the background.
    pub async fn start(options: Options) -> Result<Self, OriginError> {
        let certificate = options.tls.as_ref().map(Certificate::new).transpose()?;
        let tls = match (&options.tls, &certificate) {
            (Some(settings), Some(certificate)) => Some(tls::acceptor(settings, certificate)?),
            _ => None,
        };
        let listen_error = |source| OriginError::Listen {
            address: options.listen,
            source,
        };
        let port = Port::open(options.listen, options.faults.reach).await;
        let port = port.map_err(listen_error)?;
        let address = port.address().map_err(listen_error)?;
        let log = Log::open(options.log.as_deref())?;
        let site = Site::new(&options, address.port());
        let limit = options.max_connections;
        let shared = Arc::new(Shared {
            options,
            tls,
            site,
            counts: Counts::default(),
            arrived: AtomicU64::new(0),
            log: log.sender(),
        });
        let (stop, stopped) = watch::channel(false);
        let (listener, dead_port) = port.split();
        let serving = tokio::spawn(accept(listener, Arc::clone(&shared), limit, stopped));
        Ok(Self {
            address,
            certificate,
            stop,
            serving,
            shared,
            log,
            dead_port,
        })
    }

    /// Address of the origin, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// PEM file of the authority that signed the certificate; `None` without TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.certificate.as_ref().map(Certificate::ca_file)
    }

    /// Counts so far.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Stops accepting, lets open requests finish for up to two seconds and closes what is left, writes the
    /// log out and gives the final counts. When it returns all sockets are closed.
    pub async fn stop(self) -> serde_json::Value {
        self.stop.send_replace(true);
        // An error is a panic of the task, which is already printed.
        let _ = self.serving.await;
        drop(self.dead_port);
        let counts = self.shared.counts.to_json();
        drop(self.shared);
        self.log.close().await;
        counts
    }
}

/// Port that accepts connections or never does.
enum Port {
    Open(TcpListener),
    Dead(DeadPort),
}

impl Port {
    async fn open(address: SocketAddr, reach: Reach) -> std::io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        match reach {
            Reach::Open => Ok(Self::Open(socket.listen(BACKLOG)?)),
            _ => Ok(Self::Dead(DeadPort::hold(socket, reach).await?)),
        }
    }

    fn address(&self) -> std::io::Result<SocketAddr> {
        match self {
            Self::Open(listener) => listener.local_addr(),
            Self::Dead(dead) => Ok(dead.address),
        }
    }

    fn split(self) -> (Option<TcpListener>, Option<DeadPort>) {
        match self {
            Self::Open(listener) => (Some(listener), None),
            Self::Dead(dead) => (None, Some(dead)),
        }
    }
}

/// Serves until it is told to stop, then until the last connection has ended. Connections that take longer than
/// [`GRACE`] are dropped and not logged.
async fn accept(
    listener: Option<TcpListener>,
    shared: Arc<Shared>,
    limit: usize,
    mut stopped: watch::Receiver<bool>,
) {
    let Some(listener) = listener else {
        return;
    };
    let permits = Arc::new(Semaphore::new(limit));
    let mut connections = JoinSet::new();
    loop {
        let next = tokio::select! {
            next = next_connection(&listener, &permits) => next,
            Some(_) = connections.join_next() => continue,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let Some((stream, peer, permit)) = next else {
            continue;
        };
        let served = Served::new(Arc::clone(&shared), peer, stopped.clone());
        connections.spawn(async move {
            served.run(stream).await;
            drop(permit);
        });
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        connections.shutdown().await;
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// Waits for the next connection within the limit. `None` when accept failed; then it has paused, so that file
/// descriptors become free.
async fn next_connection(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(_) => {
            tokio::time::sleep(Duration::from_millis(5)).await;
            None
        }
    }
}
