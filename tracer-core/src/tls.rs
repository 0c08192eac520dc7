//! Reads TLS hellos from the raw first bytes of each direction of a TCP stream.
//!
//! The kernel hands over fragments: in any order, overlapping, repeated, cut short. [`HelloStream`] reassembles the
//! contiguous prefix of each direction (at most [`CAPACITY_BYTES`]), reads the record layer (RFC 8446 5.1) and the
//! handshake layer (RFC 8446 4) over it, and answers as soon as it can: the first ClientHello, and the ServerHello that
//! is valid (the one after a HelloRetryRequest, if there was one).
//!
//! The module never reads encrypted data. Bytes from the wire are hostile: no input causes a panic, and the memory per
//! direction never exceeds the limit plus [`MAX_ISLANDS`] ranges. The buffer is freed with the answer.

mod choice;
mod client;
mod extension;
mod record;
mod server;
mod session_id;
#[cfg(test)]
mod tests;
mod version;

pub use crate::reassembly::{CAPACITY_BYTES, MAX_ISLANDS};
pub use client::{ClientHello, MAX_SERVER_NAME_BYTES, ServerName};
pub use extension::MAX_ALPN_PROTOCOLS;
pub use record::Malformed;
pub use server::ServerHello;
pub use version::TlsVersion;

use crate::reassembly::Reassembly;
use record::{Item, Records};

/// Side of a connection that sends one of its two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Client: the traced process.
    Client,
    /// Server: the peer.
    Server,
}

/// Progress of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HelloState {
    /// More bytes are needed.
    #[default]
    Incomplete,
    /// The hello is known completely; later bytes are ignored.
    Complete,
    /// The first bytes are not a TLS record with a hello (SSLv2-style hellos included).
    NotTls,
    /// An alert came instead of the hello (RFC 8446 6).
    Alert {
        /// Level of the alert: 1 is a warning, 2 is fatal.
        level: u8,
        /// AlertDescription, for example 40 = handshake_failure.
        description: u8,
    },
    /// The stream began as TLS, then broke its rules.
    Malformed(Malformed),
    /// The stream is TLS, but the hello exceeds the limit or was not captured to its end.
    Truncated,
}

/// Hellos of both directions of one connection.
#[derive(Debug, Default)]
pub struct HelloStream {
    client: Direction,
    server: Direction,
    client_hello: Option<ClientHello>,
    server_hello: Option<ServerHello>,
    /// Length of the server's first encrypted record.
    encrypted: Encrypted,
}

/// Length of the record that follows the ServerHello of TLS 1.3.
#[derive(Debug, Default, Clone, Copy)]
enum Encrypted {
    /// The ServerHello is not known, or names a version without such a record.
    #[default]
    NotWanted,
    /// The header has not come yet.
    Missing,
    /// Length without the header.
    Length(u16),
}

impl HelloStream {
    /// Makes an empty stream, which allocates no memory before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes captured bytes of one direction. `stream_offset` counts from the first byte after the SYN. Where fragments
    /// overlap, the first one is kept; bytes beyond the limit are ignored.
    pub fn push(&mut self, side: Side, stream_offset: u32, bytes: &[u8]) {
        let wanted = side == Side::Server && matches!(self.encrypted, Encrypted::Missing);
        let direction = self.direction(side);
        if direction.state != HelloState::Incomplete && !wanted {
            return;
        }
        direction.stream.insert(stream_offset, bytes);
        self.advance(side);
    }

    /// True if the handshake chose HTTP/2, false if it chose another protocol or none; None when that is not known.
    pub fn is_http2(&self) -> Option<bool> {
        let encrypted = match self.encrypted {
            Encrypted::Length(length) => Some(length),
            _ => None,
        };
        choice::is_http2(self.client_hello(), self.server_hello(), encrypted)
    }

    /// Ends a direction: an incomplete hello becomes [`HelloState::Truncated`], and the readable part of it is kept,
    /// marked `partial`.
    pub fn close(&mut self, side: Side) {
        if self.direction(side).state == HelloState::Incomplete {
            self.truncate(side);
            self.compare_session_ids();
        }
    }

    /// First ClientHello, once known (complete, or `partial` after truncation).
    pub fn client_hello(&self) -> Option<&ClientHello> {
        self.client_hello.as_ref()
    }

    /// Last ServerHello so far. While [`HelloStream::state`] is `Incomplete` this is a HelloRetryRequest, and the real
    /// one is still to come.
    pub fn server_hello(&self) -> Option<&ServerHello> {
        self.server_hello.as_ref()
    }

    /// Progress of a direction.
    pub fn state(&self, side: Side) -> HelloState {
        match side {
            Side::Client => self.client.state,
            Side::Server => self.server.state,
        }
    }

    /// Bytes of heap memory used for reassembly, both directions together.
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
        if side == Side::Server {
            self.look_behind_hello();
        }
        if !matches!(self.encrypted, Encrypted::Missing) || side == Side::Client {
            self.direction(side).release_when_done();
        }
        self.compare_session_ids();
    }

    /// Looks for the record that follows a complete ServerHello of TLS 1.3.
    fn look_behind_hello(&mut self) {
        let is_13 = |hello: &ServerHello| hello.version == TlsVersion::TLS_1_3;
        let direction = &self.server;
        if direction.state != HelloState::Complete
            || !self.server_hello.as_ref().is_some_and(is_13)
            || matches!(self.encrypted, Encrypted::Length(_))
        {
            return;
        }
        self.encrypted = match direction.records.first_encrypted(&direction.stream) {
            Ok(length) => Encrypted::Length(length),
            Err(true) => Encrypted::Missing,
            Err(false) => Encrypted::NotWanted,
        };
    }

    /// Reads one complete handshake message and returns the new state of its direction.
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

    /// Keeps the readable part of a hello that will not be completed.
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

/// Reassembly, record layer and state of one direction.
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

    /// True if the limit is reached and the hello is still not complete.
    fn is_stuck(&self) -> bool {
        self.state == HelloState::Incomplete && self.stream.is_full()
    }

    fn release_when_done(&mut self) {
        if self.state != HelloState::Incomplete {
            self.stream = Reassembly::default();
        }
    }
}
