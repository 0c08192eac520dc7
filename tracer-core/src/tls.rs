//! TLS hellos, read from the raw leading bytes of each direction of a TCP stream.
//!
//! The kernel hands over fragments: in any order, overlapping, repeated, cut short. [`HelloStream`] puts
//! each direction's contiguous prefix together (at most [`CAPACITY_BYTES`]), reads the record layer
//! (RFC 8446 5.1) and the handshake layer (RFC 8446 4) over it, and answers as soon as it can: the first
//! ClientHello, and the ServerHello that counts (the one after a HelloRetryRequest, if there was one).
//!
//! Nothing here reads encrypted data, and bytes from the wire are hostile: no input panics, and memory
//! per direction never exceeds the cap plus [`MAX_ISLANDS`] ranges. The buffer is freed with the answer.

mod client;
mod cursor;
mod reassembly;
mod record;
mod server;
#[cfg(test)]
mod tests;
mod version;

pub use client::{ClientHello, MAX_ALPN_PROTOCOLS, MAX_SERVER_NAME_BYTES, ServerName};
pub use reassembly::{CAPACITY_BYTES, MAX_ISLANDS};
pub use record::Malformed;
pub use server::ServerHello;
pub use version::TlsVersion;

use reassembly::Reassembly;
use record::{Item, Records};

/// One of the two directions of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Bytes the traced process sent.
    Client,
    /// Bytes the peer sent.
    Server,
}

/// How far one direction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HelloState {
    /// More bytes are needed.
    #[default]
    Incomplete,
    /// The hello is known in full; later bytes are ignored.
    Complete,
    /// The first bytes are no TLS record with a hello (SSLv2-style hellos included).
    NotTls,
    /// An alert came instead of the hello (RFC 8446 6).
    Alert {
        /// 1 is a warning, 2 is fatal.
        level: u8,
        /// AlertDescription, for example 40 = handshake_failure.
        description: u8,
    },
    /// It began as TLS, then broke its rules.
    Malformed(Malformed),
    /// It is TLS, but the hello does not fit the cap or was not captured to its end.
    Truncated,
}

/// Both directions of one connection.
#[derive(Debug, Default)]
pub struct HelloStream {
    client: Direction,
    server: Direction,
    client_hello: Option<ClientHello>,
    server_hello: Option<ServerHello>,
}

impl HelloStream {
    /// An empty stream; allocates nothing before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes captured bytes of one direction. `stream_offset` counts from the first byte after the SYN.
    /// Where fragments overlap the first one seen wins; bytes beyond the cap are ignored.
    pub fn push(&mut self, side: Side, stream_offset: u32, bytes: &[u8]) {
        let direction = self.direction(side);
        if direction.state != HelloState::Incomplete {
            return;
        }
        direction.stream.insert(stream_offset, bytes);
        self.advance(side);
    }

    /// Says that nothing more of this direction will come: an incomplete hello becomes
    /// [`HelloState::Truncated`], and what can be read of it is given, marked `partial`.
    pub fn close(&mut self, side: Side) {
        if self.direction(side).state == HelloState::Incomplete {
            self.truncate(side);
            self.compare_session_ids();
        }
    }

    /// The first ClientHello, once known (in full, or `partial` after truncation).
    pub fn client_hello(&self) -> Option<&ClientHello> {
        self.client_hello.as_ref()
    }

    /// The last ServerHello so far. While [`HelloStream::state`] is `Incomplete` it is a HelloRetryRequest
    /// and the real one is still to come.
    pub fn server_hello(&self) -> Option<&ServerHello> {
        self.server_hello.as_ref()
    }

    /// How far a direction has come.
    pub fn state(&self, side: Side) -> HelloState {
        match side {
            Side::Client => self.client.state,
            Side::Server => self.server.state,
        }
    }

    /// Bytes of heap held for reassembly, both directions.
    pub fn buffered_bytes(&self) -> usize {
        self.client.stream.allocated_bytes() + self.server.stream.allocated_bytes()
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn advance(&mut self, side: Side) {
        while self.direction(side).state == HelloState::Incomplete {
            let next = match self.direction(side).next_item(side) {
                Item::More => break,
                Item::Ended(state) => state,
                Item::Message { kind, body } => self.accept(side, kind, body),
            };
            self.direction(side).state = next;
        }
        if self.direction(side).is_stuck() {
            self.truncate(side);
        }
        self.direction(side).release_when_done();
        self.compare_session_ids();
    }

    /// Reads one whole handshake message and tells where that leaves its direction.
    fn accept(&mut self, side: Side, kind: u8, body: std::ops::Range<usize>) -> HelloState {
        let bytes = &self.direction(side).stream.bytes()[body];
        let outcome = match (side, kind) {
            (Side::Client, record::CLIENT_HELLO) => ClientHello::parse(bytes).map(|hello| {
                self.client_hello = Some(hello);
                HelloState::Complete
            }),
            (Side::Server, record::SERVER_HELLO) => {
                ServerHello::parse(bytes).map(|hello| self.accept_server(hello))
            }
            _ => Err(Malformed::UnexpectedMessage { kind }),
        };
        outcome.unwrap_or_else(HelloState::Malformed)
    }

    fn accept_server(&mut self, mut hello: ServerHello) -> HelloState {
        let retried = self.server_hello.is_some();
        let is_retry = hello.hello_retry_request;
        hello.hello_retry_request |= retried;
        self.server_hello = Some(hello);
        match (is_retry, retried) {
            (true, true) => HelloState::Malformed(Malformed::SecondRetryRequest),
            (true, false) => HelloState::Incomplete,
            (false, _) => HelloState::Complete,
        }
    }

    /// Keeps what can be read of a hello whose end will never come.
    fn truncate(&mut self, side: Side) {
        let direction = self.direction(side);
        direction.state = HelloState::Truncated;
        let partial = direction.records.partial_message(&direction.stream);
        let bytes = direction.stream.bytes();
        match (side, partial) {
            (Side::Client, Some((record::CLIENT_HELLO, body))) => {
                self.client_hello = ClientHello::parse_partial(&bytes[body]);
            }
            (Side::Server, Some((record::SERVER_HELLO, body))) => {
                if let Some(hello) = ServerHello::parse_partial(&bytes[body]) {
                    self.accept_server(hello);
                }
            }
            _ => {}
        }
        self.direction(side).release_when_done();
    }

    fn compare_session_ids(&mut self) {
        if let (Some(client), Some(server)) = (&self.client_hello, &mut self.server_hello) {
            server.compare_session_id(client);
        }
    }
}

/// Reassembly, record layer and verdict of one direction.
#[derive(Debug, Default)]
struct Direction {
    stream: Reassembly,
    records: Records,
    state: HelloState,
}

impl Direction {
    fn next_item(&mut self, side: Side) -> Item {
        self.records.next_item(&mut self.stream, side)
    }

    /// The cap is reached and the hello still not complete.
    fn is_stuck(&self) -> bool {
        self.state == HelloState::Incomplete && self.stream.is_full()
    }

    fn release_when_done(&mut self) {
        if self.state != HelloState::Incomplete {
            self.stream = Reassembly::default();
        }
    }
}
