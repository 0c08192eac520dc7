//! Number of everything that failed, and its parts by name.

use super::Group;

impl Group {
    /// Connects, tunnels, handshakes, requests and lookups that failed.
    pub fn failures(&self) -> u64 {
        self.failures_by_kind().iter().map(|(count, _)| count).sum()
    }

    /// Failures by kind, with their names.
    pub fn failures_by_kind(&self) -> [(u64, &'static str); 5] {
        [
            (self.connections.failed.total(), "connects"),
            (self.tunnels.failed.total(), "tunnels"),
            (self.tls.failed, "handshakes"),
            (self.requests.failed, "requests"),
            (self.dns.failed.total(), "lookups"),
        ]
    }
}
