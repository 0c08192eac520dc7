//! Histograms and counters, one set per CPU, for records that find the ring buffer full. They keep the totals complete;
//! only the connection, process and host of these records are lost.

use crate::errno::{
    ECONNREFUSED, ECONNRESET, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH, ETIMEDOUT,
};

/// log2 of the number of buckets per octave: values are known to 1/64, which is 0.8 % around the middle.
const SUB_BITS: u32 = 6;
/// Number of octaves beyond the linear part; the last bucket begins at 2^47 ns, 39 hours.
const OCTAVES: u32 = 42;
/// Number of buckets of one histogram.
pub const BUCKETS: u32 = (OCTAVES + 1) << SUB_BITS;

/// Histograms, in the order of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Histogram {
    /// SYN to ESTABLISHED.
    Connect,
    /// SYN to failure.
    ConnectFailed,
    /// Full TLS handshakes.
    Tls,
    /// Resumed TLS handshakes.
    TlsResumed,
    /// Time to the first byte of a connection's first response.
    TtfbFirst,
    /// Time to the first byte of a later response.
    TtfbReused,
    /// Time to the first byte of a response on a connection that was open before tracing began.
    TtfbAdopted,
    /// First to last byte of a response.
    Transfer,
    /// Time that received data waited for the application to read it.
    Pickup,
    /// Time between two turns.
    Idle,
    /// ESTABLISHED to closed.
    Lifetime,
    /// DNS query to an answer without an error.
    Dns,
    /// DNS query to an answer with an error.
    DnsFailed,
}

impl Histogram {
    /// Number of histograms.
    pub const COUNT: u32 = 13;
    /// All histograms, in order.
    pub const ALL: [Self; Self::COUNT as usize] = [
        Self::Connect,
        Self::ConnectFailed,
        Self::Tls,
        Self::TlsResumed,
        Self::TtfbFirst,
        Self::TtfbReused,
        Self::TtfbAdopted,
        Self::Transfer,
        Self::Pickup,
        Self::Idle,
        Self::Lifetime,
        Self::Dns,
        Self::DnsFailed,
    ];

    /// Counter of samples without a known duration, for a phase whose samples count something.
    pub const fn unmeasured(self) -> Option<Count> {
        match self {
            Self::Connect => Some(Count::ConnectUnmeasured),
            Self::ConnectFailed => Some(Count::ConnectFailedUnmeasured),
            Self::Tls => Some(Count::TlsUnmeasured),
            Self::TlsResumed => Some(Count::TlsResumedUnmeasured),
            Self::Dns => Some(Count::DnsUnmeasured),
            Self::DnsFailed => Some(Count::DnsFailedUnmeasured),
            _ => None,
        }
    }

    /// Slot of a duration in the map.
    pub const fn slot(self, ns: u64) -> u32 {
        self as u32 * BUCKETS + bucket(ns)
    }
}

/// Counters, in the order of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Count {
    /// Records that were counted here.
    Records,
    /// Connects that failed with ECONNREFUSED.
    Refused,
    /// Connects that failed with ETIMEDOUT.
    TimedOut,
    /// Connects that failed with ECONNRESET.
    Reset,
    /// Connects that failed with EHOSTUNREACH or a similar error.
    Unreachable,
    /// Connects that failed with any other error.
    Other,
    /// Failed connects that the client gave up.
    Aborted,
    /// SYN segments sent again.
    SynRetransmits,
    /// Connections that ended in an unknown way; this and the following five are in the order of `record::closer`.
    ClosedUnknown,
    /// Connections ended by the client.
    ClosedClient,
    /// Connections ended by the server.
    ClosedServer,
    /// Connections ended by the client's RST.
    ClosedClientReset,
    /// Connections ended by the server's RST.
    ClosedServerReset,
    /// Connections ended by a time-out.
    ClosedTimeout,
    /// Entries into TIME_WAIT.
    TimeWait,
    /// Closed connections that left a FIN_WAIT2 orphan.
    Orphans,
    /// Segments sent again.
    Retransmits,
    /// Payload bytes sent.
    BytesSent,
    /// Payload bytes received.
    BytesReceived,
    /// TLS handshakes that failed.
    TlsFailed,
    /// TLS handshakes not seen completely, or of which it is unknown whether they were resumptions.
    TlsUnknown,
    /// Connections without TLS.
    NotTls,
    /// Turns.
    Requests,
    /// First turns of a connection, also counted in [`Self::Requests`].
    RequestConnections,
    /// Turns without an answer.
    RequestsFailed,
    /// First turns that could not be distinguished from session tickets.
    FirstUnknown,
    /// DNS lookups over UDP.
    DnsQueries,
    /// DNS queries sent again.
    DnsRetries,
    /// Answers that the name does not exist.
    DnsNxdomain,
    /// Answers of a server that failed.
    DnsServfail,
    /// Answers with any other error.
    DnsOther,
    /// Truncated answers: the lookup goes on over TCP and counts there.
    DnsTruncated,
    /// Connects that succeeded and had begun before the trace.
    Adopted,
    /// Connects that succeeded, of which no duration is known.
    ConnectUnmeasured,
    /// Connects that failed, likewise.
    ConnectFailedUnmeasured,
    /// Full handshakes, likewise.
    TlsUnmeasured,
    /// Resumed handshakes, likewise.
    TlsResumedUnmeasured,
    /// Lookups that were answered, likewise.
    DnsUnmeasured,
    /// Lookups whose answer is an error, likewise.
    DnsFailedUnmeasured,
    /// Connects that succeeded, on sockets whose packets are not watched.
    Unwatched,
    /// Responses on sockets whose reads are not seen.
    PickupsUnseen,
    /// Segments received.
    SegmentsReceived,
    /// Segments sent.
    SegmentsSent,
    /// Segments received out of order.
    OutOfOrder,
    /// Segments of servers that did not come at first.
    Missing,
}

impl Count {
    /// Number of counters.
    pub const COUNT: u32 = 45;

    /// Slot of a failed connect, by its `sk_err`.
    pub const fn failed(error: u32) -> Self {
        match error {
            ECONNREFUSED => Self::Refused,
            ETIMEDOUT => Self::TimedOut,
            ECONNRESET => Self::Reset,
            ENETDOWN | ENETUNREACH | EHOSTDOWN | EHOSTUNREACH => Self::Unreachable,
            _ => Self::Other,
        }
    }
}

/// Bucket of a duration.
pub const fn bucket(ns: u64) -> u32 {
    if ns >> SUB_BITS == 0 {
        return ns as u32;
    }
    let shift = 63 - ns.leading_zeros() - SUB_BITS;
    if shift >= OCTAVES {
        return BUCKETS - 1;
    }
    ((shift + 1) << SUB_BITS) + ((ns >> shift) as u32 & ((1 << SUB_BITS) - 1))
}

/// Middle of a bucket, ns.
pub const fn middle(bucket: u32) -> u64 {
    let (octave, sub) = (bucket >> SUB_BITS, bucket as u64 & ((1 << SUB_BITS) - 1));
    if octave == 0 {
        return sub;
    }
    let shift = octave - 1;
    let lowest = ((1 << SUB_BITS) + sub) << shift;
    lowest + ((1u64 << shift) >> 1)
}

const _: () = {
    assert!(bucket(0) == 0 && bucket(63) == 63 && bucket(64) == 64);
    assert!(bucket(u64::MAX) == BUCKETS - 1);
    assert!(bucket(middle(1000)) == 1000 && bucket(middle(BUCKETS - 1)) == BUCKETS - 1);
    assert!(Histogram::DnsFailed as u32 + 1 == Histogram::COUNT);
    assert!(Count::Missing as u32 + 1 == Count::COUNT);
};
