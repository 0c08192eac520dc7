//! Lengths of TLS records that are neither request nor response.

/// Encrypted record lengths (TLS 1.3: content, type byte, 16 of tag) of an alert and a KeyUpdate.
pub(crate) const ALERT_13: u32 = 2 + 17;
pub(crate) const KEY_UPDATE_13: u32 = 5 + 17;
/// Lengths of records that hold an HTTP/2 SETTINGS acknowledgement, a bare frame header (RFC 9113 6.5): TLS 1.3, and
/// TLS 1.2 with AES-GCM and ChaCha20.
pub(crate) const SETTINGS_ACK: [u32; 3] = [9 + 17, 9 + 24, 9 + 16];
/// Length of "HTTP/1.1 100 Continue" with an empty line (RFC 9110 15.2.1), and without the phrase, as Tomcat sends it;
/// no other beginning of a response is so short. Then lengths of its record over TLS 1.3, and over TLS 1.2 with AES-GCM
/// and ChaCha20.
const CONTINUE: u32 = 25;
pub(crate) const BARE_CONTINUE: u32 = 17;
pub(crate) const CONTINUE_RECORD: [u32; 6] = [
    CONTINUE + 17,
    BARE_CONTINUE + 17,
    CONTINUE + 24,
    BARE_CONTINUE + 24,
    CONTINUE + 16,
    BARE_CONTINUE + 16,
];
