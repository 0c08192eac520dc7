//! Batches of up to eight turns of a connection in one record: writing a record for each turn took a fifth of a turn's
//! cost. A turn waits only for turns that begin within milliseconds.

use tracer_common::record::{
    BriefTurn,
    turn::{self, SLOW_PICKUP_NS, TURNS, WAIT_NS},
};

use crate::{
    bound::masked,
    conn::{Conn, follows},
    difference::elapsed,
    outside::Reports,
};

const MASK: u64 = TURNS as u64 - 1;

/// Handles the end of the current turn, when the next request begins: adds the turn to the batch, or reports it and the
/// batch.
#[inline(always)]
pub(crate) fn over<R: Reports>(conn: &mut Conn, cookie: u64, now_ns: u64, reports: &mut R) {
    let Some(brief) = brief(conn) else {
        report(conn, cookie, now_ns, reports);
        reports.turn(conn, turn::NEXT, cookie, now_ns);
        return;
    };
    let (h2, batched) = (conn.request.h2, conn.request.batched);
    if batched != 0 && conn.batch().head.h2 != h2 {
        report(conn, cookie, now_ns, reports);
    }
    add(conn, brief);
    let first = conn.batch();
    let first_ns = first.head.previous_ns + u64::from(first.turns[0].idle_ns);
    // The time of the segment is from before its packet got here, so `first_ns` may even be later.
    let is_old = elapsed(now_ns, first_ns).is_some_and(|age_ns| age_ns >= WAIT_NS);
    if conn.request.batched as usize == TURNS || is_old {
        report(conn, cookie, now_ns, reports);
    }
}

/// Reports the batch of a connection, if it has turns, and starts a new one.
#[inline(always)]
pub(crate) fn report<R: Reports>(conn: &mut Conn, cookie: u64, now_ns: u64, reports: &mut R) {
    if conn.request.batched == 0 {
        return;
    }
    reports.turns(conn, cookie, now_ns);
    conn.request.batched = 0;
}

/// The current turn in short form, if it is answered, is not the first, and its times fit. A turn with times out of
/// order is reported by itself, and user space counts it. Where HTTP/2 is followed, the batch has no room.
#[inline(always)]
fn brief(conn: &Conn) -> Option<BriefTurn> {
    let (now, answer) = (&conn.request, &conn.response);
    let has_room = conn.follows == follows::NOTHING;
    if now.number < 2 || now.previous_ns == 0 || !has_room || !conn.is_answered() {
        return None;
    }
    let idle_ns = elapsed(now.start_ns, now.previous_ns)?;
    let ttfb_ns = elapsed(answer.first_ns, now.start_ns)?;
    let transfer_ns = elapsed(answer.last_ns, answer.first_ns)?;
    let fits = (idle_ns | ttfb_ns | transfer_ns) >> 32 == 0 && now.pickup_ns < SLOW_PICKUP_NS;
    fits.then_some(BriefTurn {
        idle_ns: idle_ns as u32,
        ttfb_ns: ttfb_ns as u32,
        transfer_ns: transfer_ns as u32,
        pickup_ns: now.pickup_ns as u32,
    })
}

#[inline(always)]
fn add(conn: &mut Conn, brief: BriefTurn) {
    let at = masked::<MASK>(u32::from(conn.request.batched));
    let (previous_ns, number) = (conn.request.previous_ns, conn.request.number);
    let (protocol, h2, adopted) = (conn.request.protocol, conn.request.h2, conn.adopted);
    let record = conn.batch();
    if at == 0 {
        let head = &mut record.head;
        head.previous_ns = previous_ns;
        head.number = number;
        head.protocol = protocol;
        head.h2 = h2;
        head.adopted = adopted;
    }
    record.turns[at] = brief;
    conn.request.batched += 1;
}
