//! State of one open connection.

use std::{net::IpAddr, num::NonZeroU64};

use tracer_common::record::{CloseRecord, TlsRecord, TurnRecord, closer, tls};

use crate::{
    decode::Hello,
    elapsed::{Timed, elapsed},
    forward::Forwarded,
    group::{Group, Opening},
    http2::{Signs, follow::Follow, source::Source},
    live::LiveTls,
    proxy_path::ProxyPath,
    ticket::{FirstByte, round_trip},
    tls::{HelloStream, Side, TlsVersion},
};

/// Open connection.
#[derive(Debug)]
pub struct Connection {
    /// Index of the owner in the process table.
    pub process: u32,
    /// Index of the host.
    pub host: u32,
    /// Way in which the connection was opened.
    pub opening: Opening,
    /// One round trip, ns: from SYN to ESTABLISHED, or that of the handshake if it is much longer, because a proxy nearby
    /// makes the connect short. None when neither is known.
    pub round_trip_ns: Option<u64>,
    /// Time of the first byte of the ClientHello, ns, until the server has answered.
    pub hello_ns: Option<u64>,
    /// Address of the host; None when only a proxy knows it.
    pub address: Option<IpAddr>,
    /// Port of the host; 0 when only a proxy knows it.
    pub port: u16,
    /// Network namespace.
    pub netns: u32,
    /// True if the connection is counted in the groups. With a host filter that waits until the host is known.
    pub counted: bool,
    /// Proxies on the way to the host; None without any.
    pub path: Option<Box<ProxyPath>>,
    /// Hellos being reassembled; None once the handshake is over.
    pub hello: Option<Box<HelloStream>>,
    /// True if a handshake was reported; a second report then does not count as another handshake.
    pub handshake_over: bool,
    /// Properties that the handshake agreed on.
    pub tls: Option<LiveTls>,
    /// First turn that may still turn out to be the preface of HTTP/2. A server sends its SETTINGS without a request,
    /// and only the client's acknowledgement shows that this is HTTP/2.
    pub held_turn: Option<(TurnRecord, FirstByte)>,
    /// Requests to a forward proxy, if the connection leads to one.
    pub forwarded: Option<Box<Forwarded>>,
    /// Turns that were counted, and that the next records may show to be no requests.
    pub doubtful: Vec<(TurnRecord, FirstByte)>,
    /// Last turn of the connection, if there was one.
    pub last_turn: Option<LastTurn>,
    /// Time from the last byte of the last response to its last read, if the application was slow, microseconds.
    pub read_late_us: u32,
    /// Set if the connection carried a request before the figures began, but none that they count. The next request
    /// then counts it as a connection with requests, in these rows.
    pub recount: Option<Recount>,
    /// Number of listings in a row that have missed the socket.
    pub missed: u8,
    /// True if the client offers HTTP/2 (ALPN `h2`, RFC 7301) and the server has not chosen another protocol.
    pub offers_h2: bool,
    /// True if the connection speaks HTTP/2, false if it speaks another protocol; None while that is not known.
    pub http2: Option<bool>,
    /// Signs of HTTP/2 in the first turn, for a connection of which the handshake does not tell.
    pub signs: Signs,
    /// True if the first request, in clear, asks to go on with HTTP/2 (`Upgrade: h2c`).
    pub asks_h2c: bool,
    /// True if the first request, in clear, asks for compression, false if not; None while that is not known.
    pub asks_compression: Option<bool>,
    /// True if the first request, in clear, asks for the head of its response only.
    pub heads_only: bool,
    /// True if a response has said that the server will close the connection.
    pub server_closes: bool,
    /// Number of bytes of the server up to the end of its first response, in clear; None while that is not known.
    pub first_response: Option<u64>,
    /// Streams of a connection that speaks HTTP/2 or may speak it, once something was seen of them.
    pub follow: Option<Box<Follow>>,
    /// Cookie of the connection, if it is followed for traces.
    pub sampled: Option<NonZeroU64>,
}

/// Rows in which a connection counts as one with requests once it carries the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recount {
    /// The totals, the process and the host.
    Everywhere,
    /// The process and the host; the totals count it already.
    InRows,
}

/// Progress of a connection's last turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTurn {
    /// Time of the first byte of the request, ns.
    pub start_ns: u64,
    /// Time of the last byte of the response, ns; 0 when none came.
    pub last_ns: u64,
    /// Number of the turn on its connection, counted from 1.
    pub number: u32,
    /// True if the turn was part of HTTP/2 and not a request.
    pub is_h2: bool,
}

/// Nanoseconds in a microsecond.
const NS_IN_US: u64 = 1000;

impl LastTurn {
    /// Last turn according to a record.
    pub fn of(record: &TurnRecord, is_h2: bool) -> Self {
        Self {
            start_ns: record.start_ns,
            last_ns: record.last_ns,
            number: record.number,
            is_h2,
        }
    }

    /// Counts what the end of the connection shows about its last turn. `read_late_us`: time from the last byte of its
    /// response to the last read, microseconds.
    /// `first_response`: number of bytes up to the end of the first response, if it is known.
    pub fn apply(
        self,
        read_late_us: u32,
        first_response: Option<u64>,
        close: &CloseRecord,
        group: &mut Group,
    ) {
        if self.is_h2 {
            return;
        }
        let by_client = matches!(close.closer, closer::CLIENT | closer::CLIENT_RESET);
        let is_first = self.number == 1 && self.last_ns != 0;
        let is_cut = is_first && first_response.is_some_and(|whole| close.bytes_received < whole);
        if by_client && is_cut {
            group.requests.cut_short += 1;
            let age = Timed::between(self.start_ns, close.closing_ns);
            group.phases.aborted.record(age.known_ns().unwrap_or(0));
        } else if self.last_ns != 0 {
            // A response that went on when the process had closed its end left no time to be idle.
            let over_ns = self
                .last_ns
                .saturating_add(u64::from(read_late_us) * NS_IN_US);
            let idle = Timed::between(over_ns, close.closing_ns);
            let idle_ns = idle.known_ns().unwrap_or(0);
            group.phases.idle_at_close.record(idle_ns);
            if matches!(close.closer, closer::SERVER | closer::SERVER_RESET) {
                group.phases.idle_at_server_close.record(idle_ns);
            }
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

/// Result of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The handshake is complete.
    Done {
        /// True for a resumption by a ticket, a session id or an external PSK.
        resumed: bool,
        /// Version, if the ServerHello was seen.
        version: Option<TlsVersion>,
        /// True after a HelloRetryRequest.
        retried: bool,
        /// Time from the first byte of the ClientHello to the end.
        took: Timed,
    },
    /// The handshake failed: an alert, a close, or an answer that is not TLS.
    Failed,
    /// The handshake was not seen completely.
    Unknown,
    /// There was no handshake.
    NotTls,
}

impl Handshake {
    /// Combines the flow of records (from the kernel) with the hellos (read in user space).
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

    /// Session that the handshake agreed on, when it is complete.
    pub fn session(self) -> Option<LiveTls> {
        match self {
            Self::Done {
                resumed, version, ..
            } => Some(LiveTls { version, resumed }),
            _ => None,
        }
    }

    /// Counts the handshake in a group.
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
    /// Takes bytes that the client sends to get a tunnel. Only the answer tells whether the other side is a proxy.
    pub fn ask_proxy(&mut self, offset: u32, bytes: &[u8]) {
        let path = self.path.get_or_insert_default();
        if offset == 0 {
            // The end of an exchange before this one may have been lost.
            path.exchange = None;
        }
        path.exchange.get_or_insert_default().push(offset, bytes);
    }

    /// Forgets what was known of the stream, because another one begins inside of it.
    pub fn begin_anew(&mut self) {
        self.hello = None;
        self.handshake_over = false;
        self.tls = None;
        self.offers_h2 = false;
        self.http2 = None;
        self.signs = Signs::default();
        self.asks_h2c = false;
        self.asks_compression = None;
        self.heads_only = false;
        self.server_closes = false;
        self.first_response = None;
        self.follow = None;
        self.round_trip_ns = None;
        self.hello_ns = None;
    }

    /// True if TLS records of the connection may be those of HTTP/2.
    pub fn may_follow_http2(&self) -> bool {
        self.http2 != Some(false) && !self.opening.content.has_no_requests()
    }

    /// True if something is known of its requests over HTTP/2, so that its turns stand for nothing.
    pub fn tells_streams(&self) -> bool {
        !matches!(self.opening.content.source, Source::None(_))
    }

    /// Indices of the proxies on the way to the host.
    pub fn proxies(&self) -> &[u32] {
        self.path.as_ref().map_or(&[], |path| &path.proxies)
    }

    /// Index of the proxy that was asked last.
    pub fn proxy(&self) -> Option<u32> {
        self.path.as_ref()?.proxy()
    }

    /// True if the connection has led to a proxy that did not make a tunnel, and to nothing else.
    pub fn was_refused(&self) -> bool {
        let path = self.path.as_ref();
        path.is_some_and(|path| path.was_refused && path.opened_by.is_empty())
    }

    /// Takes captured bytes. Returns true for the first bytes of a ClientHello.
    pub fn take_hello(&mut self, captured: &Hello<'_>) -> bool {
        let side = captured.side;
        let is_again = side == Side::Client && captured.offset == 0 && begins_hello(captured.bytes);
        if self.handshake_over && !is_again {
            return false;
        }
        // A handshake may begin behind bytes in clear.
        self.handshake_over = false;
        let begins = self.hello.is_none() && side == Side::Client;
        if begins {
            self.hello_ns = Some(captured.time_ns);
        } else if side == Side::Server
            && let Some(sent_ns) = self.hello_ns.take()
            && let Some(hello_ns) = elapsed(captured.time_ns, sent_ns)
        {
            self.round_trip_ns = Some(round_trip(self.round_trip_ns, hello_ns));
        }
        let hello = self.hello.get_or_insert_default();
        hello.push(side, captured.offset, captured.bytes);
        begins
    }

    /// Notes whether HTTP/2 is used, or may be used, as far as the handshake shows it.
    pub fn note_protocol(&mut self) {
        let Some(hello) = &self.hello else { return };
        let offered = hello
            .client_hello()
            .is_some_and(|client| client.alpn.iter().any(|name| name == b"h2"));
        self.http2 = hello.is_http2();
        self.offers_h2 = offered && self.http2 != Some(false);
    }

    /// Server name, once the ClientHello is complete.
    pub fn server_name(&self) -> Option<String> {
        let hello = self.hello.as_ref()?.client_hello()?;
        let name = hello.sni.as_ref().map(|name| name.canonical());
        name.filter(|name| !name.is_empty())
    }
}

/// True for the header of a record with a ClientHello (RFC 8446 5.1, 4.1.2).
fn begins_hello(bytes: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    matches!(bytes, [HANDSHAKE, 3, _, _, _, CLIENT_HELLO, ..])
}
