//! Values in the storage of sockets and threads: they need no lookup by address, and are freed with the socket or
//! thread.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::task_struct,
    helpers::generated::{bpf_sk_storage_get, bpf_task_storage_get},
};
use tracer_common::counter::Counter;
use tracer_flow::conn::Conn;

use crate::{
    count::count,
    maps,
    sock::{Sock, Task},
    state::{dns::DnsOwner, run_queue::RunQueue, tls_object::FramesRoom},
};

/// `BPF_LOCAL_STORAGE_GET_F_CREATE`: a missing value is made, all zero.
const CREATE: u64 = 1;

/// The traced connection of a socket, if it has one.
///
/// # Safety
/// `sk` is a socket pointer the verifier knows.
#[inline(always)]
pub unsafe fn conn(sk: *mut c_void) -> Option<&'static mut Conn> {
    // SAFETY: the map is a socket storage with values of type Conn.
    unsafe {
        let conn: *mut Conn =
            bpf_sk_storage_get(maps::conns(), sk, core::ptr::null_mut(), 0).cast();
        conn.as_mut()
    }
}

/// The traced connection of a typed socket, if it has one.
#[inline(always)]
pub fn conn_of(sock: Sock) -> Option<&'static mut Conn> {
    if !sock.has_storage() {
        return None;
    }
    // SAFETY: a typed socket; the helper refuses mini-sockets.
    unsafe { conn(sock.as_ptr()) }
}

/// The connection of a socket; it is made if there is none. Counts a failure to make it.
///
/// # Safety
/// As [`conn`].
#[inline(always)]
pub unsafe fn conn_or_new(sk: *mut c_void) -> Option<&'static mut Conn> {
    // SAFETY: as in `conn`.
    let conn = unsafe {
        let conn: *mut Conn =
            bpf_sk_storage_get(maps::conns(), sk, core::ptr::null_mut(), CREATE).cast();
        conn.as_mut()
    };
    if conn.is_none() {
        count(Counter::StorageFull);
    }
    conn
}

/// The owner of a socket that queries port 53.
///
/// # Safety
/// As [`conn`].
#[inline(always)]
pub unsafe fn dns_owner(sk: *mut c_void) -> Option<&'static mut DnsOwner> {
    // SAFETY: the map is a socket storage with values of type DnsOwner.
    unsafe {
        let owner: *mut DnsOwner =
            bpf_sk_storage_get(maps::dns_owners(), sk, core::ptr::null_mut(), 0).cast();
        owner.as_mut()
    }
}

/// The owner of a socket that queries port 53; it is made if there is none. Counts a failure to make it.
///
/// # Safety
/// As [`conn`].
#[inline(always)]
pub unsafe fn dns_owner_or_new(sk: *mut c_void) -> Option<&'static mut DnsOwner> {
    // SAFETY: as in `dns_owner`.
    let owner = unsafe {
        let owner: *mut DnsOwner =
            bpf_sk_storage_get(maps::dns_owners(), sk, core::ptr::null_mut(), CREATE).cast();
        owner.as_mut()
    };
    if owner.is_none() {
        count(Counter::StorageFull);
    }
    owner
}

/// The run-queue latencies of a thread, if it is watched.
#[inline(always)]
pub fn run_queue(task: Task) -> Option<&'static mut RunQueue> {
    run_queue_by(task, 0)
}

/// The run-queue latencies of a thread, which is watched from now on.
#[inline(always)]
pub fn run_queue_or_new(task: Task) -> Option<&'static mut RunQueue> {
    run_queue_by(task, CREATE)
}

#[inline(always)]
fn run_queue_by(task: Task, flags: u64) -> Option<&'static mut RunQueue> {
    let task = task.0.cast_mut().cast::<task_struct>();
    // SAFETY: a typed task; the map is a task storage with values of type RunQueue.
    unsafe {
        let latencies: *mut c_void =
            bpf_task_storage_get(maps::run_queues(), task, core::ptr::null_mut(), flags);
        latencies.cast::<RunQueue>().as_mut()
    }
}

/// The room in which a thread makes its records of frames.
#[inline(always)]
pub fn frames_room(task: Task) -> Option<&'static mut FramesRoom> {
    let task = task.0.cast_mut().cast::<task_struct>();
    // SAFETY: a typed task; the map is a task storage with values of type FramesRoom.
    unsafe {
        let room: *mut c_void =
            bpf_task_storage_get(maps::frames_rooms(), task, core::ptr::null_mut(), CREATE);
        room.cast::<FramesRoom>().as_mut()
    }
}
