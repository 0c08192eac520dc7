//! What is known of one open connection.

use std::net::IpAddr;

use tracer_common::record::{CloseRecord, TlsRecord, TurnRecord, closer, tls};

use crate::{
    elapsed::Timed,
    group::{Group, Opening},
    live::LiveTls,
    ticket::FirstByte,
    tls::{HelloStream, Side, TlsVersion},
};

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// Index of the owner in the process table.
    pub process: u32,
    /// Index of the host.
    pub host: u32,
    /// How it was opened.
    pub opening: Opening,
    /// SYN to ESTABLISHED, ns: a round trip. None when adopted.
    pub round_trip_ns: Option<u64>,
    /// Remote address.
    pub address: IpAddr,
    /// Remote port.
    pub port: u16,
    /// Network namespace.
    pub netns: u32,
    /// Counted in the groups already. With a host filter that waits until the host is known.
    pub counted: bool,
    /// Hellos being put together; None once the handshake is over.
    pub hello: Option<Box<HelloStream>>,
    /// A handshake was reported; a second report is none of its own.
    pub handshake_over: bool,
    /// What the handshake agreed on.
    pub tls: Option<LiveTls>,
    /// A first turn that may still turn out to be the preface of HTTP/2: a server sends its SETTINGS unasked,
    /// and only the client's acknowledgement tells.
    pub held_turn: Option<(TurnRecord, FirstByte)>,
    /// The turn at the end of the connection, when there was one.
    pub last_turn: Option<LastTurn>,
    /// It carried a request before the figures began, and none that they count: the next one makes it a connection that
    /// carried one.
    pub recount: Option<Recount>,
    /// So many looks at the listings in a row have missed its socket.
    pub missed: u8,
    /// The client offers HTTP/2 (ALPN `h2`, RFC 7301), and the server has not chosen another protocol.
    pub offers_h2: bool,
}

/// Where a connection counts as one that carried a request once it carries the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recount {
    /// In the totals, for its process and for its host.
    Everywhere,
    /// For its process and for its host: the totals count it.
    InRows,
}

/// How far the last turn of a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTurn {
    /// First byte of the request, ns.
    pub start_ns: u64,
    /// Last byte of the response, ns; 0 when none came.
    pub last_ns: u64,
    /// Which one of the connection it was, from 1.
    pub number: u32,
    /// It was one of HTTP/2, and no request.
    pub is_h2: bool,
}

impl LastTurn {
    /// That of a record.
    pub fn of(record: &TurnRecord, is_h2: bool) -> Self {
        Self {
            start_ns: record.start_ns,
            last_ns: record.last_ns,
            number: record.number,
            is_h2,
        }
    }

    /// Counts what the end of the connection says of it.
    pub fn apply(self, close: &CloseRecord, group: &mut Group) {
        if self.is_h2 {
            return;
        }
        let by_client = matches!(close.closer, closer::CLIENT | closer::CLIENT_RESET);
        if self.last_ns != 0 {
            // A response that went on when the process had closed its end left no time to be idle.
            let idle = Timed::between(self.last_ns, close.closing_ns);
            let idle_ns = idle.known_ns().unwrap_or(0);
            group.phases.idle_at_close.record(idle_ns);
        } else if by_client {
            group.requests.aborted += 1;
            // A request may leave after the process has closed its end: then it was given up at once.
            let age = Timed::between(self.start_ns, close.closing_ns);
            group.phases.aborted.record(age.known_ns().unwrap_or(0));
        } else if self.number > 1 && matches!(close.closer, closer::SERVER | closer::SERVER_RESET) {
            group.requests.stale += 1;
        }
    }
}

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// Done.
    Done {
        /// By a ticket, a session id or an external PSK.
        resumed: bool,
        /// Version, when the ServerHello was seen.
        version: Option<TlsVersion>,
        /// After a HelloRetryRequest.
        retried: bool,
        /// First byte of the ClientHello to the end.
        took: Timed,
    },
    /// Alert, close or no TLS in the answer.
    Failed,
    /// Not seen whole.
    Unknown,
    /// There was none.
    NotTls,
}

impl Handshake {
    /// Joins the record flow (kernel) with the hellos (user space).
    pub fn of(record: &TlsRecord, hello: Option<&HelloStream>) -> Self {
        match record.outcome {
            tls::DONE => Self::done(record, hello),
            tls::ALERT | tls::CLOSED | tls::NO_TLS_ANSWER => Self::Failed,
            tls::NOT_TLS => Self::NotTls,
            _ => Self::Unknown,
        }
    }

    fn done(record: &TlsRecord, hello: Option<&HelloStream>) -> Self {
        let server = hello.and_then(HelloStream::server_hello);
        let flow_is_13 = record.flow == tls::FLOW_13;
        let resumed = match server {
            Some(server) if (server.version == TlsVersion::TLS_1_3) != flow_is_13 => None,
            Some(server) if flow_is_13 => Some(server.psk_accepted),
            None if flow_is_13 => None,
            _ => Some(record.resumed == 1),
        };
        let Some(resumed) = resumed else {
            return Self::Unknown;
        };
        Self::Done {
            resumed,
            version: server.map(|server| server.version),
            retried: server.is_some_and(|server| server.hello_retry_request),
            took: Timed::told(record.duration_ns, record.start_ns, record.header.time_ns),
        }
    }

    /// What it agreed on, when it is done.
    pub fn session(self) -> Option<LiveTls> {
        match self {
            Self::Done {
                resumed, version, ..
            } => Some(LiveTls { version, resumed }),
            _ => None,
        }
    }

    /// Counts it.
    pub fn apply(self, group: &mut Group) {
        match self {
            Self::Done {
                resumed,
                version,
                retried,
                took,
            } => {
                group.tls.versions.count(version);
                group.tls.hello_retry_requests += u64::from(retried);
                if resumed {
                    group.tls.resumed += 1;
                    group.time(|phases| &mut phases.tls_resumed, took);
                } else {
                    group.tls.full += 1;
                    group.time(|phases| &mut phases.tls, took);
                }
            }
            Self::Failed => group.tls.failed += 1,
            Self::Unknown => group.tls.unknown += 1,
            Self::NotTls => group.tls.not_tls += 1,
        }
    }
}

impl Connection {
    /// Takes captured bytes. True when they were the first of a ClientHello.
    pub fn take_hello(&mut self, side: Side, offset: u32, bytes: &[u8]) -> bool {
        if self.handshake_over {
            return false;
        }
        let begins = self.hello.is_none() && side == Side::Client;
        self.hello.get_or_insert_default().push(side, offset, bytes);
        begins
    }

    /// HTTP/2 may be spoken, as far as the hellos tell. The choice of TLS 1.3 is encrypted.
    pub fn note_protocol(&mut self) {
        let Some(hello) = &self.hello else { return };
        let offered = hello
            .client_hello()
            .is_some_and(|client| client.alpn.iter().any(|name| name == b"h2"));
        let chosen = hello
            .server_hello()
            .and_then(|server| server.alpn.as_deref());
        self.offers_h2 = offered && chosen.is_none_or(|name| name == b"h2");
    }

    /// The server name, once the ClientHello is whole.
    pub fn server_name(&self) -> Option<String> {
        let hello = self.hello.as_ref()?.client_hello()?;
        hello.sni.as_ref().map(|name| name.sanitized())
    }
}
