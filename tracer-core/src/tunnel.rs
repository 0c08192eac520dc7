//! Tunnels through proxies: HTTP CONNECT (RFC 9110 9.3.6), SOCKS 4, 4a and 5 (RFC 1928).
//!
//! The kernel programs tell when the client asked and how the proxy answered, and hand over what the client sent. Here
//! the two become a [`Tunnel`] with its [`Target`].

pub mod exchange;
pub mod target;

use tracer_common::record::{TunnelRecord, closer, tunnel};

use crate::{
    elapsed::Timed,
    group::{Group, tunnels::TunnelKinds},
};

pub use exchange::Exchange;
pub use target::{Target, TargetHost};

/// Protocol in which a client asks for a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelKind {
    /// HTTP CONNECT.
    Connect,
    /// SOCKS 4 or 4a.
    Socks4,
    /// SOCKS 5.
    Socks5,
}

impl TunnelKind {
    fn of(kind: u8) -> Option<Self> {
        match kind {
            tunnel::CONNECT => Some(Self::Connect),
            tunnel::SOCKS_4 => Some(Self::Socks4),
            tunnel::SOCKS_5 => Some(Self::Socks5),
            _ => None,
        }
    }

    fn slot(self, kinds: &mut TunnelKinds) -> &mut u64 {
        match self {
            Self::Connect => &mut kinds.connect,
            Self::Socks4 => &mut kinds.socks4,
            Self::Socks5 => &mut kinds.socks5,
        }
    }
}

/// Reason why a tunnel was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The proxy wants other credentials, or some.
    Auth,
    /// The proxy does not want to, or the target refused the connection.
    Refused,
    /// The proxy cannot reach the target.
    Unreachable,
    /// The connection closed before the answer was complete.
    Closed,
    /// The client closed it before that.
    GivenUp,
    /// Any other answer.
    Other,
}

impl Refusal {
    /// Meaning of a status of HTTP (RFC 9110 15), of SOCKS 4, or of SOCKS 5 (RFC 1928 6).
    fn of(kind: TunnelKind, status: u16) -> Self {
        match (kind, status) {
            (TunnelKind::Connect, 407) | (TunnelKind::Socks4, 92 | 93) => Self::Auth,
            (TunnelKind::Connect, 502..=504) | (TunnelKind::Socks5, 3 | 4 | 6) => Self::Unreachable,
            (TunnelKind::Connect, 400..=499)
            | (TunnelKind::Socks4, 91)
            | (TunnelKind::Socks5, 2 | 5) => Self::Refused,
            (TunnelKind::Socks5, tunnel::METHOD..) => Self::Auth,
            _ => Self::Other,
        }
    }
}

/// True if the client ended the connection: it waited no longer, or did not need the tunnel any more.
fn is_by_client(by: u8) -> bool {
    matches!(by, closer::CLIENT | closer::CLIENT_RESET)
}

/// Outcome of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The tunnel is there.
    Opened(TunnelKind),
    /// There is no tunnel.
    Failed(Refusal),
    /// The exchange could not be followed to its end.
    Unknown,
}

/// Exchange that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// Outcome of the exchange.
    pub outcome: Outcome,
    /// Time from the first byte of the client to the last byte of the answer, or to the close.
    pub took: Timed,
}

impl Tunnel {
    /// Reads a record.
    pub fn of(record: &TunnelRecord) -> Self {
        let outcome = match (record.outcome, TunnelKind::of(record.kind)) {
            (tunnel::OPENED, Some(kind)) => Outcome::Opened(kind),
            (tunnel::REFUSED, Some(kind)) => Outcome::Failed(Refusal::of(kind, record.status)),
            (tunnel::CLOSED, _) if is_by_client(record.closer) => Outcome::Failed(Refusal::GivenUp),
            (tunnel::CLOSED, _) => Outcome::Failed(Refusal::Closed),
            _ => Outcome::Unknown,
        };
        Self {
            outcome,
            took: Timed::told(record.duration_ns, record.start_ns, record.header.time_ns),
        }
    }

    /// Counts the exchange in a group.
    pub fn apply(self, group: &mut Group) {
        let tunnels = &mut group.tunnels;
        match self.outcome {
            Outcome::Opened(kind) => {
                tunnels.opened += 1;
                *kind.slot(&mut tunnels.by_kind) += 1;
                group.time(|phases| &mut phases.tunnel, self.took);
            }
            Outcome::Failed(refusal) => {
                let failed = &mut tunnels.failed;
                *match refusal {
                    Refusal::Auth => &mut failed.auth,
                    Refusal::Refused => &mut failed.refused,
                    Refusal::Unreachable => &mut failed.unreachable,
                    Refusal::Closed => &mut failed.closed,
                    Refusal::GivenUp => &mut failed.given_up,
                    Refusal::Other => &mut failed.other,
                } += 1;
                group.time(|phases| &mut phases.tunnel_failed, self.took);
            }
            Outcome::Unknown => tunnels.unknown += 1,
        }
    }

    /// Takes back an opened tunnel that belongs to another group.
    pub fn take_back(self, group: &mut Group) {
        let Outcome::Opened(kind) = self.outcome else {
            return;
        };
        let tunnels = &mut group.tunnels;
        tunnels.opened = tunnels.opened.saturating_sub(1);
        let of_kind = kind.slot(&mut tunnels.by_kind);
        *of_kind = of_kind.saturating_sub(1);
        if let Some(took_ns) = self.took.known_ns() {
            group.phases.tunnel.retract(took_ns);
        }
    }
}

#[cfg(test)]
mod tests;
