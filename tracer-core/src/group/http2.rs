//! Counts of connections and streams of HTTP/2.

use crate::http2::source::{Because, Source};

/// Counts of what speaks HTTP/2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Http2 {
    /// Streams of connections whose frames were read: requests, which are counted with the others too.
    pub streams: u64,
    /// Answered streams without a time to the first byte or of the transfer, because TLS records with their frames were not
    /// seen.
    pub untimed: u64,
    /// Connections by the source of their requests.
    pub source: Sources,
    /// Connections without a source, by reason.
    pub none_because: Reasons,
    /// Connections whose number of requests is at least the one that is counted.
    pub at_least: u64,
    /// Highest number of streams at once on one connection.
    pub in_flight_peak: u64,
    /// Lowest limit of streams at once that a server has set.
    pub max_concurrent_streams: Option<u32>,
    /// Streams that the server has not processed.
    pub refused: u64,
    /// Streams that the client has reset.
    pub reset_by_client: u64,
    /// Streams that the server has reset after it has begun to process them.
    pub reset_by_server: u64,
    /// Connections on which the server has sent GOAWAY.
    pub goaway: u64,
    /// Sum of the highest numbers of streams open at once on one connection, without the first of each: so many more
    /// requests than connections can be in flight.
    pub beyond_one: u64,
}

/// Connections by the source of their requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sources {
    /// Connections whose frames are read.
    pub frames: u64,
    /// Connections whose requests are inferred from the lengths and times of records.
    pub inferred: u64,
    /// Connections whose requests are not known.
    pub none: u64,
    /// Connections on which the client has sent nothing: closed ones, and open ones that were opened within the trace.
    pub never_used: u64,
}

/// Connections whose requests are not known, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Connections of a TLS library without probes.
    pub no_library: u64,
    /// Connections that were open before.
    pub attached_late: u64,
    /// Connections whose frames and TLS records did not fit.
    pub lost_sync: u64,
}

impl Http2 {
    /// Counts a connection with its source.
    pub fn open(&mut self, source: Source, at_least: bool) {
        self.each(source, at_least, |count| *count += 1);
    }

    /// Takes back a connection.
    pub fn take_back(&mut self, source: Source, at_least: bool) {
        self.each(source, at_least, |count| *count = count.saturating_sub(1));
    }

    fn each(&mut self, source: Source, at_least: bool, change: impl Fn(&mut u64)) {
        change(match source {
            Source::Frames => &mut self.source.frames,
            Source::Inferred => &mut self.source.inferred,
            Source::None(_) => &mut self.source.none,
            Source::NeverUsed => &mut self.source.never_used,
        });
        if let Source::None(because) = source {
            change(match because {
                Because::NoLibrary => &mut self.none_because.no_library,
                Because::AttachedLate => &mut self.none_because.attached_late,
                Because::LostSync => &mut self.none_because.lost_sync,
            });
        }
        if at_least {
            change(&mut self.at_least);
        }
    }

    /// Notes a limit of streams at once.
    pub fn limit(&mut self, streams: u32) {
        let least = self.max_concurrent_streams.unwrap_or(u32::MAX).min(streams);
        self.max_concurrent_streams = Some(least);
    }
}
