//! Counts of tunnels through proxies.

/// Counts of the exchanges in which a client asked a proxy for a tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tunnels {
    /// Tunnels that a proxy has made, those inside another tunnel included.
    pub opened: u64,
    /// Opened tunnels by the protocol in which the client asked.
    pub by_kind: TunnelKinds,
    /// Exchanges without a tunnel, by reason.
    pub failed: FailedTunnels,
    /// Exchanges that could not be followed to their end.
    pub unknown: u64,
}

impl Tunnels {
    /// Number of exchanges that have ended.
    pub fn total(&self) -> u64 {
        self.opened + self.failed.total() + self.unknown
    }
}

/// Opened tunnels by the protocol in which the client asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TunnelKinds {
    /// Tunnels by HTTP CONNECT.
    pub connect: u64,
    /// Tunnels by SOCKS 4 or 4a.
    pub socks4: u64,
    /// Tunnels by SOCKS 5.
    pub socks5: u64,
}

/// Exchanges without a tunnel, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailedTunnels {
    /// Exchanges in which the proxy wanted other credentials, or some.
    pub auth: u64,
    /// Exchanges in which the proxy did not want to make the tunnel, or its target refused the connection.
    pub refused: u64,
    /// Exchanges in which the proxy could not reach the target.
    pub unreachable: u64,
    /// Exchanges that ended with the connection, before the proxy's answer was complete.
    pub closed: u64,
    /// Exchanges that the client gave up, before the proxy's answer was complete.
    pub given_up: u64,
    /// Exchanges with another answer.
    pub other: u64,
}

impl FailedTunnels {
    /// Number of failed exchanges for all reasons.
    pub fn total(&self) -> u64 {
        self.auth + self.refused + self.unreachable + self.closed + self.given_up + self.other
    }
}
