//! Bytes that encryption adds to the plaintext of a TLS record.

use crate::tls::TlsVersion;

/// TLS 1.3: content type and tag (RFC 8446 5.2), without padding and with that of the JDK.
const TLS_1_3: [u16; 2] = [1 + 16, 1 + 16 + 16];
/// TLS 1.2: AES-GCM with its explicit nonce (RFC 5288 3), and ChaCha20 (RFC 7905 2).
const TLS_1_2: [u16; 2] = [8 + 16, 16];
const ALL: [u16; 4] = [TLS_1_3[0], TLS_1_3[1], TLS_1_2[0], TLS_1_2[1]];

/// Numbers of bytes that a record of this version may have in addition, the likeliest first.
pub(super) fn candidates(version: Option<TlsVersion>) -> &'static [u16] {
    match version {
        Some(TlsVersion::TLS_1_3) => &TLS_1_3,
        Some(_) => &TLS_1_2,
        None => &ALL,
    }
}
