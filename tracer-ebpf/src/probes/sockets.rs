//! Hook: `iter/task_file` (kernel/bpf/task_iter.c); kernel 6.1. A pass over all open files writes each TCP socket with
//! its owner. Sockets that were open before tracing began are adopted, except by the passes that only look.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_seq_write, bpf_sock_from_file};
use tracer_common::{
    config::{ListenerKey, http2},
    record::{
        self, FirstTurnRecord, OpenRecord, Traffic, TurnRecord, TurnsRecord, handshake, kind,
    },
    tcp_state as state,
};
use tracer_flow::{
    conn::{Conn, follows},
    order, pickup,
    record::{fill, fill_first, flags},
};

use crate::{
    clock::now_ns,
    dns,
    emit::{self, turn::batch_size},
    filter,
    maps::{self, global},
    sock::{self, Sock, Task},
    storage,
};

/// `struct bpf_iter_meta`.
#[repr(C)]
pub struct Meta {
    seq: *mut c_void,
    session: u64,
    number: u64,
}

/// `struct bpf_iter__task_file`.
#[repr(C)]
pub struct TaskFile {
    meta: *const Meta,
    task: *const u8,
    fd: u32,
    pad: u32,
    file: *mut c_void,
}

#[unsafe(link_section = "iter/task_file")]
#[unsafe(no_mangle)]
pub extern "C" fn sockets(ctx: *const TaskFile) -> i32 {
    // SAFETY: the iterator's own context.
    unsafe { try_sockets::<true, true>(ctx) };
    0
}

/// Writes open sockets and their turns like `sockets`, but adopts none: for the end of a trace, and for a reset of its
/// figures.
#[unsafe(link_section = "iter/task_file")]
#[unsafe(no_mangle)]
pub extern "C" fn sockets_last(ctx: *const TaskFile) -> i32 {
    // SAFETY: the iterator's own context.
    unsafe { try_sockets::<false, true>(ctx) };
    0
}

/// Writes open sockets without their turns, and adopts none: for the screen and the recording, while tracing goes on.
#[unsafe(link_section = "iter/task_file")]
#[unsafe(no_mangle)]
pub extern "C" fn sockets_watch(ctx: *const TaskFile) -> i32 {
    // SAFETY: the iterator's own context.
    unsafe { try_sockets::<false, false>(ctx) };
    0
}

#[inline(always)]
unsafe fn try_sockets<const ADOPT: bool, const TURNS: bool>(ctx: *const TaskFile) -> Option<()> {
    // SAFETY: members of the context; null at the end of the iteration.
    let (task, file, fd, meta) = unsafe {
        (
            core::ptr::read_volatile(&raw const (*ctx).task),
            core::ptr::read_volatile(&raw const (*ctx).file),
            core::ptr::read_volatile(&raw const (*ctx).fd),
            core::ptr::read_volatile(&raw const (*ctx).meta),
        )
    };
    if task.is_null() || file.is_null() {
        return None;
    }
    let sock = socket_of(file)?;
    if !sock.is_tcp() {
        if ADOPT {
            dns::adopt(sock, Task(task));
        }
        return None;
    }
    is_open(sock).then_some(())?;
    let conn = if ADOPT {
        traced_or_adopted(sock, Task(task))?
    } else {
        traced(sock)?
    };
    // SAFETY: the iterator's own seq file.
    let seq = unsafe { core::ptr::read_volatile(&raw const (*meta).seq) };
    {
        // The record ends with the block, so that those of the turns take its place on the stack.
        let mut record = describe(sock, conn, fd);
        write(seq, &mut record);
    }
    if TURNS {
        write_turns(seq, conn);
    }
    None
}

/// Writes the unreported turns of a connection: those of the batch, and the current one.
#[inline(always)]
fn write_turns(seq: *mut c_void, conn: &mut Conn) {
    let number = number(conn);
    if conn.request.batched != 0 && !write_batch(seq, conn, number) {
        return;
    }
    if !conn.is_carrying() {
        return;
    }
    if conn.has_evidence() {
        // SAFETY: plain integers.
        let mut record: FirstTurnRecord = unsafe { core::mem::zeroed() };
        fill_first(conn, record::turn::OPEN, &mut record);
        record.turn.header =
            emit::header::<FirstTurnRecord>(now_ns(), kind::FIRST_TURN, conn.cookie);
        write_if_still(seq, conn, number, &mut record);
    } else {
        // SAFETY: plain integers.
        let mut record: TurnRecord = unsafe { core::mem::zeroed() };
        fill(conn, record::turn::OPEN, &mut record);
        record.header = emit::header::<TurnRecord>(now_ns(), kind::TURN, conn.cookie);
        write_if_still(seq, conn, number, &mut record);
    }
}

/// Number of the current turn, read from memory: the iterator holds no lock.
#[inline(always)]
fn number(conn: &Conn) -> u32 {
    // SAFETY: a member of a map value.
    unsafe { core::ptr::read_volatile(&raw const conn.request.number) }
}

/// Writes a record unless the next turn began while it was filled: then its times may belong to both turns.
#[inline(always)]
fn write_if_still<T>(seq: *mut c_void, conn: &Conn, number: u32, record: &mut T) {
    if self::number(conn) == number {
        write(seq, record);
    }
}

/// Writes the batch, which stays to be reported. False when it changed meanwhile.
#[inline(always)]
fn write_batch(seq: *mut c_void, conn: &mut Conn, number: u32) -> bool {
    let (count, cookie) = (conn.request.batched, conn.cookie);
    let flags = flags(conn);
    let mut record = *conn.batch();
    record.head.adopted = flags;
    let size = batch_size(count);
    record.head.header = emit::header::<TurnsRecord>(now_ns(), kind::TURNS, cookie);
    record.head.header.size = size;
    record.head.count = count;
    if self::number(conn) != number {
        return false;
    }
    // SAFETY: as in `write`; the record has at least this size.
    unsafe {
        bpf_seq_write(seq.cast(), (&raw mut record).cast(), size);
    }
    true
}

/// Writes a record to the seq file that user space reads.
#[inline(always)]
fn write<T>(seq: *mut c_void, record: &mut T) {
    // SAFETY: the seq file of this iteration; the record is plain bytes.
    unsafe {
        bpf_seq_write(seq.cast(), (&raw mut *record).cast(), size_of::<T>() as u32);
    }
}

/// The socket behind a file.
#[inline(always)]
fn socket_of(file: *mut c_void) -> Option<Sock> {
    // SAFETY: a typed file; the result is typed or null.
    let socket: *const u8 = unsafe { bpf_sock_from_file(file.cast()) }
        .cast_const()
        .cast();
    if socket.is_null() {
        return None;
    }
    let sock = sock::of_socket(socket);
    (!sock.0.is_null()).then_some(sock)
}

/// Tells whether a socket is neither listening nor closed.
#[inline(always)]
fn is_open(sock: Sock) -> bool {
    let now = sock.state();
    now != state::LISTEN && now != state::CLOSE
}

#[inline(always)]
fn traced(sock: Sock) -> Option<&'static mut Conn> {
    storage::conn_of(sock).filter(|conn| conn.traced == 1)
}

#[inline(always)]
fn traced_or_adopted(sock: Sock, task: Task) -> Option<&'static mut Conn> {
    if let Some(conn) = storage::conn_of(sock) {
        return (conn.traced == 1).then_some(conn);
    }
    let tgid = task.tgid();
    let netns = sock.netns();
    let key = ListenerKey {
        netns,
        port: u32::from(sock.local_port()),
    };
    // SAFETY: a lookup; the value is not used.
    let accepted = unsafe { maps::LISTENERS.get(key) }.is_some();
    if accepted || !filter::admits_process(task, tgid) || !filter::admits_destination(sock) {
        return None;
    }
    // SAFETY: a typed socket.
    let conn = unsafe { storage::conn_or_new(sock.as_ptr()) }?;
    conn.dns = u8::from(dns::is_name_server(sock.remote_port()));
    conn.cookie = sock.cookie();
    conn.tgid = tgid;
    conn.netns = netns;
    conn.cgroup = task.cgroup();
    conn.comm = task.process_comm();
    if sock.state() == state::SYN_SENT {
        // Its SYN was not seen, but the following segments will be.
        order::begin::<true>(conn, sock.next_to_send());
    }
    conn.traced = 1;
    if sock.state() != state::SYN_SENT {
        conn.adopted = 1;
        conn.handshake = if conn.dns == 1 {
            handshake::NO_REQUESTS
        } else {
            handshake::UNKNOWN
        };
        if conn.dns == 0 && global!(HTTP2.mode) != http2::OFF {
            conn.follow_from_here(follows::UNDECIDED);
        }
    }
    Some(conn)
}

#[inline(always)]
fn describe(sock: Sock, conn: &Conn, fd: u32) -> OpenRecord {
    // SAFETY: plain integers.
    let mut open: OpenRecord = unsafe { core::mem::zeroed() };
    let record = &mut open.socket;
    record.header = emit::header::<OpenRecord>(now_ns(), kind::SOCKET, sock.cookie());
    emit::endpoint(sock, conn, &mut record.endpoint);
    record.start_ns = conn.start_ns;
    record.established_ns = conn.established_ns;
    record.fd = fd;
    record.state = sock.state();
    record.adopted = conn.adopted;
    record.handshake = conn.handshake;
    record.pending = u8::from(conn.response.answered != conn.request.number);
    record.turns = conn.request.number;
    record.untold = conn.untold;
    record.unwatched = conn.unwatched;
    record.unread = u8::from(pickup::is_unread(conn));
    let figures = sock.tcp_figures();
    open.traffic = Traffic {
        bytes_sent: figures.bytes_sent,
        bytes_received: figures.bytes_received,
        segments: figures.segments(conn),
    };
    open
}
