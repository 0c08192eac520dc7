//! Connections and requests one by one, for traces: a share of all connections, chosen by their cookies. What has ended
//! waits here until a sink takes it; the number of both the open and the ended ones is bounded.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use crate::{host::HostKey, tls::TlsVersion};

/// Limit of the followed connections that are open.
const MOST_OPEN: usize = 10_000;
/// Limit of the samples that wait.
const MOST_READY: usize = 50_000;
/// Limit of the requests of a connection that become samples.
const MOST_REQUESTS: u64 = 1000;

/// Beginning and end of a phase, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Beginning.
    pub start_ns: u64,
    /// End.
    pub end_ns: u64,
}

/// TLS handshake of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// Time that it took.
    pub times: Times,
    /// Version, if the ServerHello was seen.
    pub version: Option<TlsVersion>,
    /// True for a resumption.
    pub resumed: bool,
    /// True if the handshake failed.
    pub failed: bool,
}

/// End of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The connect failed, with a reason as in the export.
    Failed(&'static str),
    /// The connection was closed, by a side as in the export.
    Closed(&'static str),
    /// The connection is still open at the end of the trace, or its end was not seen.
    Unseen,
}

/// Connection that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Cookie of its socket.
    pub cookie: u64,
    /// Host that it leads to.
    pub host: Arc<HostKey>,
    /// Remote address.
    pub remote: SocketAddr,
    /// Process id of its owner.
    pub pid: u32,
    /// Name of its owner.
    pub comm: String,
    /// From the SYN, or from the lookup before it, to the end.
    pub times: Times,
    /// Lookup that gave its address, if it is the first connection after it.
    pub lookup: Option<Times>,
    /// Connect.
    pub connect: Times,
    /// Exchange with a proxy.
    pub tunnel: Option<Times>,
    /// TLS handshake.
    pub tls: Option<Handshake>,
    /// Number of its requests, also of those that are no samples.
    pub requests: u64,
    /// End.
    pub end: End,
}

/// Request that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Cookie of its connection's socket.
    pub cookie: u64,
    /// Host that it was sent to.
    pub host: Arc<HostKey>,
    /// First byte of the request until the end.
    pub times: Times,
    /// First byte of the response, ns; None without one, or when it is not known.
    pub first_ns: Option<u64>,
    /// True if it was not answered.
    pub failed: bool,
    /// True if it was sent over HTTP/2.
    pub http2: bool,
}

/// Something that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// A connection; it comes after its requests.
    Connection(Box<Connection>),
    /// A request.
    Request(Request),
}

/// The samples of a trace.
#[derive(Debug)]
pub struct Samples {
    share: f64,
    open: HashMap<u64, Box<Connection>>,
    ready: Vec<Sample>,
    dropped: u64,
}

impl Samples {
    /// Makes samples of this share (0 to 1) of all connections.
    pub fn new(share: f64) -> Self {
        Self {
            share,
            open: HashMap::new(),
            ready: Vec::new(),
            dropped: 0,
        }
    }

    /// True if the connection with this cookie is followed. The answer is the same in a replay.
    pub fn chooses(&self, cookie: u64) -> bool {
        // The upper bits of a product with an odd number are well mixed; cookies are consecutive.
        let mixed = cookie.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        ((mixed >> 11) as f64) < self.share * (1_u64 << 53) as f64
    }

    /// Follows a connection that is open; false if there are too many.
    pub fn open(&mut self, connection: Box<Connection>) -> bool {
        let has_room = self.open.len() < MOST_OPEN;
        if has_room {
            self.open.insert(connection.cookie, connection);
        } else {
            self.dropped += 1;
        }
        has_room
    }

    /// Connection that is open and followed.
    pub fn get_mut(&mut self, cookie: u64) -> Option<&mut Connection> {
        self.open
            .get_mut(&cookie)
            .map(|connection| &mut **connection)
    }

    /// Adds a request of a followed connection.
    pub fn request(&mut self, request: Request) {
        let Some(connection) = self.get_mut(request.cookie) else {
            return;
        };
        connection.requests += 1;
        let is_over = request.times.start_ns != 0 && request.times.end_ns != 0;
        if is_over && connection.requests <= MOST_REQUESTS {
            self.add(Sample::Request(request));
        }
    }

    /// Ends a connection.
    pub fn close(&mut self, cookie: u64, host: &Arc<HostKey>, end_ns: u64, end: End) {
        if let Some(mut connection) = self.open.remove(&cookie) {
            connection.host = Arc::clone(host);
            connection.times.end_ns = end_ns;
            connection.end = end;
            self.add(Sample::Connection(connection));
        }
    }

    /// Leaves out a connection that no filter admitted.
    pub fn forget(&mut self, cookie: u64) {
        self.open.remove(&cookie);
    }

    /// Ends all connections at the end of the trace.
    pub fn finish(&mut self, now_ns: u64) {
        for (_, mut connection) in std::mem::take(&mut self.open) {
            connection.times.end_ns = now_ns;
            self.add(Sample::Connection(connection));
        }
    }

    /// Adds a connection that was never open.
    pub fn add_failed(&mut self, connection: Box<Connection>) {
        self.add(Sample::Connection(connection));
    }

    /// Takes what has ended, and the number of samples that were dropped.
    pub fn take(&mut self) -> (Vec<Sample>, u64) {
        let dropped = std::mem::take(&mut self.dropped);
        (std::mem::take(&mut self.ready), dropped)
    }

    fn add(&mut self, sample: Sample) {
        match self.ready.len() < MOST_READY {
            true => self.ready.push(sample),
            false => self.dropped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_consecutive_cookies() {
        for (share, expected) in [
            (0.0, 0..1),
            (0.1, 900..1100),
            (0.5, 4850..5150),
            (1.0, 10_000..10_001),
        ] {
            let samples = Samples::new(share);
            let chosen = (1..=10_000)
                .filter(|cookie| samples.chooses(*cookie))
                .count();
            assert!(expected.contains(&chosen), "{share}: {chosen}");
        }
    }
}
