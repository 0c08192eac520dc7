//! Keeps the figures of records that find no room in the ring buffer: durations in per-CPU histograms, counts in
//! per-CPU counters. So the totals stay complete.

use tracer_common::{
    overflow::{Count, Histogram},
    record::{close_outcome, connect, tls, turn::TURNS},
};
use tracer_flow::conn::Conn;

use crate::{count::duration, maps, sock::TcpFigures};

#[inline(always)]
fn add(count: Count, value: u64) {
    if let Some(slot) = maps::OVERFLOW_COUNTS.get_ptr_mut(count as u32) {
        // SAFETY: a per-CPU slot of the map.
        unsafe { *slot += value }
    }
}

/// Adds a sample to a phase. A sample of unknown duration is counted too, in phases that count samples.
#[inline(always)]
fn time(phase: Histogram, duration_ns: Option<u64>) {
    let Some(ns) = duration_ns else {
        if let Some(count) = phase.unmeasured() {
            add(count, 1);
        }
        return;
    };
    if let Some(slot) = maps::OVERFLOW_TIMES.get_ptr_mut(phase.slot(ns)) {
        // SAFETY: a per-CPU slot of the map.
        unsafe { *slot += 1 }
    }
}

/// Counts a connect that has ended.
#[inline(never)]
pub fn connected(conn: &Conn, outcome: u8, error: u32, now_ns: u64) {
    add(Count::Records, 1);
    add(Count::SynRetransmits, u64::from(conn.syn_retransmits));
    // Only a connect that succeeded can be marked so.
    add(Count::Unwatched, u64::from(conn.unwatched));
    // A connect from before the trace has no start time.
    let is_adopted = conn.start_ns == 0;
    let duration_ns = if is_adopted {
        None
    } else {
        duration(now_ns, conn.start_ns)
    };
    if outcome == connect::ESTABLISHED {
        if is_adopted {
            add(Count::Adopted, 1);
        } else {
            time(Histogram::Connect, duration_ns);
        }
        return;
    }
    time(Histogram::ConnectFailed, duration_ns);
    add(Count::failed(error), 1);
    if outcome == connect::ABORTED {
        add(Count::Aborted, 1);
    }
}

/// Counts a handshake that has ended. Over TLS 1.3 only the ServerHello shows whether it was resumed.
#[inline(never)]
pub fn handshaken(conn: &Conn) {
    add(Count::Records, 1);
    match (conn.outcome, conn.flow, conn.resumed) {
        (tls::DONE, tls::FLOW_12, resumed) => {
            let duration_ns = duration(conn.tls_end_ns, conn.tls_start_ns);
            if resumed == 0 {
                time(Histogram::Tls, duration_ns);
            } else {
                time(Histogram::TlsResumed, duration_ns);
            }
        }
        (tls::DONE, ..) | (tls::UNKNOWN, ..) => add(Count::TlsUnknown, 1),
        (tls::NOT_TLS, ..) => add(Count::NotTls, 1),
        _ => add(Count::TlsFailed, 1),
    }
}

/// Counts a connection that has closed.
#[inline(never)]
pub fn closed(conn: &Conn, figures: &TcpFigures, left: u8, now_ns: u64) {
    add(Count::Records, 1);
    let closers = [
        Count::ClosedUnknown,
        Count::ClosedClient,
        Count::ClosedServer,
        Count::ClosedClientReset,
        Count::ClosedServerReset,
        Count::ClosedTimeout,
    ];
    let mut by = 0;
    while by < closers.len() {
        if by == conn.closer as usize {
            add(closers[by], 1);
        }
        by += 1;
    }
    if conn.established_ns != 0 {
        time(Histogram::Lifetime, duration(now_ns, conn.established_ns));
    }
    match left {
        close_outcome::TIME_WAIT => add(Count::TimeWait, 1),
        close_outcome::ORPHAN => add(Count::Orphans, 1),
        _ => {}
    }
    add(Count::Retransmits, u64::from(figures.retransmits));
    add(Count::BytesSent, figures.bytes_sent);
    add(Count::BytesReceived, figures.bytes_received);
    let segments = figures.segments(conn);
    add(Count::SegmentsReceived, u64::from(segments.received));
    add(Count::SegmentsSent, u64::from(segments.sent));
    add(Count::OutOfOrder, u64::from(segments.out_of_order));
    add(Count::Missing, u64::from(segments.missing));
}

/// Counts a turn that is over.
#[inline(never)]
pub fn turned(conn: &Conn) {
    let (request, response) = (&conn.request, &conn.response);
    add(Count::Records, 1);
    add(Count::Requests, 1);
    if request.number == 1 {
        add(Count::RequestConnections, 1);
    }
    if request.previous_ns != 0 {
        time(
            Histogram::Idle,
            duration(request.start_ns, request.previous_ns),
        );
    }
    if !conn.is_answered() {
        add(Count::RequestsFailed, 1);
        return;
    }
    if conn.has_evidence() {
        // Only user space can distinguish tickets from a response.
        add(Count::FirstUnknown, 1);
        return;
    }
    let phase = match (request.number, conn.adopted) {
        (1, 0) => Histogram::TtfbFirst,
        (1, _) => Histogram::TtfbAdopted,
        _ => Histogram::TtfbReused,
    };
    time(phase, duration(response.first_ns, request.start_ns));
    time(
        Histogram::Transfer,
        duration(response.last_ns, response.first_ns),
    );
    if conn.mptcp == 1 {
        add(Count::PickupsUnseen, 1);
    } else {
        time(Histogram::Pickup, Some(request.pickup_ns));
    }
}

/// Counts the turns of a batch.
#[inline(never)]
pub fn batched(conn: &mut Conn) {
    let (count, mptcp) = (u32::from(conn.request.batched), conn.mptcp == 1);
    if mptcp {
        add(Count::PickupsUnseen, u64::from(count));
    }
    let record = conn.batch();
    add(Count::Records, u64::from(count));
    add(Count::Requests, u64::from(count));
    let mut at = 0;
    while at < TURNS {
        if (at as u32) < count {
            let brief = &record.turns[at];
            time(Histogram::Idle, Some(u64::from(brief.idle_ns)));
            time(Histogram::TtfbReused, Some(u64::from(brief.ttfb_ns)));
            time(Histogram::Transfer, Some(u64::from(brief.transfer_ns)));
            if !mptcp {
                time(Histogram::Pickup, Some(u64::from(brief.pickup_ns)));
            }
        }
        at += 1;
    }
}

/// Counts a query that is not the repetition of another one.
#[inline(always)]
pub fn queried() {
    add(Count::Records, 1);
    add(Count::DnsQueries, 1);
}

/// Counts a query that was sent again.
#[inline(always)]
pub fn queried_again() {
    add(Count::Records, 1);
    add(Count::DnsRetries, 1);
}

/// Counts an answer to a query that found the ring full.
#[inline(never)]
pub fn answered(flags: u16, duration_ns: u64) {
    const TRUNCATED: u16 = 0x0200;
    add(Count::Records, 1);
    if flags & TRUNCATED != 0 {
        add(Count::DnsTruncated, 1);
        return;
    }
    let (phase, count) = match flags & 15 {
        0 => (Histogram::Dns, None),
        2 => (Histogram::DnsFailed, Some(Count::DnsServfail)),
        3 => (Histogram::DnsFailed, Some(Count::DnsNxdomain)),
        _ => (Histogram::DnsFailed, Some(Count::DnsOther)),
    };
    time(phase, Some(duration_ns));
    if let Some(count) = count {
        add(count, 1);
    }
}
