//! Records of turns: one record for a turn, or one for a batch of turns.

use tracer_common::{
    counter::Counter,
    record::{BriefTurn, FirstTurnRecord, TurnRecord, TurnsRecord, kind},
};
use tracer_flow::{
    bound::between_one_and,
    conn::Conn,
    record::{fill, fill_first, flags},
};

use super::{header, try_record_at, wakes};
use crate::{count::count, maps, overflow};

/// Reports the current turn.
#[inline(always)]
pub fn turn(conn: &Conn, ended: u8, cookie: u64, now_ns: u64) {
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

/// Reports the batch of a connection, which has at least one turn.
#[inline(always)]
pub fn turns(conn: &mut Conn, cookie: u64, now_ns: u64) {
    if !write_batch(conn, cookie, now_ns) {
        overflow::batched(conn);
    }
}

/// Writes the batch of a connection, which has at least one turn. False when there is no room.
#[inline(always)]
fn write_batch(conn: &mut Conn, cookie: u64, now_ns: u64) -> bool {
    let turns = conn.request.batched;
    let flags = flags(conn);
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
