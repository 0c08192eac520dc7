//! Records of turns: one record for a turn, or one for a batch of turns.

use tracer_common::{
    counter::Counter,
    record::{
        BriefTurn, FirstTurnRecord, TurnRecord, TurnsRecord, kind,
        turn::{READS_UNSEEN, SLOW_PICKUP_NS, UNMEASURED, UNSEEN},
    },
};

use super::{header, try_record_at, wakes};
use crate::{bound::between_one_and, count::count, maps, overflow, state::conn::Conn};

/// Reports the current turn.
#[inline(always)]
pub fn finish(conn: &Conn, ended: u8, cookie: u64, now_ns: u64) {
    let written = if conn.has_evidence() {
        try_record_at(
            now_ns,
            kind::FIRST_TURN,
            cookie,
            |record: &mut FirstTurnRecord| {
                fill_first(conn, ended, record);
            },
        )
    } else {
        try_record_at(now_ns, kind::TURN, cookie, |record: &mut TurnRecord| {
            fill(conn, ended, record);
        })
    };
    if !written {
        overflow::turned(conn);
    }
}

/// Flags of the turns of a connection that are reported together.
#[inline(always)]
pub fn turn_flags(conn: &Conn) -> u8 {
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
    record.pad = [0; 6];
}

/// Reports the batch of a connection, if it has turns, and starts a new one.
#[inline(always)]
pub fn report_batch(conn: &mut Conn, cookie: u64, now_ns: u64) {
    if conn.request.batched == 0 {
        return;
    }
    if !write_batch(conn, cookie, now_ns) {
        overflow::batched(conn);
    }
    conn.request.batched = 0;
}

/// Writes the batch of a connection, which has at least one turn. False when there is no room.
#[inline(always)]
fn write_batch(conn: &mut Conn, cookie: u64, now_ns: u64) -> bool {
    let turns = conn.request.batched;
    let flags = turn_flags(conn);
    let record = conn.batch();
    record.head.adopted = flags;
    record.head.header = header::<TurnsRecord>(now_ns, kind::TURNS, cookie);
    let size = batch_size(turns);
    record.head.header.size = size;
    record.head.count = turns;
    // SAFETY: the record is plain bytes, and has at least this size.
    let bytes =
        unsafe { core::slice::from_raw_parts((&raw const *record).cast::<u8>(), size as usize) };
    if maps::RECORDS.output::<[u8]>(bytes, wakes(now_ns)).is_err() {
        return false;
    }
    count(Counter::Emitted);
    true
}

/// Bytes of the record of a batch with this many turns.
#[inline(always)]
pub fn batch_size(turns: u8) -> u32 {
    const HEAD: u32 = core::mem::offset_of!(TurnsRecord, turns) as u32;
    between_one_and::<{ size_of::<TurnsRecord>() as u64 }>(
        HEAD + u32::from(turns) * size_of::<BriefTurn>() as u32,
    )
}
