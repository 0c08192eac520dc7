//! The end of a connection: what becomes of its handshake and of its turns.

use tracer_common::record::{closer, handshake, tls, turn};

use crate::{batch, conn::Conn, difference::elapsed, outside::Reports, pickup, tunnel};

/// Notes the first FIN of a connection, which one of its sides has sent.
#[inline(always)]
pub fn begin<R: Reports>(conn: &mut Conn, by: u8, now_ns: u64, reports: &mut R) {
    if conn.closer != 0 {
        return;
    }
    conn.closer = by;
    conn.closing_ns = now_ns;
    // A server may answer early data and close before the client's Finished is out (RFC 8446 2.3).
    if by == closer::CLIENT || conn.early_data == 0 {
        finish_handshake(conn, reports);
    }
}

/// Ends a handshake at the close of its connection. The client's last flight may already have been sent.
#[inline(always)]
pub fn finish_handshake<R: Reports>(conn: &mut Conn, reports: &mut R) {
    let cookie = conn.cookie;
    if conn.handshake == handshake::TUNNEL {
        tunnel::closed(conn, reports);
    } else if conn.handshake == handshake::LAST_FLIGHT {
        conn.outcome = tls::DONE;
        conn.flow = tls::FLOW_13;
        reports.handshake(conn, cookie);
        conn.handshake = handshake::OVER;
    } else if conn.handshake == handshake::HANDSHAKE {
        conn.outcome = tls::CLOSED;
        conn.ended_by = match conn.closer {
            closer::CLIENT | closer::CLIENT_RESET => tls::BY_CLIENT,
            closer::SERVER | closer::SERVER_RESET => tls::BY_SERVER,
            _ => 0,
        };
        reports.handshake(conn, cookie);
        // The alert that says why may leave with the FIN.
        conn.handshake = handshake::NO_REQUESTS;
    }
}

/// Reports the turns of a connection whose process sends no more. `reads_no_more`: it does not read either, so the
/// current turn is over.
#[inline(always)]
pub fn sends_no_more<R: Reports>(
    conn: &mut Conn,
    reads_no_more: bool,
    now_ns: u64,
    reports: &mut R,
) {
    batch::report(conn, conn.cookie, now_ns, reports);
    if reads_no_more && conn.is_carrying() {
        read_late(conn, reports);
        reports.turn(conn, turn::CLOSE, conn.cookie, now_ns);
        conn.request.reported = 1;
    }
}

/// Reports the turns of a connection that has closed.
#[inline(always)]
pub fn finish_turns<R: Reports>(conn: &mut Conn, now_ns: u64, reports: &mut R) {
    batch::report(conn, conn.cookie, now_ns, reports);
    if conn.is_carrying() {
        read_late(conn, reports);
        reports.turn(conn, turn::CLOSE, conn.cookie, now_ns);
    }
}

/// Reports how long after its last byte the last response was read, if the application was slow: the connection was not
/// idle in that time.
#[inline(always)]
fn read_late<R: Reports>(conn: &Conn, reports: &mut R) {
    const NS_IN_US: u64 = 1000;
    if conn.is_answered()
        && let Some(late_ns) = elapsed(pickup::over_ns(conn), conn.response.last_ns)
        && late_ns >= NS_IN_US
    {
        let late_us = late_ns / NS_IN_US;
        let most = u64::from(u32::MAX);
        reports.read_late(conn, (if late_us < most { late_us } else { most }) as u32);
    }
}
