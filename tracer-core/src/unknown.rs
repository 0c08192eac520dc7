//! Connections whose requests are not known, by reason.

/// Reason why the requests of a connection are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The connection was open before tracing began, and its bytes do not tell what they carry.
    OpenBefore,
    /// The TLS handshake could not be followed.
    Handshake,
    /// A tunnel through a proxy could not be followed.
    Tunnel,
}

/// Numbers of connections whose requests are not known, or not all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestsUnknown {
    /// Connections that were open before tracing began.
    pub open_before: u64,
    /// Connections whose TLS handshake could not be followed.
    pub handshake: u64,
    /// Connections with a tunnel through a proxy that could not be followed.
    pub tunnel: u64,
}

impl RequestsUnknown {
    /// Number for a reason.
    pub fn slot(&mut self, reason: Unknown) -> &mut u64 {
        match reason {
            Unknown::OpenBefore => &mut self.open_before,
            Unknown::Handshake => &mut self.handshake,
            Unknown::Tunnel => &mut self.tunnel,
        }
    }

    /// Number of connections whose requests are not known.
    pub fn total(self) -> u64 {
        self.open_before + self.handshake + self.tunnel
    }
}
