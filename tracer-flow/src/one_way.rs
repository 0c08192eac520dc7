//! Traffic over TLS that is never answered, by design: messages to a log, measurements. A client that waits for an answer
//! sends its request and then nothing; one that goes on after pauses does not wait.

use tracer_common::record::turn::{TLS_12, TLS_13};

use crate::{conn::Conn, difference::elapsed, evidence};

/// Shortest pause that shows a client which does not wait: longer than the round trips that a body spreads over.
const PAUSE_NS: u64 = 1_000_000_000;
/// Number of pauses that make it certain. The body of one request may have one, after `Expect: 100-continue`.
const PAUSES: u8 = 3;

/// Notes that the client of a first request sends more. True if it has done so after so many pauses, and nothing but
/// tickets has come from the server.
#[inline(always)]
pub(crate) fn shows(conn: &mut Conn, now_ns: u64) -> bool {
    let is_tls = matches!(conn.request.protocol, TLS_12 | TLS_13);
    let waits = conn.response.answered == 0 || evidence::only_tickets(conn);
    if !is_tls || !waits || conn.request.number != 1 || conn.request.h2 == 1 {
        return false;
    }
    let last_ns = if conn.sent_ns == 0 {
        conn.request.start_ns
    } else {
        conn.sent_ns
    };
    conn.sent_ns = now_ns;
    if elapsed(now_ns, last_ns).is_some_and(|pause_ns| pause_ns >= PAUSE_NS) {
        conn.pauses += 1;
    }
    conn.pauses >= PAUSES
}
