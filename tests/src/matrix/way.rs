//! Ways of a request: the path to the site and the protocol.

/// Path from the client to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Straight to the site.
    Direct,
    /// Through tinyproxy: a tunnel by CONNECT, or forwarded requests where the client sends them in clear.
    Connect,
    /// Through Dante, a SOCKS 5 proxy.
    Socks,
    /// Through a TCP proxy on this machine that the client takes for the site.
    Local,
}

impl Path {
    /// All paths.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Connect, Self::Socks, Self::Local];

    /// Name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Connect => "HTTP proxy",
            Self::Socks => "SOCKS 5",
            Self::Local => "local TCP proxy",
        }
    }
}

/// Protocol below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
    /// No TLS.
    Clear,
}

impl Protocol {
    /// All protocols, in the order of their numbers in a list of servers.
    pub const ALL: [Self; 3] = [Self::Tls12, Self::Tls13, Self::Clear];

    /// Name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
            Self::Clear => "clear",
        }
    }

    /// Setting `ssl_protocols` of nginx.
    pub(super) fn setting(self) -> Option<&'static str> {
        match self {
            Self::Tls12 => Some("TLSv1.2"),
            Self::Tls13 => Some("TLSv1.3"),
            Self::Clear => None,
        }
    }

    /// Tells whether it is a version of TLS.
    pub(super) fn is_tls(self) -> bool {
        self != Self::Clear
    }
}
