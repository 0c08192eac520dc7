//! Counts of an origin.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustls::{HandshakeKind, ProtocolVersion};
use serde_json::{Value, json};

/// End of a connection by who caused it, as the kernel saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    /// The client's FIN came before ours.
    Client,
    /// Our FIN came first.
    Server,
    /// The connection was reset, or timed out.
    Reset,
}

impl Closer {
    /// Name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Reset => "reset",
        }
    }
}

/// Totals since the start; each grows by one per event.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections that ended.
    pub closed: AtomicU64,
    /// Responses given.
    pub requests: AtomicU64,
    /// Full TLS handshakes, those with a HelloRetryRequest included.
    pub tls_full: AtomicU64,
    /// Resumed TLS handshakes.
    pub tls_resumed: AtomicU64,
    /// Handshakes that took a HelloRetryRequest.
    pub tls_retried: AtomicU64,
    /// Handshakes that failed or were broken off.
    pub tls_failed: AtomicU64,
    /// Finished handshakes at TLS 1.2.
    pub tls_1_2: AtomicU64,
    /// Finished handshakes at TLS 1.3.
    pub tls_1_3: AtomicU64,
    /// Connections ended by the client's FIN.
    pub closed_by_client: AtomicU64,
    /// Connections ended by our FIN.
    pub closed_by_server: AtomicU64,
    /// Connections that were reset.
    pub reset: AtomicU64,
}

impl Counts {
    pub(super) fn add_handshake(
        &self,
        kind: Option<HandshakeKind>,
        version: Option<ProtocolVersion>,
    ) {
        let counter = match kind {
            Some(HandshakeKind::Resumed) => &self.tls_resumed,
            _ => &self.tls_full,
        };
        add(counter);
        if kind == Some(HandshakeKind::FullWithHelloRetryRequest) {
            add(&self.tls_retried);
        }
        match version {
            Some(ProtocolVersion::TLSv1_3) => add(&self.tls_1_3),
            _ => add(&self.tls_1_2),
        }
    }

    pub(super) fn add_close(&self, closer: Closer) {
        add(&self.closed);
        add(match closer {
            Closer::Client => &self.closed_by_client,
            Closer::Server => &self.closed_by_server,
            Closer::Reset => &self.reset,
        });
    }

    /// Gives the object that is printed at the end.
    pub fn to_json(&self) -> Value {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        json!({
            "connections": get(&self.accepted),
            "closed": get(&self.closed),
            "requests": get(&self.requests),
            "tls": {
                "full": get(&self.tls_full),
                "resumed": get(&self.tls_resumed),
                "hello_retry_requests": get(&self.tls_retried),
                "failed": get(&self.tls_failed),
                "versions": { "1.2": get(&self.tls_1_2), "1.3": get(&self.tls_1_3) },
            },
            "closed_by": {
                "client": get(&self.closed_by_client),
                "server": get(&self.closed_by_server),
                "reset": get(&self.reset),
            },
        })
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
