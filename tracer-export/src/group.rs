//! Figures of a set of connections: all of them, a process's or a host's.

use crate::{Phases, Responses};

object! {
    /// Figures of one set of connections.
    pub struct Group {
        /// Connections.
        connections: Connections,
        /// Requests.
        requests: Requests,
        /// Responses in clear whose heads were read.
        responses: Responses,
        /// HTTP/2.
        http2: Http2,
        /// Tunnels through proxies.
        tunnels: Tunnels,
        /// TLS handshakes.
        tls: Tls,
        /// Lookups.
        dns: Dns,
        /// TCP counters.
        tcp: Tcp,
        /// Distributions of durations.
        phases: Phases,
    }
}

object! {
    /// Numbers of connections.
    pub struct Connections {
        /// Connects begun: established, failed and still connecting.
        opened: Option<u64>,
        /// Connects that succeeded.
        established: Option<u64>,
        /// Open before tracing began.
        adopted: Option<u64>,
        /// Connections found open whose connect no record reported.
        opens_lost: Option<u64>,
        /// Connections that are no longer open although no record reported the close.
        closes_lost: Option<u64>,
        /// Connections to name servers, which carry lookups and no requests.
        dns: Option<u64>,
        /// Connections to name servers whose lookups are not known; also in `dns`.
        dns_unread: Option<u64>,
        /// Connections whose packets are not watched: their handshakes, requests and lookups are not seen.
        unwatched: Option<u64>,
        /// Connections that carry another protocol than HTTP, in clear.
        other_protocol: Option<u64>,
        /// Connections whose server switched protocols (101).
        upgraded: Option<u64>,
        /// Connections over TLS whose client sends messages that are never answered.
        one_way: Option<u64>,
        /// Connections whose requests are not known, or not all of them, by reason.
        requests_unknown: RequestsUnknown,
        /// Established, adopted or found, and neither closed nor lost.
        open_now: Option<u64>,
        /// Most that were open at once.
        peak_open: Option<u64>,
        /// Connects that failed, by reason.
        failed: FailedConnects,
        /// Connects that the client gave up; also in `failed.other`.
        aborted_connects: Option<u64>,
        /// Connects that sent nothing; also in `failed.other`.
        not_sent: Option<u64>,
        /// Closed without a request, or open without one.
        never_used: Option<u64>,
        /// Closed connections, by who ended them.
        closed_by: ClosedBy,
        /// In SYN_SENT; absent when not every open connection was looked at.
        connecting_now: Option<u64>,
        /// Connections whose first request, in clear, asks the server to close.
        asks_close: Option<u64>,
        /// Connections of which a response, in clear, says that the server will close.
        server_asks_close: Option<u64>,
        /// Closed by the server for ten seconds and more, and not by the client, at the last listing.
        close_wait_now: Option<u64>,
        /// Most such connections at any listing.
        close_wait_peak: Option<u64>,
        /// Closed by the server only; absent when not every open connection was looked at.
        half_closed_now: Option<u64>,
        /// Open, used and answered; absent when not every open connection was looked at.
        idle_now: Option<u64>,
    }
}

object! {
    /// Connections whose requests are not known, or not all of them, by reason.
    pub struct RequestsUnknown {
        /// Open before tracing began, and their bytes do not tell what they carry.
        open_before: Option<u64>,
        /// The TLS handshake could not be followed.
        handshake: Option<u64>,
        /// A tunnel through a proxy could not be followed.
        tunnel: Option<u64>,
        /// TLS inside of TLS: the client speaks TLS to a proxy.
        tls_inside: Option<u64>,
    }
}

object! {
    /// Connects that failed, by reason.
    pub struct FailedConnects {
        /// Refused by the peer.
        refused: Option<u64>,
        /// Not answered in time.
        timed_out: Option<u64>,
        /// Reset while connecting.
        reset: Option<u64>,
        /// Host or network not reachable.
        unreachable: Option<u64>,
        /// Anything else.
        other: Option<u64>,
    }
}

impl FailedConnects {
    /// Failed connects of all reasons; `None` when one of them was not counted.
    pub fn total(&self) -> Option<u64> {
        let others = [self.reset, self.unreachable, self.other];
        [self.refused, self.timed_out]
            .into_iter()
            .chain(others)
            .sum()
    }
}

object! {
    /// Closed connections, by who sent the first FIN or the RST.
    pub struct ClosedBy {
        /// FIN of the client.
        client: Option<u64>,
        /// FIN of the server.
        server: Option<u64>,
        /// RST of the client.
        client_reset: Option<u64>,
        /// RST of the server.
        server_reset: Option<u64>,
        /// Timeout, since the peer answered no more.
        timeout: Option<u64>,
        /// Not known.
        unknown: Option<u64>,
    }
}

object! {
    /// Numbers of requests: turns (request bytes out, then response bytes in, on one connection), and streams of HTTP/2.
    pub struct Requests {
        /// Turns, but those of HTTP/2, and streams of HTTP/2.
        count: Option<u64>,
        /// Requests by protocol.
        by_protocol: Protocols,
        /// Connections that carried one.
        connections: Option<u64>,
        /// Turns on connections that speak HTTP/2 and whose requests are not known.
        h2_turns: Option<u64>,
        /// Not answered when the connection closed, refused, or reset before the answer.
        failed: Option<u64>,
        /// Failed on a reused connection that the server closed or reset in answer.
        stale: Option<u64>,
        /// Failed because the client gave them up.
        aborted: Option<u64>,
        /// Answered, but the client closed the connection before the response was whole.
        cut_short: Option<u64>,
        /// Closed connections by the number of requests that they carried.
        per_connection: PerConnection,
        /// Most that were in flight at once.
        in_flight_peak: Option<u64>,
        /// Turns whose response data waited 1 ms or longer for the application.
        slow_pickups: Option<u64>,
        /// Slow pickups of which the wait for a CPU is known.
        slow_pickups_measured: Option<u64>,
        /// Turns answered on sockets whose reads are not seen (MPTCP); they have no pickup.
        pickups_unseen: Option<u64>,
        /// Requests, also in `count`, that only the lengths of records tell: of connections that carry HTTP/1.1 by these, and
        /// over HTTP/2 where its frames were not read.
        inferred: Option<u64>,
        /// First turns whose response was told from session tickets by size and time.
        first_inferred: Option<u64>,
        /// First turns whose response could not be told from session tickets.
        first_unknown: Option<u64>,
        /// 1 - connections / turns; absent without turns.
        reuse_ratio: Option<f64>,
        /// Share of the measured slow pickups that was waiting for a CPU; absent when none was measured.
        pickup_cpu_ratio: Option<f64>,
        /// Sent and not answered; absent when not every open connection was looked at.
        in_flight_now: Option<u64>,
    }
}

object! {
    /// Closed connections by the number of requests that they carried, in ranges.
    pub struct PerConnection {
        /// One request.
        one: Option<u64>,
        /// Two requests.
        two: Option<u64>,
        /// 3 to 4 requests.
        to_4: Option<u64>,
        /// 5 to 8 requests.
        to_8: Option<u64>,
        /// 9 to 16 requests.
        to_16: Option<u64>,
        /// 17 to 32 requests.
        to_32: Option<u64>,
        /// 33 to 64 requests.
        to_64: Option<u64>,
        /// 65 to 128 requests.
        to_128: Option<u64>,
        /// 129 to 256 requests.
        to_256: Option<u64>,
        /// 257 to 512 requests.
        to_512: Option<u64>,
        /// 513 to 1024 requests.
        to_1024: Option<u64>,
        /// More than 1024 requests.
        more: Option<u64>,
    }
}

object! {
    /// Requests by the protocol that carried them.
    pub struct Protocols {
        /// HTTP/1.1 and older.
        http1: Option<u64>,
        /// HTTP/2.
        http2: Option<u64>,
    }
}

object! {
    /// Numbers of what speaks HTTP/2.
    pub struct Http2 {
        /// Connections.
        connections: Option<u64>,
        /// Streams, also in `requests.count`, of connections whose frames were read.
        streams: Option<u64>,
        /// Answered streams without a time to the first byte or of the transfer, because TLS records with their frames were
        /// not seen.
        untimed: Option<u64>,
        /// Connections by the source of their requests.
        source: Http2Sources,
        /// Connections without a source, by reason.
        none_because: Http2Reasons,
        /// Connections that carried at least the requests that are counted, and perhaps more.
        at_least: Option<u64>,
        /// Most streams at once on one connection.
        in_flight_peak: Option<u64>,
        /// Fewest streams at once that a server allowed; absent when none has said.
        max_concurrent_streams: Option<u64>,
        /// Streams that the server did not process.
        refused: Option<u64>,
        /// Streams that the client reset.
        reset_by_client: Option<u64>,
        /// Streams that the server reset, without the refused ones.
        reset_by_server: Option<u64>,
        /// Connections on which the server sent GOAWAY.
        goaway: Option<u64>,
    }
}

object! {
    /// Connections by the source of what is known of their requests.
    pub struct Http2Sources {
        /// Frames, read in the TLS library or in clear: exact.
        frames: Option<u64>,
        /// Lengths and times of records.
        inferred: Option<u64>,
        /// None: the requests are not known.
        none: Option<u64>,
        /// None, because the client has sent nothing on the connection: closed ones, and open ones that were opened within
        /// the trace.
        never_used: Option<u64>,
    }
}

object! {
    /// Connections whose requests are not known, by reason.
    pub struct Http2Reasons {
        /// No probe reads their TLS library.
        no_library: Option<u64>,
        /// Open before, and nothing could be followed since.
        attached_late: Option<u64>,
        /// Frames and records did not fit, or some were lost.
        lost_sync: Option<u64>,
    }
}

object! {
    /// Numbers of exchanges in which a client asked a proxy for a tunnel.
    pub struct Tunnels {
        /// Tunnels that a proxy has made, those inside another tunnel included.
        opened: Option<u64>,
        /// Opened tunnels by protocol.
        by_kind: TunnelKinds,
        /// Exchanges without a tunnel, by reason.
        failed: FailedTunnels,
        /// Exchanges that could not be followed to their end.
        unknown: Option<u64>,
    }
}

object! {
    /// Opened tunnels by the protocol in which the client asked.
    pub struct TunnelKinds {
        /// HTTP CONNECT.
        connect: Option<u64>,
        /// SOCKS 4 and 4a.
        socks4: Option<u64>,
        /// SOCKS 5.
        socks5: Option<u64>,
    }
}

object! {
    /// Exchanges without a tunnel, by reason.
    pub struct FailedTunnels {
        /// The proxy wanted other credentials, or some.
        auth: Option<u64>,
        /// The proxy did not want to, or the target refused the connection.
        refused: Option<u64>,
        /// The proxy could not reach the target.
        unreachable: Option<u64>,
        /// The connection closed before the answer was complete.
        closed: Option<u64>,
        /// The client closed it before that; absent in exports of earlier releases.
        given_up: Option<u64>,
        /// Any other answer.
        other: Option<u64>,
    }
}

impl FailedTunnels {
    /// Exchanges without a tunnel for all reasons; `None` when one of them was not counted.
    pub fn total(&self) -> Option<u64> {
        let all = [
            self.auth,
            self.refused,
            self.unreachable,
            self.closed,
            // Earlier releases counted these as closed.
            self.given_up.or(Some(0)),
            self.other,
        ];
        all.into_iter().sum()
    }
}

object! {
    /// Numbers of TLS handshakes.
    pub struct Tls {
        /// Finished with key exchange and certificate.
        full: Option<u64>,
        /// Finished by a ticket, a session id or an external PSK.
        resumed: Option<u64>,
        /// Ended by an alert, a close, or an answer that is no TLS.
        failed: Option<u64>,
        /// Under way at the end of the trace.
        unfinished: Option<u64>,
        /// Not seen whole.
        unknown: Option<u64>,
        /// Connections that carried something else.
        not_tls: Option<u64>,
        /// Finished handshakes with a HelloRetryRequest.
        hello_retry_requests: Option<u64>,
        /// Finished handshakes by version.
        versions: Versions,
    }
}

object! {
    /// Finished handshakes by version of TLS.
    pub struct Versions {
        /// TLS 1.0 and SSL 3.0; absent without any.
        #[serde(rename = "1.0")]
        v1_0: Option<u64>,
        /// TLS 1.1; absent without any.
        #[serde(rename = "1.1")]
        v1_1: Option<u64>,
        /// TLS 1.2.
        #[serde(rename = "1.2")]
        v1_2: Option<u64>,
        /// TLS 1.3.
        #[serde(rename = "1.3")]
        v1_3: Option<u64>,
        /// The ServerHello was not seen; absent without any.
        unknown: Option<u64>,
    }
}

object! {
    /// Numbers of lookups: a question from its first query to its answer, however often it was asked.
    pub struct Dns {
        /// Lookups begun.
        queries: Option<u64>,
        /// Answered without error.
        answered: Option<u64>,
        /// Lookups that failed, by reason.
        failed: FailedLookups,
        /// Queries sent again for want of an answer.
        retries: Option<u64>,
        /// Queries sent again over TCP because the answer was truncated.
        truncated: Option<u64>,
        /// Lookups of a name whose answer the process had been given, its TTL not over.
        repeated_within_ttl: Option<u64>,
    }
}

object! {
    /// Lookups that failed, by reason.
    pub struct FailedLookups {
        /// The name does not exist.
        nxdomain: Option<u64>,
        /// The server failed.
        servfail: Option<u64>,
        /// No answer in time.
        timeout: Option<u64>,
        /// Any other error.
        other: Option<u64>,
    }
}

impl FailedLookups {
    /// Failed lookups of all reasons; `None` when one of them was not counted.
    pub fn total(&self) -> Option<u64> {
        [self.nxdomain, self.servfail, self.timeout, self.other]
            .into_iter()
            .sum()
    }
}

object! {
    /// TCP counters. Bytes, retransmits and round-trip times are those of closed connections.
    pub struct Tcp {
        /// SYN segments sent again.
        syn_retransmits: Option<u64>,
        /// Segments sent again, SYN segments included.
        retransmits: Option<u64>,
        /// Payload bytes sent.
        bytes_sent: Option<u64>,
        /// Payload bytes received.
        bytes_received: Option<u64>,
        /// Payload bytes sent by connections that were open at the last pass over the sockets.
        open_bytes_sent: Option<u64>,
        /// Payload bytes received by them.
        open_bytes_received: Option<u64>,
        /// Segments received; absent in replays of recordings that lack them, as the next three.
        segments_in: Option<u64>,
        /// Segments sent, those sent again included.
        segments_out: Option<u64>,
        /// Segments received out of order: those that came after a gap.
        segments_out_of_order: Option<u64>,
        /// Segments lost on the way to the client, told by the gaps that they left.
        segments_lost_in: Option<u64>,
        /// Median of the smoothed round-trip times at close, ns; 0 without any.
        srtt_ns: Option<u64>,
        /// Connections that entered TIME_WAIT.
        time_wait_entered: Option<u64>,
    }
}
