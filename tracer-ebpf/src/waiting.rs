//! Turns that wait for the next ones of their connection, so that up to eight make one record: to write one for
//! each took a fifth of what a turn costs. Only those wait that begin within milliseconds.

use tracer_common::record::{
    BriefTurn,
    turn::{self, SLOW_PICKUP_NS, TURNS, WAIT_NS},
};

use crate::{bound::masked, conn::Conn, difference::elapsed, emit, overflow, turn as turns};

const MASK: u64 = TURNS as u64 - 1;

/// The turn at hand is over, since the next request begins: it waits, or is reported with those that do.
#[inline(always)]
pub fn over(conn: &mut Conn, cookie: u64, now_ns: u64) {
    let Some(brief) = brief(conn) else {
        report(conn, cookie, now_ns);
        turns::finish(conn, turn::NEXT, cookie, now_ns);
        return;
    };
    let (h2, waiting) = (conn.turn.h2, conn.turn.waiting);
    if waiting != 0 && conn.waiting().head.h2 != h2 {
        report(conn, cookie, now_ns);
    }
    add(conn, brief);
    let first = conn.waiting();
    let first_ns = first.head.previous_ns + u64::from(first.turns[0].idle_ns);
    // The segment has a time from before it passed, so the first of them may even be later.
    let is_old = elapsed(now_ns, first_ns).is_some_and(|age_ns| age_ns >= WAIT_NS);
    if conn.turn.waiting as usize == TURNS || is_old {
        report(conn, cookie, now_ns);
    }
}

/// The turn at hand, when it is an answered one behind another and its times fit. One whose times are not in order is
/// reported by itself, and user space counts that.
#[inline(always)]
fn brief(conn: &Conn) -> Option<BriefTurn> {
    let (now, answer) = (&conn.turn, &conn.answer);
    if now.number < 2 || now.previous_ns == 0 || !turns::is_answered(conn) {
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
    let at = masked::<MASK>(u32::from(conn.turn.waiting));
    let (previous_ns, number) = (conn.turn.previous_ns, conn.turn.number);
    let (protocol, h2, adopted) = (conn.turn.protocol, conn.turn.h2, conn.adopted);
    let record = conn.waiting();
    if at == 0 {
        let head = &mut record.head;
        head.previous_ns = previous_ns;
        head.number = number;
        head.protocol = protocol;
        head.h2 = h2;
        head.adopted = adopted;
    }
    record.turns[at] = brief;
    conn.turn.waiting += 1;
}

/// Reports the turns that wait.
#[inline(always)]
pub fn report(conn: &mut Conn, cookie: u64, now_ns: u64) {
    if conn.turn.waiting == 0 {
        return;
    }
    if !emit::turns(conn, cookie, now_ns) {
        overflow::waited(conn);
    }
    conn.turn.waiting = 0;
}
