//! Open connections one by one, as of the last pass over the sockets.

use std::{net::SocketAddr, sync::Arc};

use tracer_common::record::Traffic;

use crate::{
    host::HostKey,
    http2::{follow::Now, source::Source},
    tls::TlsVersion,
};

/// Limit of the connections in one view.
pub const SHOWN: usize = 2000;
/// Limit of the bytes of a pass made only for the view: some 60,000 sockets.
pub const WATCH_BYTES: usize = 8 << 20;

/// Data that TCP itself has about a socket's traffic (`struct tcp_info`, include/uapi/linux/tcp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Smoothed round-trip time, ns; 0 before the first measurement.
    pub rtt_ns: u64,
    /// Time since payload was last sent, ns, with a resolution of a millisecond.
    pub sent_ago_ns: u64,
    /// Time since payload was last received, ns, with a resolution of a millisecond.
    pub received_ago_ns: u64,
}

/// State of an open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LiveState {
    /// SYN sent, no answer yet.
    Connecting,
    /// The client has asked a proxy for a tunnel.
    Tunnel,
    /// A TLS handshake is under way.
    Handshake,
    /// The last request is not answered yet.
    InFlight,
    /// The server has sent data that wait in the socket for the application to read them, and no request waits for its
    /// answer.
    Unread,
    /// No request or handshake is under way.
    Idle,
    /// The server has closed, this side has not (CLOSE_WAIT).
    HalfClosed,
    /// Closed by this side.
    Closing,
}

impl LiveState {
    /// Name of the state for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Tunnel => "tunnel",
            Self::Handshake => "tls handshake",
            Self::InFlight => "in flight",
            Self::Unread => "unread",
            Self::Idle => "idle",
            Self::HalfClosed => "half-closed",
            Self::Closing => "closing",
        }
    }
}

/// TLS session of a connection with a completed handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveTls {
    /// Version; None when the ServerHello was not seen.
    pub version: Option<TlsVersion>,
    /// True for a resumption by a ticket, a session id or an external PSK.
    pub resumed: bool,
}

/// Streams of a connection that speaks HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveHttp2 {
    /// Source of what is known of them.
    pub source: Source,
    /// True if there were at least as many.
    pub at_least: bool,
    /// Numbers now; None when they are not known.
    pub now: Option<Now>,
    /// Most streams at once, of those that have ended; 0 when it is not known.
    pub peak: u64,
    /// Limit of the streams at once that the server has set, if it was seen.
    pub limit: Option<u32>,
}

/// Open connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConnection {
    /// Socket cookie.
    pub cookie: u64,
    /// Id of the process that owns the connection.
    pub pid: u32,
    /// Name of the process, not escaped: it may contain control characters.
    pub comm: Box<str>,
    /// Host and port that the connection leads to.
    pub host: Arc<HostKey>,
    /// Proxies on the way there, the outermost first.
    pub via: Vec<Arc<HostKey>>,
    /// Local address and port.
    pub local: SocketAddr,
    /// Remote address and port.
    pub remote: SocketAddr,
    /// State of the connection.
    pub state: LiveState,
    /// Time since it was established (while connecting: since the SYN), ns; None when it was open before tracing began.
    pub age_ns: Option<u64>,
    /// Time since payload was last sent or received, ns; None when not known.
    pub idle_ns: Option<u64>,
    /// Number of requests so far; for an adopted connection, since tracing began. None when the connection carries none
    /// by its nature, or none that are seen.
    pub turns: Option<u32>,
    /// Streams, if the connection speaks HTTP/2.
    pub http2: Option<LiveHttp2>,
    /// Smoothed round-trip time, ns; None before the first measurement.
    pub rtt_ns: Option<u64>,
    /// TLS session; None without one, or when not known.
    pub tls: Option<LiveTls>,
    /// True if the connection was open before tracing began.
    pub adopted: bool,
    /// Payload and segments so far; None in recordings of earlier builds.
    pub traffic: Option<Traffic>,
}

/// Open connections at one moment, the most recently active first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveConnections {
    /// Time of the view on CLOCK_MONOTONIC, ns; 0 before the first pass.
    pub at_ns: u64,
    /// Connections shown, at most [`SHOWN`].
    pub shown: Vec<LiveConnection>,
    /// Number of open connections that are not shown.
    pub further: u64,
}

impl LiveConnections {
    /// Keeps the most recently active of `all`; `open` is the number of connections open in the table.
    pub(crate) fn choose(at_ns: u64, mut all: Vec<LiveConnection>, open: usize) -> Self {
        let total = all.len().max(open);
        let order = |connection: &LiveConnection| {
            let idle_ns = connection.idle_ns.unwrap_or(u64::MAX);
            (idle_ns, connection.cookie)
        };
        if all.len() > SHOWN {
            all.select_nth_unstable_by_key(SHOWN, order);
            all.truncate(SHOWN);
        }
        all.sort_unstable_by_key(order);
        Self {
            at_ns,
            further: (total - all.len()) as u64,
            shown: all,
        }
    }
}
