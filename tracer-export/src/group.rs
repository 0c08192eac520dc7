//! Figures of a set of connections: all of them, a process's or a host's.

use serde::{Deserialize, Serialize};

use crate::{Phases, is_absent};

/// Figures of one set of connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Group {
    /// Connections.
    pub connections: Connections,
    /// Requests.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub requests: Requests,
    /// TLS handshakes.
    pub tls: Tls,
    /// Lookups.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub dns: Dns,
    /// TCP counters.
    pub tcp: Tcp,
    /// Distributions of durations.
    pub phases: Phases,
}

/// Numbers of connections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Connections {
    /// Connects begun: established, failed and still connecting.
    pub opened: u64,
    /// Connects that succeeded.
    pub established: u64,
    /// Open before tracing began.
    pub adopted: u64,
    /// Connections found open whose connect no record reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_lost: Option<u64>,
    /// Connections that are no longer open although no record reported the close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_lost: Option<u64>,
    /// Established, adopted or found, and neither closed nor lost.
    pub open_now: u64,
    /// Most that were open at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_open: Option<u64>,
    /// Connects that failed, by reason.
    pub failed: FailedConnects,
    /// Connects that the client gave up; also in `failed.other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted_connects: Option<u64>,
    /// Connects that sent nothing; also in `failed.other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_sent: Option<u64>,
    /// Closed without a request, or open without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_used: Option<u64>,
    /// Closed connections, by who ended them.
    pub closed_by: ClosedBy,
    /// In SYN_SENT; absent when not every open connection was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connecting_now: Option<u64>,
    /// Closed by the server only; absent when not every open connection was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_closed_now: Option<u64>,
    /// Open, used and answered; absent when not every open connection was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_now: Option<u64>,
}

/// Connects that failed, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailedConnects {
    /// Refused by the peer.
    pub refused: u64,
    /// Not answered in time.
    pub timed_out: u64,
    /// Reset while connecting.
    pub reset: u64,
    /// Host or network not reachable.
    pub unreachable: u64,
    /// Anything else.
    pub other: u64,
}

impl FailedConnects {
    /// Failed connects of all reasons.
    pub fn total(&self) -> u64 {
        self.refused + self.timed_out + self.reset + self.unreachable + self.other
    }
}

/// Closed connections, by who sent the first FIN or the RST.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClosedBy {
    /// FIN of the client.
    pub client: u64,
    /// FIN of the server.
    pub server: u64,
    /// RST of the client.
    pub client_reset: u64,
    /// RST of the server.
    pub server_reset: u64,
    /// Nobody answered any more.
    pub timeout: u64,
    /// Not known.
    pub unknown: u64,
}

/// Numbers of turns: request bytes out, then response bytes in, on one connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Requests {
    /// Turns, but those of HTTP/2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Connections that carried one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Turns on connections that look like HTTP/2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h2_turns: Option<u64>,
    /// Not answered when the connection closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// Failed on a reused connection that the server closed or reset in answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<u64>,
    /// Failed because the client gave them up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted: Option<u64>,
    /// Most that were in flight at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_peak: Option<u64>,
    /// Turns whose response data waited 1 ms or longer for the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_pickups: Option<u64>,
    /// Slow pickups of which the wait for a CPU is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_pickups_measured: Option<u64>,
    /// First turns whose response was told from session tickets by size and time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_inferred: Option<u64>,
    /// First turns whose response could not be told from session tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_unknown: Option<u64>,
    /// 1 - connections / turns; absent without turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_ratio: Option<f64>,
    /// Share of the measured slow pickups that was waiting for a CPU; absent when none was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pickup_cpu_ratio: Option<f64>,
    /// Sent and not answered; absent when not every open connection was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_now: Option<u64>,
}

/// Numbers of TLS handshakes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tls {
    /// Finished with key exchange and certificate.
    pub full: u64,
    /// Finished by a ticket, a session id or an external PSK.
    pub resumed: u64,
    /// Ended by an alert, a close, or an answer that is no TLS.
    pub failed: u64,
    /// Under way at the end of the trace.
    pub unfinished: u64,
    /// Not seen whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<u64>,
    /// Connections that carried something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_tls: Option<u64>,
    /// Finished handshakes with a HelloRetryRequest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hello_retry_requests: Option<u64>,
    /// Finished handshakes by version.
    pub versions: Versions,
}

/// Finished handshakes by version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Versions {
    /// TLS 1.0 and SSL 3.0; absent without any.
    #[serde(rename = "1.0", skip_serializing_if = "Option::is_none")]
    pub v1_0: Option<u64>,
    /// TLS 1.1; absent without any.
    #[serde(rename = "1.1", skip_serializing_if = "Option::is_none")]
    pub v1_1: Option<u64>,
    /// TLS 1.2.
    #[serde(rename = "1.2", skip_serializing_if = "Option::is_none")]
    pub v1_2: Option<u64>,
    /// TLS 1.3.
    #[serde(rename = "1.3", skip_serializing_if = "Option::is_none")]
    pub v1_3: Option<u64>,
    /// The ServerHello was not seen; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<u64>,
}

/// Numbers of lookups: a question from its first query to its answer, however often it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Dns {
    /// Lookups begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queries: Option<u64>,
    /// Answered without error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<u64>,
    /// Lookups that failed, by reason.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub failed: FailedLookups,
    /// Queries sent again for want of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// Queries sent again over TCP because the answer was truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<u64>,
    /// Lookups of a name whose answer the process had been given, its TTL not over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated_within_ttl: Option<u64>,
}

/// Lookups that failed, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailedLookups {
    /// The name does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nxdomain: Option<u64>,
    /// The server failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servfail: Option<u64>,
    /// No answer in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Any other error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<u64>,
}

impl FailedLookups {
    /// Failed lookups of all reasons; `None` when one of them was not counted.
    pub fn total(&self) -> Option<u64> {
        [self.nxdomain, self.servfail, self.timeout, self.other]
            .into_iter()
            .sum()
    }
}

/// TCP counters. Bytes, retransmits and round-trip times are those of closed connections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tcp {
    /// SYN segments sent again.
    pub syn_retransmits: u64,
    /// Segments sent again, SYN segments included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
    /// Payload bytes sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_sent: Option<u64>,
    /// Payload bytes received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_received: Option<u64>,
    /// Median of the smoothed round-trip times at close, ns; 0 without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtt_ns: Option<u64>,
    /// Connections that entered TIME_WAIT.
    pub time_wait_entered: u64,
}
