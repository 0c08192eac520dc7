//! The only writer of the ring buffer. Every record that does not fit is counted.

use tracer_common::{
    counter::Counter,
    record::{
        CloseRecord, ConnectRecord, Endpoint, ExecRecord, Header, PATH_LEN, ProcessRecord,
        TlsRecord, UNMEASURED, VERSION, close as end, closer, kind, tls,
    },
};

use crate::{
    clock::now_ns,
    count::{count, duration},
    maps, overflow,
    sock::{Sock, Task, TcpFigures},
    state::conn::Conn,
};

pub mod turn;

/// The reader is woken when it has read all that was before.
const WAKEUP: u64 = 0;
const NO_WAKEUP: u64 = 1;
const FORCE_WAKEUP: u64 = 2;
/// `BPF_RB_AVAIL_DATA`
const AVAILABLE: u64 = 0;
/// A reader that does not rest looks by itself every few milliseconds; it is woken early when this much waits.
const WAKE_AT_BYTES: u64 = 1 << 20;
/// Bits of the time, all of them zero in 1 of 16 records: then it is looked how much waits.
const LOOK_MASK_NS: u64 = 0xf0;

/// A log line, with the feature `kernel-log` only.
macro_rules! log {
    ($context:expr, $($argument:tt)*) => {{
        #[cfg(feature = "kernel-log")]
        aya_log_ebpf::info!($context, $($argument)*);
        #[cfg(not(feature = "kernel-log"))]
        let _ = &$context;
    }};
}
pub(crate) use log;

/// Writes one record without figures; counts it as lost when there is no room.
#[inline(always)]
pub fn record<T: 'static>(kind: u8, cookie: u64, fill: impl FnOnce(&mut T)) {
    if !try_record(kind, cookie, fill) {
        count(Counter::RingFull);
    }
}

/// Writes one record of now; false when there is no room.
#[inline(always)]
pub fn try_record<T: 'static>(kind: u8, cookie: u64, fill: impl FnOnce(&mut T)) -> bool {
    try_record_at(now_ns(), kind, cookie, fill)
}

/// Writes one record: reserves, fills in the header, lets `fill` do the rest. False when there is no room.
#[inline(always)]
pub fn try_record_at<T: 'static>(
    time_ns: u64,
    kind: u8,
    cookie: u64,
    fill: impl FnOnce(&mut T),
) -> bool {
    let Some(mut entry) = maps::RECORDS.reserve::<T>(0) else {
        return false;
    };
    // SAFETY: every record is plain integers that begin with a Header; `fill` sets the others.
    unsafe {
        let record = entry.as_mut_ptr();
        record
            .cast::<Header>()
            .write(header::<T>(time_ns, kind, cookie));
        fill(&mut *record);
    }
    entry.submit(wakes(time_ns));
    count(Counter::Emitted);
    true
}

/// Tells whether the reader is woken for a record of that time.
#[inline(always)]
fn wakes(time_ns: u64) -> u64 {
    if maps::RESTS.get(0) == Some(&1) {
        return WAKEUP;
    }
    let looks = time_ns & LOOK_MASK_NS == 0;
    if looks && maps::RECORDS.query(AVAILABLE) > WAKE_AT_BYTES {
        FORCE_WAKEUP
    } else {
        NO_WAKEUP
    }
}

/// The header of a record of type `T`.
#[inline(always)]
pub fn header<T>(time_ns: u64, kind: u8, cookie: u64) -> Header {
    Header {
        kind,
        version: VERSION,
        pad: 0,
        size: size_of::<T>() as u32,
        time_ns,
        cookie,
    }
}

/// A duration as records give it: 0 when the time of its beginning is not known, which is 0 itself.
#[inline(always)]
fn since(start_ns: u64, end_ns: u64) -> u64 {
    if start_ns == 0 {
        0
    } else {
        duration(end_ns, start_ns).unwrap_or(UNMEASURED)
    }
}

/// Fills an endpoint from the socket and what its connection keeps of the owner.
#[inline(always)]
pub fn endpoint(sock: Sock, conn: &Conn, endpoint: &mut Endpoint) {
    endpoint.cgroup = conn.cgroup;
    endpoint.tgid = conn.tgid;
    endpoint.netns = conn.netns;
    sock.describe(endpoint);
    endpoint.comm = conn.comm;
}

/// A connect has ended as `outcome` (`record::connect`). False when there is no room for the record.
#[inline(always)]
pub fn connect(sock: Sock, conn: &Conn, outcome: u8, error: u32, now_ns: u64) -> bool {
    let written = try_record_at(
        now_ns,
        kind::CONNECT,
        conn.cookie,
        |record: &mut ConnectRecord| {
            endpoint(sock, conn, &mut record.endpoint);
            record.start_ns = conn.start_ns;
            record.duration_ns = since(conn.start_ns, record.header.time_ns);
            record.error = error;
            record.syn_retransmits = conn.syn_retransmits;
            record.outcome = outcome;
            record.pad = 0;
        },
    );
    if !written {
        overflow::connected(conn, outcome, error, now_ns);
    }
    written
}

/// A handshake has ended; the end is `tls_end_ns`, or now when that is not set.
#[inline(always)]
pub fn tls(conn: &Conn, cookie: u64) {
    let written = try_record(kind::TLS, cookie, |record: &mut TlsRecord| {
        let end_ns = if conn.tls_end_ns != 0 {
            conn.tls_end_ns
        } else {
            record.header.time_ns
        };
        record.start_ns = conn.tls_start_ns;
        record.duration_ns = since(conn.tls_start_ns, end_ns);
        record.outcome = conn.outcome;
        record.flow = conn.flow;
        record.resumed = conn.resumed;
        record.early_data = conn.early_data;
        record.ended_by = conn.ended_by;
        record.alert_level = conn.alert[0];
        record.alert = conn.alert[1];
        record.pad = 0;
    });
    if !written {
        overflow::handshaken(conn);
    }
}

/// The handshake was still going on when the connection began to close.
#[inline(always)]
pub fn tls_closed(conn: &mut Conn, cookie: u64) {
    conn.outcome = tls::CLOSED;
    conn.ended_by = match conn.closer {
        closer::CLIENT | closer::CLIENT_RESET => tls::BY_CLIENT,
        closer::SERVER | closer::SERVER_RESET => tls::BY_SERVER,
        _ => 0,
    };
    tls(conn, cookie);
}

/// End of a connection, as its record tells it.
pub struct Ending {
    /// Time of the end, ns.
    pub now_ns: u64,
    /// `sk_err`.
    pub error: u32,
    /// State before.
    pub old_state: u8,
    /// Socket left behind: `record::close_outcome`.
    pub close_outcome: u8,
    /// Counts that TCP has kept.
    pub figures: TcpFigures,
}

/// A connection has closed.
#[inline(always)]
pub fn close(conn: &Conn, ending: &Ending) {
    let written = try_record_at(
        ending.now_ns,
        kind::CLOSE,
        conn.cookie,
        |record: &mut CloseRecord| fill_close(conn, ending, record),
    );
    if !written && !close_late(conn, ending) {
        overflow::closed(conn, &ending.figures, ending.close_outcome, ending.now_ns);
    }
}

/// Everything but the header.
#[inline(always)]
fn fill_close(conn: &Conn, ending: &Ending, record: &mut CloseRecord) {
    let figures = &ending.figures;
    record.established_ns = conn.established_ns;
    record.closing_ns = conn.closing_ns;
    record.bytes_sent = figures.bytes_sent;
    record.bytes_received = figures.bytes_received;
    record.retransmits = figures.retransmits;
    record.srtt_us8 = figures.srtt_us8;
    record.error = ending.error;
    record.closer = conn.closer;
    record.close_outcome = ending.close_outcome;
    record.old_state = ending.old_state;
    record.flags = if conn.adopted == 1 { end::ADOPTED } else { 0 };
    if conn.request.number != 0 {
        record.flags |= end::USED;
    }
}

/// Keeps the end of a connection that user space knows, which would count as open for ever without it. False when user
/// space does not know the connection, or when there is no room for that either.
#[inline(never)]
fn close_late(conn: &Conn, ending: &Ending) -> bool {
    if conn.untold == 1 {
        return false;
    }
    // SAFETY: plain integers.
    let mut record: CloseRecord = unsafe { core::mem::zeroed() };
    record.header = header::<CloseRecord>(ending.now_ns, kind::CLOSE, conn.cookie);
    fill_close(conn, ending, &mut record);
    let is_kept = maps::LATE_CLOSES.insert(conn.cookie, record, 0).is_ok();
    if is_kept {
        count(Counter::Emitted);
        count(Counter::LateClose);
    }
    is_kept
}

/// A traced process has forked (`kind::FORK`) or exited (`kind::EXIT`).
#[inline(always)]
pub fn process(kind: u8, task: Task, parent: u32) {
    record(kind, 0, |record: &mut ProcessRecord| {
        record.tgid = task.tgid();
        record.parent = parent;
        record.comm = task.process_comm();
    });
}

/// A process has executed `filename`, a kernel string.
#[inline(always)]
pub fn exec(task: Task, filename: *const u8) {
    record(kind::EXEC, 0, |record: &mut ExecRecord| {
        record.tgid = task.tgid();
        record.pad = 0;
        record.comm = task.process_comm();
        // SAFETY: the helper writes at most PATH_LEN bytes into the record and ends them with NUL.
        unsafe {
            record.filename[0] = 0;
            aya_ebpf::helpers::generated::bpf_probe_read_kernel_str(
                (&raw mut record.filename).cast(),
                PATH_LEN as u32,
                filename.cast(),
            );
        }
    });
}
