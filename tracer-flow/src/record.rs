//! Records of turns, filled from the state of their connection.

use tracer_common::record::{
    FirstTurnRecord, TunnelRecord, TurnRecord, UNMEASURED as NOT_MEASURED,
    turn::{READS_UNSEEN, SLOW_PICKUP_NS, UNMEASURED, UNSEEN},
};

use crate::{conn::Conn, difference::elapsed};

/// Flags of the turns of a connection that are reported together.
#[inline(always)]
pub fn flags(conn: &Conn) -> u8 {
    conn.adopted | if conn.mptcp == 1 { READS_UNSEEN } else { 0 }
}

/// Fills everything of a turn record but its header.
#[inline(always)]
pub fn fill(conn: &Conn, ended: u8, record: &mut TurnRecord) {
    let (request, response) = (&conn.request, &conn.response);
    let answered = conn.is_answered();
    record.start_ns = request.start_ns;
    record.first_ns = if answered { response.first_ns } else { 0 };
    record.last_ns = if answered { response.last_ns } else { 0 };
    record.previous_ns = request.previous_ns;
    record.pickup_ns = if conn.mptcp == 1 {
        UNSEEN
    } else {
        request.pickup_ns
    };
    record.pickup_run_queue_ns = if request.pickup_ns < SLOW_PICKUP_NS {
        UNMEASURED
    } else {
        conn.pickup_run_queue_ns
    };
    record.number = request.number;
    record.protocol = request.protocol;
    record.ended = ended;
    record.h2 = request.h2;
    record.adopted = conn.adopted;
}

/// Fills everything of a first-turn record but its header.
#[inline(always)]
pub fn fill_first(conn: &Conn, ended: u8, record: &mut FirstTurnRecord) {
    fill(conn, ended, &mut record.turn);
    record.finished_ns = conn.tls_end_ns;
    record.times_ns = conn.times_ns;
    record.lengths = conn.lengths;
    record.records = conn.response.records;
    record.early = conn.response.early;
    record.broken = conn.response.broken;
    record.half_rtt = conn.response.half_rtt;
    record.early_length = conn.response.early_length;
    record.sent_length = conn.sent_length;
    record.pad = [0; 4];
}

/// Fills everything of a tunnel record but its header. `outcome`: one of `record::tunnel`.
#[inline(always)]
pub fn fill_tunnel(conn: &Conn, outcome: u8, record: &mut TunnelRecord) {
    let exchange = &conn.exchange;
    record.start_ns = exchange.start_ns;
    record.duration_ns = elapsed(exchange.end_ns, exchange.start_ns).unwrap_or(NOT_MEASURED);
    record.status = exchange.status;
    record.kind = exchange.kind;
    record.outcome = outcome;
    record.inside = exchange.inside;
    record.closer = conn.closer;
    record.pad = [0; 2];
}
