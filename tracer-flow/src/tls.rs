//! Follows the TLS record layer (RFC 8446 5.1) of both directions until the client may send application data. Only
//! record headers are read, in sequence order, however the bytes are split into segments. The end of the handshake
//! follows from the records:
//!
//! - TLS 1.2 and older: each side sends ChangeCipherSpec and then one encrypted handshake record, its
//!   Finished. Full handshake: the client's Finished comes first, and the server's is the end.
//!   Resumed: the server's Finished comes first, and the client's is the end (RFC 5246 7.3).
//! - TLS 1.3: after its ServerHello the server sends application-data records. The client's
//!   Finished is the first application-data record that it sends after them (RFC 8446 2). With a client certificate
//!   it is the first one that has the size of a Finished.

use tracer_common::record::{handshake, tls, turn::EVIDENCE};

use crate::{
    bound::{between_one_and, masked},
    conn::{Conn, PADS_RECEIVED, PADS_SENT, Stream},
    difference::bytes_between,
    evidence::note_record,
    lengths::{ALERT_13, PADDING, finished_13, is_finished_13, is_padded},
    outside::Loops,
    source::Source,
};

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;
/// RFC 6520.
pub(crate) const HEARTBEAT: u8 = 24;
const CLIENT_HELLO: u8 = 1;
/// Largest record: 2^14 bytes of plaintext, and the most that encryption may add (RFC 5246 6.2.3).
pub(crate) const LONGEST_RECORD: u32 = (1 << 14) + 2048;
/// An encrypted Finished of TLS 1.2 is at most 96 bytes; a second ClientHello or a ServerHello that
/// follows the ChangeCipherSpec of a HelloRetryRequest is longer than this.
const LONGEST_FINISHED: u32 = 112;
/// Records of a client's last flight: Certificate, CertificateVerify, Finished, and one to spare.
const LONGEST_FLIGHT: u8 = 4;
/// Records read in one segment at most: a segment of 64 KiB has no more, and those of BIG TCP have none as short.
pub(crate) const RECORDS_A_SEGMENT: u32 = 16_384;

/// Follows the records of the current segment; its bytes `position..length` are the next in order.
#[inline(always)]
pub(crate) fn walk<const EGRESS: bool, S: Source, L: Loops>(conn: &mut Conn, source: &S) {
    // The closure holds only pointers, so that the verifier sees the same state in every iteration.
    L::repeat(RECORDS_A_SEGMENT, || step::<EGRESS, S>(conn, source));
    let stream = if EGRESS { &conn.egress } else { &conn.ingress };
    if stream.position < stream.length {
        if conn.handshake == handshake::OVER {
            conn.response.broken = 1;
        } else if conn.outcome == 0 {
            give_up(conn);
        }
    }
}

/// Ends the handshake as unknown: a part of the stream is missing. The report of the outcome counts it.
#[inline(always)]
pub(crate) fn give_up(conn: &mut Conn) {
    conn.outcome = tls::UNKNOWN;
}

/// Reads one record header; true ends the walk.
#[inline(always)]
fn step<const EGRESS: bool, S: Source>(conn: &mut Conn, source: &S) -> bool {
    if !skip_body(stream_of::<EGRESS>(conn)) || !read_header(stream_of::<EGRESS>(conn), source) {
        return true;
    }
    if needs_alert_body(stream_of::<EGRESS>(conn)) {
        return false;
    }
    note_suite::<EGRESS, S>(conn, source);
    take_record::<EGRESS>(conn);
    ends_walk(conn)
}

/// Notes what the cipher suite of the ServerHello, the first record of the server, says about lengths. A hello that comes
/// in pieces is not read.
#[inline(always)]
fn note_suite<const EGRESS: bool, S: Source>(conn: &mut Conn, source: &S) {
    /// Bytes of a ServerHello before the length of its session id: handshake header, version, random (RFC 8446 4.1.3).
    const BEFORE_SESSION: u32 = 4 + 2 + 32;
    let stream = &conn.ingress;
    if EGRESS || stream.records != 0 || stream.header[0] != HANDSHAKE {
        return;
    }
    let at = stream.position + BEFORE_SESSION;
    let suite = source
        .bytes::<1>(at)
        .and_then(|session| source.bytes::<2>(at + 1 + u32::from(session[0])));
    conn.finished_13 = suite.map_or(0, finished_13);
}

/// True if the handshake has an outcome, or the records after it cannot be followed.
#[inline(always)]
fn ends_walk(conn: &Conn) -> bool {
    if conn.handshake == handshake::OVER {
        conn.response.broken == 1
    } else {
        conn.outcome != 0
    }
}

#[inline(always)]
fn stream_of<const EGRESS: bool>(conn: &mut Conn) -> &mut Stream {
    if EGRESS {
        &mut conn.egress
    } else {
        &mut conn.ingress
    }
}

/// Skips the rest of the current record; false at the end of the segment.
#[inline(always)]
pub(crate) fn skip_body(stream: &mut Stream) -> bool {
    let there = bytes_between(stream.position, stream.length);
    let step = if stream.skip < there {
        stream.skip
    } else {
        there
    };
    stream.skip -= step;
    stream.position += step;
    stream.position < stream.length
}

/// Adds the header bytes of this segment; false while the header is incomplete.
#[inline(always)]
pub(crate) fn read_header<S: Source>(stream: &mut Stream, source: &S) -> bool {
    let there = bytes_between(stream.position, stream.length);
    let missing = bytes_between(stream.have, stream.want);
    let count = between_one_and::<8>(if missing < there { missing } else { there });
    let at = masked::<7>(stream.have);
    // SAFETY: at most 7 + 8 bytes into an array of 16.
    let is_loaded = unsafe {
        let to = (&raw mut stream.header).cast::<u8>().add(at);
        source.load(stream.position, to, count)
    };
    if !is_loaded {
        stream.position = stream.length;
        return false;
    }
    stream.have += count;
    stream.position += count;
    stream.have >= stream.want
}

/// Asks for the two bytes of a plaintext alert, without which it cannot be understood.
#[inline(always)]
fn needs_alert_body(stream: &mut Stream) -> bool {
    let length = record_length(stream);
    if stream.header[0] != ALERT || length != 2 || stream.want == 7 {
        return false;
    }
    stream.want = 7;
    stream.have < 7
}

#[inline(always)]
pub(crate) fn record_length(stream: &Stream) -> u32 {
    (u32::from(stream.header[3]) << 8) | u32::from(stream.header[4])
}

/// Handles a record with a complete header, and prepares for the next one.
#[inline(always)]
fn take_record<const EGRESS: bool>(conn: &mut Conn) {
    let stream = stream_of::<EGRESS>(conn);
    let length = record_length(stream);
    let kind = stream.header[0];
    let extra = stream.want - 5;
    let first = stream.records == 0;
    let valid = (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind)
        && stream.header[1] == 3
        && length <= LONGEST_RECORD
        && length >= extra;
    stream.skip = bytes_between(extra, length);
    stream.have = 0;
    stream.want = 5;
    if first {
        stream.records = 1;
    }
    let begins = kind == HANDSHAKE && stream.header[5] == CLIENT_HELLO;
    if EGRESS {
        if first && !(valid && begins) {
            conn.outcome = tls::NOT_TLS;
        } else if !valid {
            give_up(conn);
        } else {
            sent(conn, kind, length);
        }
    } else if conn.handshake == handshake::OVER {
        if valid {
            note_record(conn, length);
        } else {
            conn.response.broken = 1;
        }
    } else if !valid {
        refuse(conn, first);
    } else {
        received(conn, kind, length);
    }
}

/// Handles bytes of the server that are not TLS: an answer in clear ends the handshake, later ones count as a gap.
#[inline(always)]
fn refuse(conn: &mut Conn, first: bool) {
    if first {
        conn.outcome = tls::NO_TLS_ANSWER;
        conn.ended_by = tls::BY_SERVER;
    } else {
        give_up(conn);
    }
}

#[inline(always)]
fn sent(conn: &mut Conn, kind: u8, length: u32) {
    let now_ns = conn.egress.now_ns;
    match kind {
        CHANGE_CIPHER_SPEC => conn.egress.change_cipher = 1,
        HANDSHAKE if conn.egress.change_cipher == 1 && length <= LONGEST_FINISHED => {
            conn.egress.finished = 1;
            if conn.ingress.finished == 1 {
                conn.resumed = 1;
                done(conn, tls::FLOW_12, now_ns);
            }
        }
        APPLICATION_DATA if conn.egress.finished == 0 => sent_encrypted(conn, length, now_ns),
        // False Start (RFC 7918): the first request is sent before the server's Finished has come.
        APPLICATION_DATA if conn.request.start_ns == 0 => conn.request.start_ns = now_ns,
        ALERT => alerted::<true>(conn, length),
        _ => {}
    }
}

/// Handles an encrypted record before TLS 1.2 is known: early data, an alert or a part of the client's last flight.
#[inline(always)]
fn sent_encrypted(conn: &mut Conn, length: u32, now_ns: u64) {
    if conn.ingress.application == 0 {
        conn.early_data = 1;
        return;
    }
    if is_finished_13(conn.finished_13, length) {
        if is_padded(conn.finished_13, length) {
            conn.pads |= PADS_SENT;
        }
        done(conn, tls::FLOW_13, now_ns);
        return;
    }
    if conn.early_data == 1 {
        return;
    }
    // Nothing else that a client sends first is as long as a padded alert.
    if conn.flight == 0 && (length == ALERT_13 || length == ALERT_13 + PADDING) {
        conn.outcome = tls::ALERT;
        conn.flow = tls::FLOW_13;
        conn.ended_by = tls::BY_CLIENT;
        return;
    }
    conn.flight += 1;
    if conn.flight == 1 {
        conn.tls_end_ns = now_ns;
        conn.handshake = handshake::LAST_FLIGHT;
        return;
    }
    if conn.flight == 2 {
        // This record may already be the first request.
        conn.request.start_ns = now_ns;
    }
    if conn.flight >= LONGEST_FLIGHT {
        let end_ns = conn.tls_end_ns;
        done(conn, tls::FLOW_13, end_ns);
    }
}

#[inline(always)]
fn received(conn: &mut Conn, kind: u8, length: u32) {
    let now_ns = conn.ingress.now_ns;
    match kind {
        CHANGE_CIPHER_SPEC => conn.ingress.change_cipher = 1,
        HANDSHAKE if conn.ingress.change_cipher == 1 && length <= LONGEST_FINISHED => {
            conn.ingress.finished = 1;
            if conn.egress.finished == 1 {
                done(conn, tls::FLOW_12, now_ns);
            }
        }
        APPLICATION_DATA => {
            if conn.ingress.application == 0 {
                conn.first_encrypted = if length < 255 { length as u8 } else { 255 };
            }
            conn.ingress.application = 1;
            note_flight(conn, length);
            if conn.handshake == handshake::LAST_FLIGHT {
                let end_ns = conn.tls_end_ns;
                done(conn, tls::FLOW_13, end_ns);
            }
        }
        ALERT => alerted::<false>(conn, length),
        _ => {}
    }
}

/// Counts the records between the server's Finished and the client's, which may be tickets (RFC 8446 4.6.1). The
/// server's Finished is the last record of its size.
#[inline(always)]
fn note_flight(conn: &mut Conn, length: u32) {
    let answer = &mut conn.response;
    if is_finished_13(conn.finished_13, length) {
        conn.pads &= !PADS_RECEIVED;
        if is_padded(conn.finished_13, length) {
            conn.pads |= PADS_RECEIVED;
        }
        answer.server_finished = 1;
        answer.half_rtt = 0;
    } else if answer.server_finished == 1 {
        // Nothing else is there yet: the first turn has not begun.
        conn.lengths[masked::<{ EVIDENCE as u64 - 1 }>(u32::from(answer.half_rtt))] = length as u16;
        answer.half_rtt = answer.half_rtt.saturating_add(1);
    }
}

/// Handles an alert: a plaintext warning is ignored, any other alert ends the handshake.
#[inline(always)]
fn alerted<const EGRESS: bool>(conn: &mut Conn, length: u32) {
    const WARNING: u8 = 1;
    let stream = if EGRESS { &conn.egress } else { &conn.ingress };
    let body = [stream.header[5], stream.header[6]];
    if length == 2 {
        if body[0] == WARNING {
            return;
        }
        conn.alert = body;
    }
    conn.outcome = tls::ALERT;
    conn.ended_by = if EGRESS {
        tls::BY_CLIENT
    } else {
        tls::BY_SERVER
    };
}

#[inline(always)]
fn done(conn: &mut Conn, flow: u8, end_ns: u64) {
    conn.flow = flow;
    conn.tls_end_ns = end_ns;
    conn.outcome = tls::DONE;
}
