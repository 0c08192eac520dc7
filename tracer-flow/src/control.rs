//! Records of TLS that are neither request nor response, told by their type: alerts, and the handshake messages of a
//! renegotiation (RFC 5246 7.4.1, 7.4.9). TLS 1.3 encrypts the type, so there their lengths tell them.

use crate::{
    difference::bytes_between,
    lengths::{ALERT_13, KEY_UPDATE_13},
    source::Source,
};

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const RECORD_HEADER: u32 = 5;
/// Largest record: 2^14 bytes of plaintext, and the most that encryption may add (RFC 5246 6.2.3).
const LONGEST_RECORD: u32 = (1 << 14) + 2048;
/// Records of other types passed over in one segment at most.
const RECORDS: u32 = 8;

/// Mark of a number of bytes to come: the segment ended in the header of the record. The number of header bytes that have
/// come is [`HAVE_AT`] bits up, and the upper byte of the record's length, when it has come, in the lowest bits.
const IN_HEADER: u32 = 1 << 31;
const HAVE_AT: u32 = 16;

/// Position of the first byte that belongs to no control record. `rest`: bytes of a control record that are still to come;
/// it is brought up to date. A segment that is to be looked at begins with a record, or with the rest of one.
#[inline(always)]
pub(crate) fn skip<S: Source>(rest: &mut u32, source: &S, position: u32, length: u32) -> u32 {
    let mut at = position;
    let mut records = 0;
    if *rest & IN_HEADER != 0 {
        *rest = rest_of_header(*rest, source, position);
    }
    while records <= RECORDS {
        records += 1;
        let there = bytes_between(at, length);
        if *rest >= there {
            *rest -= there;
            return length;
        }
        at += *rest;
        *rest = 0;
        let Some(header) = source.bytes::<{ RECORD_HEADER as usize }>(at) else {
            *rest = begin_of_header(source, at, bytes_between(at, length));
            return if *rest == 0 { at } else { length };
        };
        let body = u32::from(u16::from_be_bytes([header[3], header[4]]));
        let is_control = is_control_type(header[0])
            && header[1] == 3
            && header[2] <= 4
            && body <= LONGEST_RECORD;
        if !is_control {
            return at;
        }
        *rest = RECORD_HEADER + body;
    }
    at
}

#[inline(always)]
fn is_control_type(kind: u8) -> bool {
    (CHANGE_CIPHER_SPEC..=HANDSHAKE).contains(&kind)
}

/// Bytes to come after a segment that ends with the first bytes of a header, at most four; 0 if these begin no control
/// record.
#[inline(always)]
fn begin_of_header<S: Source>(source: &S, at: u32, have: u32) -> u32 {
    let kind = source.bytes::<1>(at).map_or(0, |bytes| bytes[0]);
    let version = source.bytes::<2>(at).map_or(3, |bytes| bytes[1]);
    let length = source.bytes::<4>(at).map_or(0, |bytes| bytes[3]);
    if is_control_type(kind) && version == 3 {
        IN_HEADER | (have << HAVE_AT) | u32::from(length)
    } else {
        0
    }
}

/// Bytes of a record to come, from its header, of which a part came with an earlier segment; 0 if more than one segment
/// is needed.
#[inline(always)]
fn rest_of_header<S: Source>(begin: u32, source: &S, position: u32) -> u32 {
    let missing = bytes_between((begin & !IN_HEADER) >> HAVE_AT, RECORD_HEADER);
    let low = position + bytes_between(1, missing);
    let Some([low_byte]) = source.bytes::<1>(low) else {
        return 0;
    };
    let high_byte = if missing == 1 {
        begin as u8
    } else {
        source
            .bytes::<1>(bytes_between(1, low))
            .map_or(0, |bytes| bytes[0])
    };
    missing + u32::from(u16::from_be_bytes([high_byte, low_byte]))
}

/// True for the length of an alert or a KeyUpdate of TLS 1.3.
#[inline(always)]
pub(crate) fn is_control_length(length: u32) -> bool {
    length == ALERT_13 || length == KEY_UPDATE_13
}
