//! Counts of lookups, as each group of connections has them.

use super::{lookup::End, message::rcode};

/// Counts of lookups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dns {
    /// Lookups begun, which are the queries that do not repeat another one.
    pub queries: u64,
    /// Lookups answered without error.
    pub answered: u64,
    /// Lookups that failed.
    pub failed: DnsFailed,
    /// Queries sent again because there was no answer.
    pub retries: u64,
    /// Queries sent again over TCP because the answer was truncated.
    pub truncated: u64,
    /// Lookups by a process that already had an answer with an unexpired TTL.
    pub repeated_within_ttl: u64,
}

/// Failed lookups by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DnsFailed {
    /// Lookups of a name that does not exist.
    pub nxdomain: u64,
    /// Lookups for which the server failed.
    pub servfail: u64,
    /// Lookups without an answer.
    pub timeout: u64,
    /// Lookups with any other response code.
    pub other: u64,
}

impl DnsFailed {
    /// Number of failed lookups for all reasons.
    pub fn total(&self) -> u64 {
        self.nxdomain + self.servfail + self.timeout + self.other
    }

    /// Count of lookups that failed in this way.
    pub(super) fn slot(&mut self, end: End) -> &mut u64 {
        match end {
            End::Answer(rcode::NXDOMAIN) => &mut self.nxdomain,
            End::Answer(rcode::SERVFAIL) => &mut self.servfail,
            End::Answer(_) => &mut self.other,
            End::Timeout => &mut self.timeout,
        }
    }
}
