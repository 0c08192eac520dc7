//! Bytes that a client sends to a proxy to get a tunnel, collected until the proxy has answered.

use super::{Target, TunnelKind, target};
use crate::reassembly::Reassembly;

/// Exchange under way.
#[derive(Debug, Default)]
pub struct Exchange {
    sent: Reassembly,
}

impl Exchange {
    /// Takes captured bytes of the client. `offset` counts from the first byte of the exchange.
    pub fn push(&mut self, offset: u32, bytes: &[u8]) {
        self.sent.insert(offset, bytes);
    }

    /// Target that the client has named; None when it was not captured, or cannot be read.
    pub fn target(&self) -> Option<Target> {
        let bytes = self.sent.bytes();
        match kind(bytes)? {
            TunnelKind::Connect => target::of_connect(bytes),
            TunnelKind::Socks4 => target::of_socks_4(bytes),
            TunnelKind::Socks5 => target::of_socks_5(bytes),
        }
    }
}

/// Protocol of an exchange, by its first byte: SOCKS begins with its version.
pub(super) fn kind(bytes: &[u8]) -> Option<TunnelKind> {
    Some(match bytes.first()? {
        4 => TunnelKind::Socks4,
        5 => TunnelKind::Socks5,
        _ => TunnelKind::Connect,
    })
}
