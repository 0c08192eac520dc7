//! The only writer of the ring buffer. Every record that finds no room is counted.

use tracer_common::{
    counter::Counter,
    record::{
        CloseRecord, ClosedRecord, ConnectRecord, Endpoint, ExecRecord, Header, HelloRecord,
        PATH_LEN, ProcessRecord, TlsRecord, TunnelRecord, UNMEASURED, VERSION, close as end,
        direction, kind,
    },
};
use tracer_flow::{conn::Conn, record::fill_tunnel};

use crate::{
    clock::now_ns,
    count::{count, duration},
    maps, overflow,
    sock::{Sock, Task, TcpFigures},
};

pub mod hello;
pub mod http2;
pub mod turn;

/// The kernel wakes the reader if it has read all earlier records.
const WAKEUP: u64 = 0;
const NO_WAKEUP: u64 = 1;
const FORCE_WAKEUP: u64 = 2;
/// `BPF_RB_AVAIL_DATA`
const AVAILABLE: u64 = 0;
/// Waiting bytes at which a polling reader is woken. It reads the ring every few milliseconds without being woken.
const WAKE_AT_BYTES: u64 = 1 << 20;
/// Bits of the time that are all zero in 1 of 16 records: only then the waiting bytes are checked.
const LOOK_MASK_NS: u64 = 0xf0;

/// Prints a log line, only with the feature `kernel-log`.
macro_rules! log {
    ($context:expr, $($argument:tt)*) => {{
        #[cfg(feature = "kernel-log")]
        aya_log_ebpf::info!($context, $($argument)*);
        #[cfg(not(feature = "kernel-log"))]
        let _ = &$context;
    }};
}
pub(crate) use log;

/// Writes one record that has no figures; counts it as lost when there is no room.
#[inline(always)]
pub fn record<T: 'static>(kind: u8, cookie: u64, fill: impl FnOnce(&mut T)) {
    if !try_record(kind, cookie, fill) {
        count(Counter::RingFull);
    }
}

/// Writes one record with the current time; false when there is no room.
#[inline(always)]
pub fn try_record<T: 'static>(kind: u8, cookie: u64, fill: impl FnOnce(&mut T)) -> bool {
    try_record_at(now_ns(), kind, cookie, fill)
}

/// Writes one record: reserves room, fills in the header, and lets `fill` set the rest. False when there is no room.
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

/// Flags that decide whether the kernel wakes the reader for a record of this time.
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

/// Duration as in records: 0 when the time of its beginning is unknown, which is given as 0.
#[inline(always)]
fn since(start_ns: u64, end_ns: u64) -> u64 {
    if start_ns == 0 {
        0
    } else {
        duration(end_ns, start_ns).unwrap_or(UNMEASURED)
    }
}

/// Fills an endpoint from the socket and from the owner noted in its connection.
#[inline(always)]
pub fn endpoint(sock: Sock, conn: &Conn, endpoint: &mut Endpoint) {
    endpoint.cgroup = conn.cgroup;
    endpoint.tgid = conn.tgid;
    endpoint.netns = conn.netns;
    sock.describe(endpoint);
    endpoint.comm = conn.comm;
}

/// Reports the end of a connect with `outcome` (`record::connect`). False when there is no room for the record.
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
            record.unwatched = conn.unwatched;
        },
    );
    if !written {
        overflow::connected(conn, outcome, error, now_ns);
    }
    written
}

/// Reports a note on a connection, one of `record::note`, with its number, or 0.
#[inline(always)]
pub fn note(conn: &Conn, note: u8, number: u32) {
    record(kind::HELLO, conn.cookie, |record: &mut HelloRecord<0>| {
        record.offset = number;
        record.length = 0;
        record.direction = direction::EGRESS;
        record.clear = note;
    });
}

/// Reports the end of a handshake, at `tls_end_ns`, or now if that is not set.
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

/// Reports the end of an exchange with a proxy. `outcome`: one of `record::tunnel`.
#[inline(always)]
pub fn tunnel(conn: &Conn, outcome: u8, cookie: u64) {
    record(kind::TUNNEL, cookie, |record: &mut TunnelRecord| {
        fill_tunnel(conn, outcome, record);
    });
}

/// End of a connection, for its record.
pub struct Ending {
    /// Time of the end, ns.
    pub now_ns: u64,
    /// `sk_err`.
    pub error: u32,
    /// State before the close.
    pub old_state: u8,
    /// Socket left behind: `record::close_outcome`.
    pub close_outcome: u8,
    /// Counts kept by TCP.
    pub figures: TcpFigures,
}

/// Reports the end of a connection.
#[inline(always)]
pub fn close(conn: &Conn, ending: &Ending) {
    let written = try_record_at(
        ending.now_ns,
        kind::CLOSE,
        conn.cookie,
        |record: &mut ClosedRecord| {
            fill_close(conn, ending, &mut record.close);
            record.segments = ending.figures.segments(conn);
        },
    );
    if !written && !close_late(conn, ending) {
        overflow::closed(conn, &ending.figures, ending.close_outcome, ending.now_ns);
    }
}

/// Fills everything of a close record but its header.
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

/// Keeps the close of a connection that user space knows: without it the connection would count as open for ever. False
/// when user space does not know the connection, or when the map has no room either.
#[inline(never)]
fn close_late(conn: &Conn, ending: &Ending) -> bool {
    if conn.untold == 1 {
        return false;
    }
    // SAFETY: plain integers.
    let mut record: ClosedRecord = unsafe { core::mem::zeroed() };
    record.close.header = header::<ClosedRecord>(ending.now_ns, kind::CLOSE, conn.cookie);
    fill_close(conn, ending, &mut record.close);
    record.segments = ending.figures.segments(conn);
    let is_kept = maps::LATE_CLOSES.insert(conn.cookie, record, 0).is_ok();
    if is_kept {
        count(Counter::Emitted);
        count(Counter::LateClose);
    }
    is_kept
}

/// Reports that a traced process has forked (`kind::FORK`) or exited (`kind::EXIT`).
#[inline(always)]
pub fn process(kind: u8, task: Task, parent: u32) {
    record(kind, 0, |record: &mut ProcessRecord| {
        record.tgid = task.tgid();
        record.parent = parent;
        record.comm = task.process_comm();
    });
}

/// Reports that a process has executed `filename`, a kernel string.
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
