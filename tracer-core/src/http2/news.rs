//! News about the requests of a connection that speaks HTTP/2.

/// Way in which a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The response is complete.
    Answered,
    /// The server has not processed the request: RST_STREAM with REFUSED_STREAM, or GOAWAY.
    Refused,
    /// The server has reset the stream.
    ResetByServer,
    /// The client has reset the stream.
    ResetByClient,
    /// The connection has closed.
    Closed,
    /// The rest of the stream is not known, or tracing has ended.
    Unknown,
}

/// Request that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Time of the request, ns; 0 when it is not known.
    pub begin_ns: u64,
    /// Time of the first byte of the response, ns, 0 when it is not known; None when none came.
    pub first_ns: Option<u64>,
    /// Time of the last byte of the response, or of the end, ns; 0 when it is not known.
    pub last_ns: u64,
    /// Time since the last stream before it had ended, ns; None when one was open, or none had been.
    pub idle_ns: Option<u64>,
    /// Longest time between the arrival of the end of a frame of the response and its read by the client, ns; None when it is
    /// not known.
    pub pickup_ns: Option<u64>,
    /// True if it is the first stream of its connection.
    pub is_first: bool,
    /// Way in which it has ended.
    pub outcome: Outcome,
}

impl Ended {
    /// Request of which nothing but its existence is known.
    pub fn untimed(is_first: bool) -> Self {
        Self {
            begin_ns: 0,
            first_ns: None,
            last_ns: 0,
            idle_ns: None,
            pickup_ns: None,
            is_first,
            outcome: Outcome::Unknown,
        }
    }
}

/// News of a connection's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A stream has ended.
    Ended(Ended),
    /// A request has ended that only the lengths of records tell.
    Inferred(Ended),
    /// More streams are open at once than ever before on the connection.
    MoreAtOnce,
    /// The server allows so many streams at once.
    Limit(u32),
    /// The server has sent its first GOAWAY.
    GoAway,
    /// So many streams have begun before anything was seen of the connection.
    Before(u64),
    /// So many requests were sent within one round trip, at least.
    AtOnce(u64),
    /// The connection carries at least the requests that were counted.
    AtLeast,
}
