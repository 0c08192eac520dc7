//! Open connections one by one, as they were at the last look.

use std::{net::SocketAddr, sync::Arc};

use crate::{host::HostKey, tls::TlsVersion};

/// Connections in one view at most.
pub const SHOWN: usize = 2000;
/// Bytes taken of a pass made only to look: some 60,000 sockets.
pub const WATCH_BYTES: usize = 8 << 20;

/// What TCP itself knows of a socket's traffic (`struct tcp_info`, include/uapi/linux/tcp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Smoothed round-trip time, ns; 0 before the first measurement.
    pub rtt_ns: u64,
    /// Since payload was last sent, ns, to the millisecond.
    pub sent_ago_ns: u64,
    /// Since payload was last received, ns, likewise.
    pub received_ago_ns: u64,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LiveState {
    /// SYN sent, no answer yet.
    Connecting,
    /// A TLS handshake is under way.
    Handshake,
    /// The last request is not answered yet.
    InFlight,
    /// Nothing is waited for.
    Idle,
    /// The server has closed, this side has not (CLOSE_WAIT).
    HalfClosed,
    /// This side has closed.
    Closing,
}

impl LiveState {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Handshake => "tls handshake",
            Self::InFlight => "in flight",
            Self::Idle => "idle",
            Self::HalfClosed => "half-closed",
            Self::Closing => "closing",
        }
    }
}

/// The TLS session of a connection whose handshake is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveTls {
    /// Version; None when the ServerHello was not seen.
    pub version: Option<TlsVersion>,
    /// By a ticket, a session id or an external PSK.
    pub resumed: bool,
}

/// One open connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConnection {
    /// Socket cookie.
    pub cookie: u64,
    /// Process that owns it.
    pub pid: u32,
    /// Name of the process, raw: may hold control characters.
    pub comm: Box<str>,
    /// Host and port it leads to.
    pub host: Arc<HostKey>,
    /// This side.
    pub local: SocketAddr,
    /// The other side.
    pub remote: SocketAddr,
    /// What it is doing.
    pub state: LiveState,
    /// Since it was established (while connecting: since the SYN), ns; None when open before tracing began.
    pub age_ns: Option<u64>,
    /// Since payload last went either way, ns; None when not known.
    pub idle_ns: Option<u64>,
    /// Requests so far; of an adopted connection, since tracing began.
    pub turns: u32,
    /// Smoothed round-trip time, ns; None before the first measurement.
    pub rtt_ns: Option<u64>,
    /// TLS session; None without one, or when not known.
    pub tls: Option<LiveTls>,
    /// Open before tracing began.
    pub adopted: bool,
}

/// Open connections at one moment, most recently active first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveConnections {
    /// When, CLOCK_MONOTONIC, ns; 0 when nobody has looked yet.
    pub at_ns: u64,
    /// At most [`SHOWN`].
    pub shown: Vec<LiveConnection>,
    /// Open connections beyond those.
    pub further: u64,
}

impl LiveConnections {
    /// Keeps the most recently active of `all`; `open` are known to be open in the table.
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
