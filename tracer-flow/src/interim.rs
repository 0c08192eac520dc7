//! Interim responses over TLS (RFC 9110 15.2). With 100 Continue a server asks for the body of a request. Its lengths
//! may tell it: the answer was short, and what the client sends once it has read it is much longer than what began the
//! request.

use tracer_common::record::turn::EVIDENCE;

use crate::{
    bound::masked,
    conn::Conn,
    difference::{bytes_between, elapsed},
};

/// Most bytes of an interim response, with the header of its record and what encryption adds.
const LONGEST_ANSWER: u32 = 5 + 24 + 400;
/// Least length of the first record of a body that a client holds back.
const SHORTEST_BODY: u32 = 1024;
/// Time in which a client sends the body that it was asked for, ns.
const AT_ONCE_NS: u64 = 20_000_000;

/// True if the answer so far asks for the body that the client now begins to send. `length`: that of its first record.
#[inline(always)]
pub(crate) fn asks_for_body(conn: &Conn, length: u32, now_ns: u64) -> bool {
    let began = u32::from(conn.request_length);
    conn.request.number != 0
        && conn.request.reported == 0
        && began != 0
        && length >= SHORTEST_BODY
        && length >= 2 * began
        && conn.request.read_ns >= conn.response.last_ns
        && answer_length(conn) <= LONGEST_ANSWER
        && elapsed(now_ns, conn.response.last_ns).is_none_or(|idle_ns| idle_ns < AT_ONCE_NS)
}

/// Makes the request unanswered again.
#[inline(always)]
pub(crate) fn goes_on(conn: &mut Conn) {
    conn.response.answered = bytes_between(1, conn.request.number);
    conn.response.records = 0;
}

/// Bytes of the answer so far. In a first turn over TLS 1.3 tickets may come before it, so there the last record is taken
/// for it.
#[inline(always)]
fn answer_length(conn: &Conn) -> u32 {
    let records = conn.response.records;
    if conn.has_evidence()
        && conn.response.broken == 0
        && records != 0
        && records <= EVIDENCE as u32
    {
        return u32::from(
            conn.lengths[masked::<{ EVIDENCE as u64 - 1 }>(bytes_between(1, records))],
        );
    }
    bytes_between(conn.answer_from, conn.got.next)
}
