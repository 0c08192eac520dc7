//! Certificate of the client that the server asks for after the handshake (RFC 8446 4.6.2): the client answers with a
//! Certificate, a CertificateVerify and a Finished, which are no request.

use tracer_common::record::turn::TLS_13;

use crate::{
    conn::{Conn, PADS_SENT},
    control::data_length,
    lengths::is_finished_13,
    source::Source,
};

const RECORD_HEADER: u32 = 5;
/// Records of such a flight: the three messages, and one more for a long chain of certificates.
const RECORDS: u32 = 4;

/// True if the client's records from `at` on, up to the end of the segment at `length`, are such a flight: there are several, and
/// the last one has the length of a Finished.
#[inline(always)]
pub(crate) fn is_sent<S: Source>(conn: &Conn, source: &S, at: u32, length: u32) -> bool {
    if conn.request.protocol != TLS_13 || conn.request.number == 0 {
        return false;
    }
    let (mut at, mut records) = (at, 0);
    while records < RECORDS {
        let record = data_length(source, at);
        if record == 0 {
            return false;
        }
        records += 1;
        at += RECORD_HEADER + record;
        if at >= length {
            let bare = conn.without_padding(PADS_SENT, record);
            return at == length && records > 1 && is_finished_13(conn.finished_13, bare);
        }
    }
    false
}
