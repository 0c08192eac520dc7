//! Protocol versions and GREASE.

use std::fmt;

/// Protocol version as sent; any value can come from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(pub u16);

impl TlsVersion {
    /// SSL 3.0 (RFC 6101).
    pub const SSL_3_0: Self = Self(0x0300);
    /// TLS 1.0 (RFC 2246).
    pub const TLS_1_0: Self = Self(0x0301);
    /// TLS 1.1 (RFC 4346).
    pub const TLS_1_1: Self = Self(0x0302);
    /// TLS 1.2 (RFC 5246).
    pub const TLS_1_2: Self = Self(0x0303);
    /// TLS 1.3 (RFC 8446).
    pub const TLS_1_3: Self = Self(0x0304);

    /// True for one of the published versions, not for GREASE or a draft.
    pub fn is_known(self) -> bool {
        (Self::SSL_3_0..=Self::TLS_1_3).contains(&self)
    }
}

impl fmt::Display for TlsVersion {
    /// Writes `1.0` to `1.3`, `ssl3`, or the hexadecimal value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SSL_3_0 => f.write_str("ssl3"),
            version if version.is_known() => write!(f, "1.{}", version.0 - Self::TLS_1_0.0),
            Self(other) => write!(f, "0x{other:04x}"),
        }
    }
}

/// True if a protocol name is one of the reserved values {0x0A,0x0A} to {0xFA,0xFA} (RFC 8701 2).
pub(super) fn is_grease_name(name: &[u8]) -> bool {
    matches!(name, [a, b] if a == b && a & 0x0f == 0x0a)
}
