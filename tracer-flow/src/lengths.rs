//! Lengths of TLS records that are neither request nor response.

/// Bytes that the TLS of the JDK adds to each record of TLS 1.3 (RFC 8446 5.4).
pub(crate) const PADDING: u32 = 16;
/// Lengths of a record with a Finished of TLS 1.3: header 4, hash 32 or 48, type 1, tag 16, or 8 for the CCM_8 suite.
const FINISHED_SHA256: u8 = 4 + 32 + 1 + 16;
const FINISHED_SHA384: u8 = 4 + 48 + 1 + 16;
const FINISHED_CCM_8: u8 = 4 + 32 + 1 + 8;

/// Length of a record with a Finished and no padding under a cipher suite (RFC 8446 B.4); 0 for suites that TLS 1.3 does
/// not have.
#[inline(always)]
pub(crate) fn finished_13(suite: [u8; 2]) -> u8 {
    match suite {
        [0x13, 1 | 3 | 4] => FINISHED_SHA256,
        [0x13, 2] => FINISHED_SHA384,
        [0x13, 5] => FINISHED_CCM_8,
        _ => 0,
    }
}

/// True if a record of this length holds only a Finished, with or without padding. `known`: the length without padding,
/// 0 if it is not known.
#[inline(always)]
pub(crate) fn is_finished_13(known: u8, length: u32) -> bool {
    if known == 0 {
        return length == u32::from(FINISHED_SHA256)
            || length == u32::from(FINISHED_SHA384)
            || length == u32::from(FINISHED_CCM_8);
    }
    length == u32::from(known) || length == u32::from(known) + PADDING
}

/// True if a Finished of this length has padding.
#[inline(always)]
pub(crate) fn is_padded(known: u8, length: u32) -> bool {
    known != 0 && length == u32::from(known) + PADDING
}

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
