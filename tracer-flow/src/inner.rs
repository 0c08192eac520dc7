//! TLS inside of TLS: a client that speaks TLS to its proxy asks for a tunnel, and begins a handshake with the site in it.
//! From outside these are three requests. The third one has a length that few requests have: that of the client's last
//! flight of a handshake.

use tracer_common::record::turn;

use crate::{bound::masked, conn::Conn};

/// Lengths of a record with a ClientHello, with its own header and what the encryption outside adds.
const CLIENT_HELLO: core::ops::RangeInclusive<u16> = 160..=2400;
/// Bytes that the encryption outside adds: TLS 1.3, and TLS 1.2 with AES-GCM and ChaCha20.
const ADDED_13: u32 = 17;
const ADDED_12: [u32; 2] = [24, 16];
/// Lengths of a client's last flight: a Finished of TLS 1.3 (SHA-256, SHA-384), behind a ChangeCipherSpec or not; a
/// ClientKeyExchange (X25519, P-256), a ChangeCipherSpec and a Finished of TLS 1.2 (AES-GCM, ChaCha20).
const LAST_FLIGHT: [u32; 8] = [64, 80, 58, 74, 93, 126, 85, 118];

/// Takes the length of the first record of the next request. True if it shows that the requests so far were a tunnel and a handshake in
/// it.
#[inline(always)]
pub(crate) fn is_handshake(conn: &mut Conn, length: u32) -> bool {
    if conn.request.number == 1 {
        conn.second_length = length as u16;
        return false;
    }
    if conn.request.number != 2 || !CLIENT_HELLO.contains(&conn.second_length) {
        return false;
    }
    if conn.request.protocol == turn::TLS_13 {
        return is_last_flight(length, ADDED_13);
    }
    is_last_flight(length, ADDED_12[0]) || is_last_flight(length, ADDED_12[1])
}

#[inline(always)]
fn is_last_flight(length: u32, added: u32) -> bool {
    let mut at = 0;
    while at < LAST_FLIGHT.len() {
        if length == LAST_FLIGHT[masked::<7>(at as u32)] + added {
            return true;
        }
        at += 1;
    }
    false
}
