//! Records received in the first turn over TLS 1.3: here session tickets look like a response, so user space decides.

use tracer_common::record::turn::EVIDENCE;

use crate::{
    bound::masked,
    conn::{Conn, PADS_RECEIVED},
    lengths::{ALERT_13, CONTINUE_RECORD, KEY_UPDATE_13},
};

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
