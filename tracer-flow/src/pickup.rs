//! Reads of the application: how long received data waited for them.
//!
//! The wait is measured of single bytes, whose arrival and read are both known. The first one is the byte that came into an
//! empty socket. When a read leaves data, the next one is the last byte that has come by then: no byte before it waited
//! longer from then on. So a long wait is found however the application cuts its reads, and none is made longer than it
//! was. The last byte of a response either is such a byte, or came after one that was read together with it.

use tracer_common::record::{
    handshake,
    turn::{CLEAR, SLOW_PICKUP_NS},
};

use crate::{
    conn::Conn,
    difference::{after, bytes_between, elapsed},
};

/// Longest data over TLS that may stay in the socket for other reasons than a slow reader, such as an alert at the end of
/// the connection, which many clients never read.
const LONGEST_REST: u32 = 72;

/// Position of the application in the bytes that its socket has received, as sequence numbers.
#[derive(Clone, Copy)]
pub struct Progress {
    /// Next byte to be read (`tcp_sock.copied_seq`).
    pub read_to: u32,
    /// Next byte to be received in order (`tcp_sock.rcv_nxt`).
    pub received_to: u32,
}

impl Progress {
    /// True if so much data is left that the application has more of a response to read.
    #[inline(always)]
    fn leaves_data(self, conn: &Conn) -> bool {
        let rest = bytes_between(self.read_to, self.received_to);
        let is_clear = conn.request.protocol == CLEAR;
        rest > if is_clear { 0 } else { LONGEST_REST }
    }

    /// True if the byte before `mark` has been read. A FIN counts as a byte, and no read takes it.
    #[inline(always)]
    fn has_reached(self, mark: u32) -> bool {
        !after(mark, self.read_to.wrapping_add(1))
    }
}

/// Notes that the application has read at `now_ns`, up to where `progress` says. `run_queue_ns` gives, for a slow pickup
/// of data that waited since the given time, the part in which the reader waited for a CPU.
#[inline(always)]
pub fn read(
    conn: &mut Conn,
    now_ns: u64,
    progress: Progress,
    run_queue_ns: impl FnOnce(u64) -> u64,
) {
    let (marked_ns, read_ns) = (conn.request.marked_ns, conn.request.read_ns);
    // A mark from before the request is at data that the application has not read.
    if marked_ns == 0 || marked_ns < conn.request.start_ns {
        // Read once, because the receive path may set it at any time.
        // SAFETY: a member of a value that is borrowed.
        let ready_ns = unsafe { core::ptr::read_volatile(&raw const conn.response.ready_ns) };
        if ready_ns > read_ns {
            waited(conn, now_ns, ready_ns, run_queue_ns);
        }
        mark(conn, progress, read_ns.wrapping_add(1));
    } else if progress.has_reached(conn.mark) {
        waited(conn, now_ns, marked_ns, run_queue_ns);
        mark(conn, progress, marked_ns);
    }
    conn.request.read_ns = now_ns;
}

/// True if response data waits for the application, as far as its reads are seen.
#[inline(always)]
pub fn is_unread(conn: &Conn) -> bool {
    let request = &conn.request;
    conn.mptcp == 0 && (request.marked_ns != 0 || conn.response.ready_ns > request.read_ns)
}

/// True if the application has read nothing since the answer began, so that what it sends belongs to the request that is
/// being answered: the answer came early, or what came are tickets. In clear the bytes tell what they are.
#[inline(always)]
pub(crate) fn leaves_answer_unread(conn: &Conn) -> bool {
    let (request, response) = (&conn.request, &conn.response);
    request.protocol != CLEAR
        && request.number != 0
        && request.read_ns != 0
        && response.first_ns > request.read_ns
        && conn.mptcp == 0
}

/// Notes a read of data that waited since `since_ns`, if they belong to the current turn.
#[inline(always)]
fn waited(conn: &mut Conn, now_ns: u64, since_ns: u64, run_queue_ns: impl FnOnce(u64) -> u64) {
    // Data that became ready after the clock was read was not there when the application copied data out: none of it
    // has been picked up, and no wait is lost. The next read finds it, and measures its wait.
    if let Some(waited_ns) = elapsed(now_ns, since_ns)
        && since_ns >= conn.request.start_ns
        && waited_ns > conn.request.pickup_ns
    {
        conn.request.pickup_ns = waited_ns;
        if waited_ns >= SLOW_PICKUP_NS {
            conn.pickup_run_queue_ns = run_queue_ns(since_ns);
        }
    }
}

/// Marks the last byte in the socket, whose wait is measured next, if a read has left data of a response: such data have
/// come at `earliest_ns` or later.
#[inline(always)]
fn mark(conn: &mut Conn, progress: Progress, earliest_ns: u64) {
    conn.request.marked_ns = 0;
    if !progress.leaves_data(conn) || conn.handshake != handshake::OVER || conn.upgraded == 1 {
        return;
    }
    // SAFETY: as in `read`.
    let last_ns = unsafe { core::ptr::read_volatile(&raw const conn.response.last_ns) };
    if last_ns >= earliest_ns && last_ns >= conn.request.start_ns {
        conn.request.marked_ns = last_ns;
        conn.mark = progress.received_to;
    }
}

/// End of the response, from which on the connection is idle, ns: its last byte, or the read of it if the application was
/// slow to read.
#[inline(always)]
pub(crate) fn over_ns(conn: &Conn) -> u64 {
    let (request, last_ns) = (&conn.request, conn.response.last_ns);
    if request.pickup_ns >= SLOW_PICKUP_NS && request.read_ns > last_ns {
        request.read_ns
    } else {
        last_ns
    }
}
