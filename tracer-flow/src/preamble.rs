//! Header of the PROXY protocol, which a client may send before anything else to tell whom it speaks for.

use crate::{conn::Conn, difference::bytes_between, source::Source};

/// Longest header of version 1, with its end of line.
const LONGEST_LINE: u32 = 107;
/// Bytes of a header of version 2 before its addresses, and the position of their length in it.
const FIXED: u32 = 16;
const LENGTH_AT: u32 = 14;

/// Passes over a header at the beginning of the client's bytes: what follows it is the beginning. True if nothing follows
/// in this segment, which has `length` bytes.
#[inline(always)]
pub(crate) fn is_passed_over<S: Source>(conn: &mut Conn, source: &S, length: u32) -> bool {
    let position = conn.egress.position;
    let header = header_length(source, position);
    if header == 0 {
        return false;
    }
    conn.egress.base = conn.egress.base.wrapping_add(header);
    let there = bytes_between(position, length);
    if header >= there {
        return true;
    }
    conn.egress.position += header;
    conn.sent.next = conn.sent.next.wrapping_add(header);
    false
}

/// Length of the header at `position`; 0 if there is none.
#[inline(always)]
fn header_length<S: Source>(source: &S, position: u32) -> u32 {
    let Some(begin) = source.bytes::<8>(position) else {
        return 0;
    };
    match &begin {
        b"PROXY TC" | b"PROXY UN" => line_length(source, position),
        b"\r\n\r\n\0\r\nQ" => source
            .bytes::<2>(position + LENGTH_AT)
            .map_or(0, |length| FIXED + u32::from(u16::from_be_bytes(length))),
        _ => 0,
    }
}

/// Length of the line at `position`; 0 if it does not end.
#[inline(always)]
fn line_length<S: Source>(source: &S, position: u32) -> u32 {
    let mut at = 0;
    while at < LONGEST_LINE {
        let Some([byte]) = source.bytes::<1>(position + at) else {
            return 0;
        };
        at += 1;
        if byte == b'\n' {
            return at;
        }
    }
    0
}
