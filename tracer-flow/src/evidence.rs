//! Records received in the first turn over TLS 1.3: here session tickets look like a response, so user space decides.

use tracer_common::record::turn::{EVIDENCE, TLS_13};

use crate::{
    bound::masked,
    conn::{Conn, PADS_RECEIVED, PADS_SENT},
    lengths::{ALERT_13, CONTINUE_RECORD, KEY_UPDATE_13},
    source::Source,
};

/// Lengths of the record of a session ticket, as observed.
const TICKET: core::ops::RangeInclusive<u16> = 60..=1400;

/// Notes a TLS record received after the handshake. Records that cannot be a response are left out.
#[inline(always)]
pub(crate) fn note_record(conn: &mut Conn, length: u32) {
    let bare = conn.without_padding(PADS_RECEIVED, length);
    let response = &mut conn.response;
    if bare == ALERT_13 || bare == KEY_UPDATE_13 || CONTINUE_RECORD[..2].contains(&bare) {
        return;
    }
    if conn.request.number == 0 {
        if response.early == 0 {
            response.early_length = length as u16;
        }
        response.early = response.early.wrapping_add(1);
        return;
    }
    if (response.records as usize) < EVIDENCE {
        let at = masked::<{ EVIDENCE as u64 - 1 }>(response.records);
        conn.lengths[at] = length as u16;
        conn.times_ns[at] = conn.ingress.now_ns;
    }
    response.records = response.records.wrapping_add(1);
}

/// Notes the length of the client's first record after the handshake, whose header is at `position`: the preface of HTTP/2
/// has few lengths.
#[inline(always)]
pub(crate) fn note_first_sent<S: Source>(conn: &mut Conn, source: &S, position: u32) {
    const APPLICATION_DATA: u8 = 23;
    if let Some(header) = source.bytes::<5>(position)
        && header[0] == APPLICATION_DATA
    {
        let length = (u32::from(header[3]) << 8) | u32::from(header[4]);
        conn.sent_length = conn.without_padding(PADS_SENT, length) as u16;
    }
}

/// True if all records received in the first turn may be tickets, so that the request is still going on: with those that
/// came before the request they have one size, and there are two or four of them, as most servers send. A client may have
/// read them.
#[inline(always)]
pub(crate) fn only_tickets(conn: &Conn) -> bool {
    let (answer, lengths) = (&conn.response, &conn.lengths);
    let early = u32::from(answer.early);
    let all = answer.records.wrapping_add(early);
    conn.request.protocol == TLS_13
        && conn.request.number == 1
        && answer.broken == 0
        && answer.half_rtt == 0
        && (all == 2 || all == 4)
        && answer.records != 0
        && TICKET.contains(&lengths[0])
        && (early == 0 || answer.early_length == lengths[0])
        && (answer.records < 2 || lengths[1] == lengths[0])
        && (answer.records < 3 || lengths[2] == lengths[0])
        && (answer.records < 4 || lengths[3] == lengths[0])
}
