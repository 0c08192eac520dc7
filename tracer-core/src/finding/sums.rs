//! Sums over all hosts that several rules need.

use crate::{group::Group, host::Host};

/// Sums over hosts, made once for all rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Connections that were opened although their host had one that could have served, at least.
    pub avoidable: u64,
    /// Full handshakes with hosts to which the client had shaken hands before, at least.
    pub avoidable_handshakes: u64,
    /// Hosts on which most connections were reused.
    pub hosts_reused: u64,
}

impl Sums {
    /// Adds a host.
    pub fn add(&mut self, host: &Host) {
        let requests = &host.group.requests;
        if requests.count > 1 {
            self.hosts_reused += u64::from(2 * requests.connections <= requests.count);
        }
        if host.via.proxies.is_empty() {
            self.avoidable += avoidable(&host.group);
        }
        self.avoidable_handshakes += avoidable_handshakes(&host.group);
    }

    /// Sums since an earlier moment.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            avoidable: self.avoidable.saturating_sub(before.avoidable),
            avoidable_handshakes: self
                .avoidable_handshakes
                .saturating_sub(before.avoidable_handshakes),
            hosts_reused: self.hosts_reused,
        }
    }
}

/// Connections that carried requests, less the most that were open at once. That many could have carried all requests,
/// one after the other, so the others were avoidable.
pub fn avoidable(group: &Group) -> u64 {
    let needed = group.connections.peak_open.max(1);
    group.requests.connections.saturating_sub(needed)
}

/// Full handshakes, less the most connections that were open at once. Each of the others could have resumed a session
/// that an earlier handshake had given.
pub fn avoidable_handshakes(group: &Group) -> u64 {
    let needed = group.connections.peak_open.max(1);
    group.tls.full.saturating_sub(needed)
}
