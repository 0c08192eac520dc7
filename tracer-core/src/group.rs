//! Figures of a group of connections: all connections, or those of a process or a host.

mod failures;
pub mod http2;
pub mod per_connection;
pub mod responses;
mod since;
pub mod tunnels;

use tracer_common::{
    dns::{PORT, PORT_TLS},
    errno::{ECONNREFUSED, ECONNRESET, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH, ETIMEDOUT},
    record::{CloseRecord, Segments, closer, turn},
};

use crate::{
    dns::counts::Dns,
    elapsed::{Timed, elapsed},
    http2::source::{Because, Source},
    in_flight::InFlight,
    latency::Latency,
    phase::Phases,
    timeline::Timeline,
    tls::TlsVersion,
    unknown::{RequestsUnknown, Unknown},
};
use http2::Http2;
use per_connection::PerConnection;
use responses::Responses;
use tunnels::Tunnels;

/// Figures of one group of connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Counts of connections.
    pub connections: Connections,
    /// Counts of requests.
    pub requests: Requests,
    /// Counts of responses in clear whose heads were read.
    pub responses: Responses,
    /// Counts of what speaks HTTP/2.
    pub http2: Http2,
    /// Counts of tunnels through proxies.
    pub tunnels: Tunnels,
    /// Counts of TLS handshakes.
    pub tls: Tls,
    /// Counts of DNS lookups.
    pub dns: Dns,
    /// TCP counters.
    pub tcp: Tcp,
    /// Durations of phases.
    pub phases: Phases,
    /// Durations that are missing there, because their end has an earlier time than their beginning.
    pub negative_durations: u64,
}

/// Counts of connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connects that began.
    pub opened: u64,
    /// Connects that succeeded.
    pub established: u64,
    /// Connections that were open before tracing began.
    pub adopted: u64,
    /// Connections found open whose connect no record reported.
    pub opens_lost: u64,
    /// Connections that are no longer open although no record reported the close.
    pub closes_lost: u64,
    /// Connections to name servers, which carry lookups and no requests.
    pub dns: u64,
    /// Connections to name servers of which the lookups are not known; also counted in `dns`.
    pub dns_unread: u64,
    /// Connections whose packets are not watched, because the process has left its cgroup: their handshakes, requests
    /// and lookups are not seen.
    pub unwatched: u64,
    /// Connections whose client began with bytes that are neither TLS nor HTTP: another protocol, without requests.
    pub other_protocol: u64,
    /// Connections whose server switched protocols (101): what follows is no HTTP.
    pub upgraded: u64,
    /// Connections over TLS whose client sends messages that are never answered, by design: no requests.
    pub one_way: u64,
    /// Connections whose requests are not known, or not all of them.
    pub requests_unknown: RequestsUnknown,
    /// Connections that speak HTTP/2.
    pub http2: u64,
    /// Connections whose first request, in clear, asks the server to close.
    pub asks_close: u64,
    /// Connections of which a response, in clear, says that the server will close.
    pub server_asks_close: u64,
    /// Connects under way at the last pass over the sockets.
    pub connecting_now: u64,
    /// Connections that are established, adopted or found, and not closed.
    pub open_now: u64,
    /// Highest number of connections open at once.
    pub peak_open: u64,
    /// Connects that failed, by reason.
    pub failed: Failed,
    /// Connects that the client itself gave up; also counted in `failed.other`.
    pub aborted_connects: u64,
    /// Connects that sent nothing: no local port was free (EADDRNOTAVAIL), or no route; also counted in
    /// `failed.other`.
    pub not_sent: u64,
    /// Connections closed by the server and not by the client (CLOSE_WAIT), at the last pass over the sockets.
    pub half_closed_now: u64,
    /// Connections that have been in CLOSE_WAIT for a while, at the last listing of the sockets.
    pub close_wait_now: u64,
    /// Highest such number at any listing.
    pub close_wait_peak: u64,
    /// Open connections that were used and wait for the next request, at the last pass over the sockets.
    pub idle_now: u64,
    /// Open connections without a request so far, at the last pass over the sockets.
    pub unused_now: u64,
    /// Connections closed without a request.
    pub never_used: u64,
    /// Closed connections by the side that ended them.
    pub closed_by: ClosedBy,
    /// Connections that the figures of an earlier window have counted as under way.
    pub carried: Carried,
}

/// Connections under way at the beginning of a window: the window before has counted them. All zero for a whole trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Connects under way.
    pub connecting: u64,
    /// Open connections without a request.
    pub unused: u64,
}

/// Failed connects by reason, from `sk_err`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failed {
    /// Connects refused with ECONNREFUSED.
    pub refused: u64,
    /// Connects that failed with ETIMEDOUT.
    pub timed_out: u64,
    /// Connects that failed with ECONNRESET.
    pub reset: u64,
    /// Connects that failed with EHOSTUNREACH, ENETUNREACH or a similar error.
    pub unreachable: u64,
    /// Connects that failed otherwise, also those that the client gave up or for which no packet was sent.
    pub other: u64,
}

impl Failed {
    /// Number of failed connects for all reasons.
    pub fn total(&self) -> u64 {
        self.refused + self.timed_out + self.reset + self.unreachable + self.other
    }

    fn slot(&mut self, error: u32) -> &mut u64 {
        match error {
            ECONNREFUSED => &mut self.refused,
            ETIMEDOUT => &mut self.timed_out,
            ECONNRESET => &mut self.reset,
            ENETDOWN | ENETUNREACH | EHOSTDOWN | EHOSTUNREACH => &mut self.unreachable,
            _ => &mut self.other,
        }
    }
}

/// Closed connections by the sender of the first FIN, or of the RST that came without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClosedBy {
    /// Connections closed by the client's FIN.
    pub client: u64,
    /// Connections closed by the server's FIN.
    pub server: u64,
    /// Connections closed by the client's RST.
    pub client_reset: u64,
    /// Connections closed by the server's RST.
    pub server_reset: u64,
    /// Connections closed because the peer stopped answering.
    pub timeout: u64,
    /// Connections closed in an unknown way.
    pub unknown: u64,
}

impl ClosedBy {
    /// Number of all closed connections.
    pub fn total(&self) -> u64 {
        self.client
            + self.server
            + self.client_reset
            + self.server_reset
            + self.timeout
            + self.unknown
    }

    fn slot(&mut self, by: u8) -> &mut u64 {
        match by {
            closer::CLIENT => &mut self.client,
            closer::SERVER => &mut self.server,
            closer::CLIENT_RESET => &mut self.client_reset,
            closer::SERVER_RESET => &mut self.server_reset,
            closer::TIMEOUT => &mut self.timeout,
            _ => &mut self.unknown,
        }
    }
}

/// Counts of requests: turns (request bytes out, then response bytes in), and streams of HTTP/2.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests: turns, without those of HTTP/2, and streams of HTTP/2.
    pub count: u64,
    /// Requests over HTTP/2.
    pub http2: u64,
    /// Connections that carried at least one request.
    pub connections: u64,
    /// Turns on HTTP/2 connections whose requests are not known. Such a turn is not a request.
    pub h2_turns: u64,
    /// Turns that were unanswered when the connection closed.
    pub failed: u64,
    /// Failed turns on a reused connection that the server closed or reset in answer.
    pub stale: u64,
    /// Turns that the client gave up before the response was complete or had begun.
    pub aborted: u64,
    /// Answered turns whose connection the client closed before the response was whole, as far as its head tells: the
    /// first one of a connection, in clear.
    pub cut_short: u64,
    /// Turns that waited for an answer at the last pass over the sockets.
    pub in_flight_now: u64,
    /// Highest number of requests in flight at the same time.
    pub in_flight: InFlight,
    /// Requests in flight over time; only for all connections.
    pub timeline: Option<Box<Timeline>>,
    /// Closed connections by the number of requests that they carried.
    pub per_connection: PerConnection,
    /// Turns with response data that waited for the application for [`turn::SLOW_PICKUP_NS`] or longer.
    pub slow_pickups: u64,
    /// Slow pickups for which the run-queue latency of the reading thread was measured.
    pub slow_pickups_measured: u64,
    /// Time that the data of the measured slow pickups waited, ns.
    pub slow_pickup_ns: u64,
    /// Run-queue latency in this time, in which the thread waited for a CPU, ns.
    pub slow_pickup_run_queue_ns: u64,
    /// Turns with a response on sockets whose reads are not seen (MPTCP), so that no pickup is known.
    pub pickups_unseen: u64,
    /// Requests that only the lengths of records tell: turns of connections that were open before tracing began and carry
    /// HTTP/1.1 by these, and requests over HTTP/2 whose frames were not read.
    pub inferred: u64,
    /// First turns with a response that was distinguished from session tickets by size and time.
    pub first_inferred: u64,
    /// First turns with a response that could not be distinguished from tickets; they have no ttfb and no transfer.
    pub first_unknown: u64,
}

impl Requests {
    /// Share of turns on reused connections: 1 - connections that carried a turn / turns; None without turns.
    pub fn reuse_ratio(&self) -> Option<f64> {
        let fresh = self.connections as f64 / self.count as f64;
        (self.count != 0).then_some((1.0 - fresh).max(0.0))
    }

    fn is_empty(&self) -> bool {
        self.count == 0 && self.h2_turns == 0 && self.in_flight_now == 0
    }

    /// Share of run-queue latency in the time of slow pickups; None when none was measured.
    pub fn pickup_cpu_ratio(&self) -> Option<f64> {
        let ratio = self.slow_pickup_run_queue_ns as f64 / self.slow_pickup_ns as f64;
        (self.slow_pickup_ns != 0).then_some(ratio)
    }

    /// Counts the pickup of a turn; `run_queue_ns` may be [`turn::UNMEASURED`].
    pub fn pick_up(&mut self, pickup_ns: u64, run_queue_ns: u64) {
        if pickup_ns < turn::SLOW_PICKUP_NS {
            return;
        }
        self.slow_pickups += 1;
        if run_queue_ns != turn::UNMEASURED {
            self.slow_pickups_measured += 1;
            self.slow_pickup_ns = self.slow_pickup_ns.saturating_add(pickup_ns);
            let latency_ns = run_queue_ns.min(pickup_ns);
            self.slow_pickup_run_queue_ns =
                self.slow_pickup_run_queue_ns.saturating_add(latency_ns);
        }
    }

    /// Takes back a pickup that [`Requests::pick_up`] has counted.
    pub fn put_back(&mut self, pickup_ns: u64, run_queue_ns: u64) {
        if pickup_ns < turn::SLOW_PICKUP_NS {
            return;
        }
        self.slow_pickups = self.slow_pickups.saturating_sub(1);
        if run_queue_ns != turn::UNMEASURED {
            self.slow_pickups_measured = self.slow_pickups_measured.saturating_sub(1);
            self.slow_pickup_ns = elapsed(self.slow_pickup_ns, pickup_ns).unwrap_or(0);
            let latency_ns = run_queue_ns.min(pickup_ns);
            self.slow_pickup_run_queue_ns =
                elapsed(self.slow_pickup_run_queue_ns, latency_ns).unwrap_or(0);
        }
    }
}

/// Counts of TLS handshakes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Complete handshakes with key exchange and certificate.
    pub full: u64,
    /// Complete handshakes by a session ticket, id or external PSK.
    pub resumed: u64,
    /// Handshakes that ended by an alert, a close or an answer that is not TLS.
    pub failed: u64,
    /// Handshakes under way.
    pub unfinished: u64,
    /// Handshakes that were seen only in part, so that their end or kind is not known.
    pub unknown: u64,
    /// Connections that carried something other than TLS.
    pub not_tls: u64,
    /// Handshakes with a HelloRetryRequest (RFC 8446 4.1.4).
    pub hello_retry_requests: u64,
    /// Complete handshakes by version.
    pub versions: Versions,
}

/// Counts by TLS version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    /// Handshakes of TLS 1.0 and SSL 3.0.
    pub v1_0: u64,
    /// Handshakes of TLS 1.1.
    pub v1_1: u64,
    /// Handshakes of TLS 1.2.
    pub v1_2: u64,
    /// Handshakes of TLS 1.3.
    pub v1_3: u64,
    /// Handshakes of which the ServerHello was not seen.
    pub unknown: u64,
}

impl Versions {
    /// Counts a handshake by its version.
    pub fn count(&mut self, version: Option<TlsVersion>) {
        let slot = match version {
            Some(TlsVersion::TLS_1_3) => &mut self.v1_3,
            Some(TlsVersion::TLS_1_2) => &mut self.v1_2,
            Some(TlsVersion::TLS_1_1) => &mut self.v1_1,
            Some(TlsVersion::TLS_1_0 | TlsVersion::SSL_3_0) => &mut self.v1_0,
            _ => &mut self.unknown,
        };
        *slot += 1;
    }
}

/// TCP counters. Bytes, retransmits and round-trip times are those of closed connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tcp {
    /// SYN segments sent again.
    pub syn_retransmits: u64,
    /// Segments sent again, SYN segments included.
    pub retransmits: u64,
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Payload bytes sent by connections that were open at the last pass over the sockets.
    pub open_bytes_sent: u64,
    /// Payload bytes received by them.
    pub open_bytes_received: u64,
    /// Segments received.
    pub segments_in: u64,
    /// Segments sent, those sent again included.
    pub segments_out: u64,
    /// Segments received out of order: those that came after a gap.
    pub segments_out_of_order: u64,
    /// Segments lost on the way to the client, told by the gaps that they left.
    pub segments_lost_in: u64,
    /// Smoothed round-trip times at close.
    pub srtt: Latency,
    /// Connections that entered TIME_WAIT.
    pub time_wait_entered: u64,
}

impl Tcp {
    /// Counts the segments of a closed connection, if its record has them.
    pub fn count(&mut self, segments: Option<&Segments>) {
        let Some(segments) = segments else {
            return;
        };
        self.segments_in += u64::from(segments.received);
        self.segments_out += u64::from(segments.sent);
        self.segments_out_of_order += u64::from(segments.out_of_order);
        self.segments_lost_in += u64::from(segments.missing);
    }

    /// True if segments were counted, wherever something has come. Recordings of earlier builds lack them.
    pub fn has_segments(&self) -> bool {
        self.segments_in != 0 || self.bytes_received == 0
    }
}

/// Data of an established connection that move with it from one group to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Knowledge of the connect.
    pub connect: Connect,
    /// Number of SYN segments sent again.
    pub syn_retransmits: u64,
    /// Content that is no request, as far as it is known.
    pub content: Content,
}

/// Content of a connection that carries no requests, or none that are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// True if the connection leads to a name server.
    pub dns: bool,
    /// True if the lookups of such a connection are not known.
    pub dns_unread: bool,
    /// True if the packets of the connection are not watched.
    pub unwatched: bool,
    /// True if the connection carries another protocol than HTTP.
    pub other_protocol: bool,
    /// True if the server has switched protocols.
    pub upgraded: bool,
    /// True if the client sends messages that need no answer.
    pub one_way: bool,
    /// Reason why requests of the connection are not known.
    pub unknown: Option<Unknown>,
    /// True if the connection speaks HTTP/2.
    pub http2: bool,
    /// Source of its requests, if it does.
    pub source: Source,
    /// True if it has carried at least the requests that are counted, if it does.
    pub at_least: bool,
}

impl Content {
    /// Content that may be requests.
    pub const NONE: Self = Self {
        dns: false,
        dns_unread: false,
        unwatched: false,
        other_protocol: false,
        upgraded: false,
        one_way: false,
        unknown: None,
        http2: false,
        source: Source::None(Because::NoLibrary),
        at_least: false,
    };

    /// Content of a connection to `port`. Lookups are known of DNS in clear, from the first byte on.
    pub fn of(port: u16, connect: Connect, unwatched: bool) -> Self {
        let dns = matches!(port, PORT | PORT_TLS);
        Self {
            dns,
            dns_unread: dns && (port == PORT_TLS || unwatched || connect == Connect::Before),
            unwatched,
            source: Source::None(match connect {
                Connect::Before => Because::AttachedLate,
                Connect::Seen(_) | Connect::Unseen => Because::NoLibrary,
            }),
            ..Self::NONE
        }
    }

    /// True if the turns of the connection are requests: not on HTTP/2.
    pub fn counts_requests(self) -> bool {
        !self.has_no_requests() && !self.http2
    }

    /// True if the connection counts no requests.
    pub fn has_no_requests(self) -> bool {
        self.dns || self.unwatched || self.other_protocol || self.one_way
    }

    /// True if it is known whether the connection has carried a request.
    pub fn tells_use(self) -> bool {
        !self.has_no_requests() && self.unknown.is_none()
    }
}

/// Knowledge of a connect that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connect {
    /// Seen from SYN to ESTABLISHED, with its duration.
    Seen(Timed),
    /// Begun before the trace.
    Before,
    /// Not known: the record was lost.
    Unseen,
}

impl Opening {
    /// Opening of a connection that was open before the trace, so that nothing is known of its connect.
    pub const ADOPTED: Self = Self {
        connect: Connect::Before,
        syn_retransmits: 0,
        content: Content::NONE,
    };
    /// Opening of a connection that was found open after its record was lost.
    pub const UNSEEN: Self = Self {
        connect: Connect::Unseen,
        syn_retransmits: 0,
        content: Content::NONE,
    };

    /// SYN to ESTABLISHED, a round trip, ns.
    pub fn round_trip_ns(&self) -> Option<u64> {
        match self.connect {
            Connect::Seen(took) => took.known_ns(),
            Connect::Before | Connect::Unseen => None,
        }
    }
}

impl Connections {
    /// Connections closed without a request, and those open without one at the last pass over the sockets.
    pub fn never_used(&self) -> u64 {
        (self.never_used + self.unused_now).saturating_sub(self.carried.unused)
    }

    /// Connects that began, also those under way at the last pass over the sockets.
    pub fn begun(&self) -> u64 {
        (self.opened + self.connecting_now).saturating_sub(self.carried.connecting)
    }
}

impl Group {
    /// Makes a group for all connections, which also keeps requests in flight over time.
    pub fn of_all() -> Self {
        let mut all = Self::roomy();
        all.requests.timeline = Some(Box::default());
        all
    }

    /// Makes a group for many connections: the totals, or those of a process.
    pub fn roomy() -> Self {
        let requests = Requests {
            in_flight: InFlight::roomy(),
            ..Requests::default()
        };
        Self {
            requests,
            ..Self::default()
        }
    }

    /// Adds a sample to a phase, or counts it as missing there.
    pub fn time(&mut self, phase: impl FnOnce(&mut Phases) -> &mut Latency, timed: Timed) {
        match timed {
            Timed::Took(ns) => phase(&mut self.phases).record(ns),
            Timed::Negative => self.negative_durations += 1,
            Timed::Lost => {}
        }
    }

    /// Takes back a sample that [`Group::time`] has added.
    pub fn take_back_time(
        &mut self,
        phase: impl FnOnce(&mut Phases) -> &mut Latency,
        timed: Timed,
    ) {
        match timed {
            Timed::Took(ns) => _ = phase(&mut self.phases).retract(ns),
            Timed::Negative => self.negative_durations = self.negative_durations.saturating_sub(1),
            Timed::Lost => {}
        }
    }

    /// Clears the activity of connections at the last pass over the sockets.
    pub fn forget_activity(&mut self) {
        let connections = &mut self.connections;
        connections.connecting_now = 0;
        connections.half_closed_now = 0;
        connections.idle_now = 0;
        connections.unused_now = 0;
        self.tcp.open_bytes_sent = 0;
        self.tcp.open_bytes_received = 0;
        self.requests.in_flight_now = 0;
    }

    /// True if the bytes of open connections are known. Recordings of earlier builds lack them.
    pub fn tells_open_bytes(&self) -> bool {
        let tcp = &self.tcp;
        self.connections.open_now == 0 || tcp.open_bytes_sent + tcp.open_bytes_received != 0
    }

    /// Counts a request that was in flight from `start_ns` to `end_ns`.
    pub fn in_flight(&mut self, start_ns: u64, end_ns: u64) {
        let most = self.connections.peak_open + self.http2.beyond_one;
        self.requests.in_flight.add(start_ns, end_ns, most);
        if let Some(timeline) = &mut self.requests.timeline {
            timeline.add(start_ns, end_ns);
        }
    }

    /// True if nothing was ever counted, or all of it moved to other groups.
    pub fn is_empty(&self) -> bool {
        let peak = Connections {
            peak_open: self.connections.peak_open,
            ..Connections::default()
        };
        self.connections == peak
            && self.tls == Tls::default()
            && self.tunnels == Tunnels::default()
            && self.tcp == Tcp::default()
            && self.requests.is_empty()
            && self.responses == Responses::default()
            && self.dns == Dns::default()
    }

    /// Counts a connection that has opened.
    pub fn open(&mut self, opening: &Opening) {
        match opening.connect {
            Connect::Seen(took) => {
                self.connections.opened += 1;
                self.connections.established += 1;
                self.time(|phases| &mut phases.connect, took);
            }
            Connect::Before => self.connections.adopted += 1,
            Connect::Unseen => self.connections.opens_lost += 1,
        }
        let connections = &mut self.connections;
        connections.open_now += 1;
        connections.peak_open = connections.peak_open.max(connections.open_now);
        connections.dns += u64::from(opening.content.dns);
        connections.dns_unread += u64::from(opening.content.dns_unread);
        connections.unwatched += u64::from(opening.content.unwatched);
        connections.other_protocol += u64::from(opening.content.other_protocol);
        connections.upgraded += u64::from(opening.content.upgraded);
        connections.one_way += u64::from(opening.content.one_way);
        if let Some(reason) = opening.content.unknown {
            *connections.requests_unknown.slot(reason) += 1;
        }
        connections.http2 += u64::from(opening.content.http2);
        if opening.content.http2 {
            self.http2
                .open(opening.content.source, opening.content.at_least);
        }
        self.tcp.syn_retransmits += opening.syn_retransmits;
    }

    /// Takes back an open connection that belongs to another group.
    pub fn take_back(&mut self, opening: &Opening) {
        let connections = &mut self.connections;
        match opening.connect {
            Connect::Seen(took) => {
                connections.opened -= 1;
                connections.established -= 1;
                if let Some(connect_ns) = took.known_ns() {
                    self.phases.connect.retract(connect_ns);
                }
            }
            Connect::Before => connections.adopted -= 1,
            Connect::Unseen => connections.opens_lost -= 1,
        }
        connections.open_now -= 1;
        connections.dns -= u64::from(opening.content.dns);
        connections.dns_unread -= u64::from(opening.content.dns_unread);
        connections.unwatched -= u64::from(opening.content.unwatched);
        connections.other_protocol -= u64::from(opening.content.other_protocol);
        connections.upgraded -= u64::from(opening.content.upgraded);
        connections.one_way -= u64::from(opening.content.one_way);
        if let Some(reason) = opening.content.unknown {
            *connections.requests_unknown.slot(reason) -= 1;
        }
        connections.http2 -= u64::from(opening.content.http2);
        if opening.content.http2 {
            self.http2
                .take_back(opening.content.source, opening.content.at_least);
        }
        self.tcp.syn_retransmits -= opening.syn_retransmits;
    }

    /// Counts a connect that failed with `error` (`sk_err`); `took` is `None` when its begin is not known.
    pub fn fail(&mut self, error: u32, took: Option<Timed>, syn_retransmits: u64) {
        self.connections.opened += 1;
        *self.connections.failed.slot(error) += 1;
        if let Some(took) = took {
            self.time(|phases| &mut phases.connect_failed, took);
        }
        self.tcp.syn_retransmits += syn_retransmits;
    }

    fn one_less_open(&mut self) {
        self.connections.open_now = self.connections.open_now.saturating_sub(1);
        if self.connections.open_now == 0 {
            self.requests.in_flight.rest();
        }
    }

    /// Counts an open connection as lost: it is no longer open, and no record reported its close.
    pub fn lose(&mut self) {
        self.one_less_open();
        self.connections.closes_lost += 1;
    }

    /// Counts the close of an open connection; `lifetime` is `None` when it was adopted.
    pub fn close(&mut self, record: &CloseRecord, lifetime: Option<Timed>) {
        self.one_less_open();
        *self.connections.closed_by.slot(record.closer) += 1;
        if let Some(lifetime) = lifetime {
            self.time(|phases| &mut phases.lifetime, lifetime);
        }
        self.tcp.retransmits += u64::from(record.retransmits);
        let tcp = &mut self.tcp;
        tcp.bytes_sent = tcp.bytes_sent.saturating_add(record.bytes_sent);
        tcp.bytes_received = tcp.bytes_received.saturating_add(record.bytes_received);
        if record.srtt_us8 != 0 {
            self.tcp.srtt.record(u64::from(record.srtt_us8) * 1000 / 8);
        }
    }
}
