//! Extensions that both hellos have.

use super::version::is_grease_name;
use crate::cursor::Cursor;

/// Limit of offered protocols; later ones are ignored.
pub const MAX_ALPN_PROTOCOLS: usize = 16;

/// Extension application_layer_protocol_negotiation (RFC 7301 3.1).
pub(super) const ALPN: u16 = 16;
/// Extension pre_shared_key (RFC 8446 4.2.11).
pub(super) const PRE_SHARED_KEY: u16 = 41;
/// Extension supported_versions (RFC 8446 4.2.1).
pub(super) const SUPPORTED_VERSIONS: u16 = 43;

/// Protocols of a ProtocolNameList (RFC 7301 3.1), without GREASE and empty names.
pub(super) fn read_alpn(data: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Cursor::new(Cursor::new(data).vec16().unwrap_or_default());
    std::iter::from_fn(|| names.vec8())
        .filter(|name| !name.is_empty() && !is_grease_name(name))
        .take(MAX_ALPN_PROTOCOLS)
        .map(<[u8]>::to_vec)
        .collect()
}
