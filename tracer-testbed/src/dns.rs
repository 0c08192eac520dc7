//! A DNS server (RFC 1035) for the testbed's host names over UDP and TCP, with switches for faults.
//!
//! Memory is bounded: messages have at most [`MAX_MESSAGE_BYTES`], and the numbers of TCP connections and of
//! answers held back are limited.

mod message;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use message::{Query, Rcode, TYPE_A, TYPE_AAAA};

/// Longest accepted message in bytes; a query of a crawler is shorter.
const MAX_MESSAGE_BYTES: usize = 1232;
/// Most answers held back by [`DnsFault::Slow`], and most TCP connections, at once.
const MAX_PENDING: usize = 4096;
/// Time after which a TCP connection without a query ends.
const TCP_IDLE: Duration = Duration::from_secs(10);
/// Number of free TCP ports that are tried until one is also free for UDP.
const PORT_ATTEMPTS: usize = 100;

/// Names and addresses of a server, and its fault.
#[derive(Debug, Clone)]
pub struct DnsOptions {
    /// Address to listen on, UDP and TCP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names in lower case; `*.example` stands for every name below `example`. Other names do not exist.
    pub names: Vec<String>,
    /// Addresses of all names. Without an address of a family, its answers have no addresses.
    pub addresses: Vec<IpAddr>,
    /// Time for which answers may be kept, in whole seconds.
    pub ttl: Duration,
    /// Fault of the server.
    pub fault: DnsFault,
}

/// Fault of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DnsFault {
    /// No fault.
    #[default]
    None,
    /// Every query fails (RCODE 2).
    ServFail,
    /// Every answer comes this much later.
    Slow(Duration),
    /// No answer ever.
    Silent,
    /// Answers over UDP are marked as truncated: the client has to ask again over TCP.
    Truncate,
}

/// Reasons why a server does not start.
#[derive(Debug, Error)]
pub enum DnsError {
    /// The address cannot be bound.
    #[error("cannot listen for DNS on {address}: {source}; choose another address or port 0")]
    Listen {
        /// Requested address.
        address: SocketAddr,
        /// Error of the system.
        source: io::Error,
    },
}

/// Totals since the start.
#[derive(Debug, Default)]
pub struct DnsCounts {
    /// Queries over UDP.
    pub udp: AtomicU64,
    /// Queries over TCP.
    pub tcp: AtomicU64,
    /// Answers with an address, or with the statement that there is none.
    pub answered: AtomicU64,
    /// Answers with the statement that the name does not exist.
    pub nxdomain: AtomicU64,
    /// Answers of [`DnsFault::ServFail`].
    pub servfail: AtomicU64,
    /// Messages that are no queries.
    pub malformed: AtomicU64,
}

impl DnsCounts {
    /// Number of queries over both transports.
    pub fn queries(&self) -> u64 {
        self.udp.load(Relaxed) + self.tcp.load(Relaxed)
    }

    /// Gives the counts as they are printed at the end.
    pub fn to_json(&self) -> Value {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        json!({
            "udp": get(&self.udp),
            "tcp": get(&self.tcp),
            "answered": get(&self.answered),
            "nxdomain": get(&self.nxdomain),
            "servfail": get(&self.servfail),
            "malformed": get(&self.malformed),
        })
    }
}

/// A running server. [`DnsServer::stop`] returns when its sockets are closed; dropping it only tells the
/// server to end, and its port may be taken for a moment longer.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends the tasks when a value is sent or the sender is dropped.
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    options: DnsOptions,
    counts: Arc<DnsCounts>,
    pending: Arc<Semaphore>,
}

impl DnsServer {
    /// Binds in the network namespace of the calling thread and serves in the background.
    pub async fn start(options: DnsOptions) -> Result<Self, DnsError> {
        let listen_error = |source| DnsError::Listen {
            address: options.listen,
            source,
        };
        let (listener, socket) = bind(options.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let shared = Arc::new(Shared {
            options,
            counts: Arc::default(),
            pending: Arc::new(Semaphore::new(MAX_PENDING)),
        });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let udp = serve_udp(Arc::new(socket), Arc::clone(&shared), stopped.clone());
        tasks.spawn(udp);
        tasks.spawn(serve_tcp(listener, Arc::clone(&shared), stopped));
        Ok(Self {
            address,
            shared,
            stop,
            tasks,
        })
    }

    /// Closes every socket, those of connections and of answers held back too, and gives the final counts.
    /// When it returns the port is free.
    pub async fn stop(mut self) -> Arc<DnsCounts> {
        self.stop.send_replace(true);
        // An error is the panic of a task, which is already printed; its sockets are closed as well.
        while self.tasks.join_next().await.is_some() {}
        Arc::clone(&self.shared.counts)
    }

    /// Address of the server, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts so far.
    pub fn counts(&self) -> &DnsCounts {
        &self.shared.counts
    }
}

impl Shared {
    /// Makes the answer to a message; `None` when the message is not answered.
    fn answer(&self, bytes: &[u8], tcp: bool) -> Option<Vec<u8>> {
        let counts = &self.counts;
        let Some(query) = Query::parse(bytes) else {
            add(&counts.malformed);
            return None;
        };
        add(if tcp { &counts.tcp } else { &counts.udp });
        match self.options.fault {
            DnsFault::Silent => return None,
            DnsFault::ServFail => {
                add(&counts.servfail);
                return Some(query.answer(Rcode::ServFail, &[], 0));
            }
            DnsFault::Truncate if !tcp => return Some(query.truncated()),
            _ => {}
        }
        let ttl_s = u32::try_from(self.options.ttl.as_secs()).unwrap_or(u32::MAX);
        if !self.knows(&query.name) {
            add(&counts.nxdomain);
            return Some(query.answer(Rcode::NxDomain, &[], ttl_s));
        }
        add(&counts.answered);
        let addresses: Vec<IpAddr> = self
            .options
            .addresses
            .iter()
            .filter(|address| match query.kind {
                TYPE_A => address.is_ipv4(),
                TYPE_AAAA => address.is_ipv6(),
                _ => false,
            })
            .copied()
            .collect();
        Some(query.answer(Rcode::NoError, &addresses, ttl_s))
    }

    fn knows(&self, name: &str) -> bool {
        self.options
            .names
            .iter()
            .any(|known| match known.strip_prefix("*.") {
                Some(parent) => name
                    .strip_suffix(parent)
                    .is_some_and(|front| front.ends_with('.')),
                None => name == known,
            })
    }

    /// Delay of every answer.
    fn delay(&self) -> Duration {
        match self.options.fault {
            DnsFault::Slow(delay) => delay,
            _ => Duration::ZERO,
        }
    }
}

/// Binds the same port for TCP and UDP. With port 0 it looks for one that is free for both: the system gives a
/// port that is free for TCP, but another program may have it for UDP.
async fn bind(listen: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempts = PORT_ATTEMPTS;
    loop {
        let listener = TcpListener::bind(listen).await?;
        attempts -= 1;
        match UdpSocket::bind(listener.local_addr()?).await {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && listen.port() == 0
                    && attempts > 0 => {}
            bound => return Ok((listener, bound?)),
        }
    }
}

/// Answers until it is told to stop. Then it drops the answers held back and closes the socket.
async fn serve_udp(
    socket: Arc<UdpSocket>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut held = JoinSet::new();
    let mut buffer = [0; MAX_MESSAGE_BYTES];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            Some(_) = held.join_next() => continue,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        // An error means that the port of one peer is unreachable; the socket still works.
        let Ok((length, peer)) = received else {
            continue;
        };
        let Some(answer) = shared.answer(&buffer[..length], false) else {
            continue;
        };
        let delay = shared.delay();
        if delay.is_zero() {
            // If the answer does not arrive, the client asks again.
            let _ = socket.send_to(&answer, peer).await;
            continue;
        }
        let Ok(permit) = Arc::clone(&shared.pending).try_acquire_owned() else {
            continue;
        };
        let socket = Arc::clone(&socket);
        held.spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = socket.send_to(&answer, peer).await;
            drop(permit);
        });
    }
    held.shutdown().await;
}

/// Serves until it is told to stop. Then it closes every connection.
async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let permit = Arc::clone(&shared.pending).try_acquire_owned();
        if let (Ok((stream, _)), Ok(permit)) = (accepted, permit) {
            let shared = Arc::clone(&shared);
            connections.spawn(async move {
                // An error is caused by the peer.
                let _ = serve_stream(stream, &shared).await;
                drop(permit);
            });
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Answers messages with their length in front (RFC 1035 4.2.2) until the peer closes or is silent.
async fn serve_stream(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    loop {
        let length = tokio::time::timeout(TCP_IDLE, stream.read_u16()).await??;
        let length = usize::from(length);
        if length > MAX_MESSAGE_BYTES {
            return Ok(());
        }
        let mut bytes = vec![0; length];
        tokio::time::timeout(TCP_IDLE, stream.read_exact(&mut bytes)).await??;
        let Some(answer) = shared.answer(&bytes, true) else {
            return Ok(());
        };
        tokio::time::sleep(shared.delay()).await;
        let mut framed = u16::try_from(answer.len())
            .unwrap_or(0)
            .to_be_bytes()
            .to_vec();
        framed.extend(answer);
        stream.write_all(&framed).await?;
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
