//! Reads of the application: how long received data waited for them.

use tracer_common::record::turn::SLOW_PICKUP_NS;

use crate::{conn::Conn, difference::elapsed};

/// Notes that the application has read at `now_ns`. `run_queue_ns` gives, for a slow pickup of data that waited since the
/// given time, the part in which the reader waited for a CPU.
#[inline(always)]
pub fn read(conn: &mut Conn, now_ns: u64, run_queue_ns: impl FnOnce(u64) -> u64) {
    // Read once, because the receive path may set it at any time.
    // SAFETY: a member of a value that is borrowed.
    let ready_ns = unsafe { core::ptr::read_volatile(&raw const conn.response.ready_ns) };
    let request = &mut conn.request;
    let is_response = ready_ns > request.read_ns && ready_ns >= request.start_ns;
    // Data that became ready after the clock was read was not there when the application copied data out: none of it
    // has been picked up, and no wait is lost. The next read finds it, and measures its wait.
    if let Some(waited_ns) = elapsed(now_ns, ready_ns)
        && is_response
        && waited_ns > request.pickup_ns
    {
        request.pickup_ns = waited_ns;
        if waited_ns >= SLOW_PICKUP_NS {
            conn.pickup_run_queue_ns = run_queue_ns(ready_ns);
        }
    }
    request.read_ns = now_ns;
}
