//! All maps, with their sizes and readers, and the load-time globals.

use core::ffi::c_void;

use aya_ebpf::{
    btf_maps::SkStorage,
    macros::{btf_map, map},
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use tracer_common::{
    config::{Filter, Http2, ListenerKey, Offsets},
    counter::Counter,
    dns::{LostAnswer, LostAnswerKey},
    overflow,
    record::ClosedRecord,
};

use tracer_flow::conn::Conn;

use crate::state::{
    dns::DnsOwner,
    out_of_order::{QueueKey, Queued},
    run_queue::RunQueue,
    tls_object::{Call, CallKey, ClearFrames, FramesRoom, Object, ObjectKey, Writer},
};

mod task_storage;

use task_storage::TaskStorage;

/// Byte offsets of kernel struct members; set before the load, then frozen.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets::zero();

/// Filter of what to trace; set before the load, then frozen.
#[unsafe(no_mangle)]
pub static FILTER: Filter = Filter::all();

/// Filters of a trace whose filter may change: the one in use, and the one before it. Written by user space.
#[map]
pub static LIVE_FILTERS: Array<Filter> = Array::with_max_entries(2, 0);

/// Index of the filter in use. Written by user space once that filter is whole.
#[map]
pub static LIVE_FILTER: Array<u32> = Array::with_max_entries(1, 0);

/// Settings of HTTP/2; set before the load, then frozen.
#[unsafe(no_mangle)]
pub static HTTP2: Http2 = Http2::off();

/// State of each traced connection. Written by the socket, packet and iterator probes.
#[btf_map]
static CONNS: SkStorage<Conn> = SkStorage::new();

/// Owner of each socket that queries port 53. Written by the owner programs, read by the packet programs.
#[btf_map]
static DNS_OWNERS: SkStorage<DnsOwner> = SkStorage::new();

/// Run-queue latencies of threads that read late. Written by the switch probe, read by the pickup probe.
#[btf_map]
static RUN_QUEUES: TaskStorage<RunQueue> = TaskStorage::new();

/// 1 once a thread has storage there: until then the switch probe has nothing to do.
#[map]
pub static WATCHED: Array<u32> = Array::with_max_entries(1, 0);

/// Records for user space. 16 MiB hold about 6,000 TLS connections with their hellos.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(16 << 20, 0);

/// 1 while the reader sleeps until a record comes. Set by user space.
#[map]
pub static RESTS: Array<u32> = Array::with_max_entries(1, 0);

/// Traced processes (tgid -> 1). Seeded by user space, kept by the process probes.
#[map]
pub static PROCESSES: HashMap<u32, u32> = HashMap::with_max_entries(65_536, 1);

/// Listening ports, so that accepted sockets are not adopted. Filled by user space before adoption.
#[map]
pub static LISTENERS: HashMap<ListenerKey, u32> = HashMap::with_max_entries(65_536, 1);

/// Counters, such as those of records emitted or lost, by [`Counter`]. Read by user space.
#[map]
pub static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// Durations of records that found the ring full. Read by user space.
#[map]
pub static OVERFLOW_TIMES: PerCpuArray<u64> =
    PerCpuArray::with_max_entries(overflow::Histogram::COUNT * overflow::BUCKETS, 0);

/// Counts of records that found the ring full. Read by user space.
#[map]
pub static OVERFLOW_COUNTS: PerCpuArray<u64> =
    PerCpuArray::with_max_entries(overflow::Count::COUNT, 0);

/// Closes of connections that user space knows, for which the ring had no room. Taken out by user space. The map uses
/// memory only for its entries; it has at most one for each connection that was open when the ring became full.
#[map]
pub static LATE_CLOSES: HashMap<u64, ClosedRecord> = HashMap::with_max_entries(131_072, 1);

/// DNS answers that found the ring full although their query did not. Taken out by user space.
#[map]
pub static LOST_ANSWERS: HashMap<LostAnswerKey, LostAnswer> = HashMap::with_max_entries(4096, 1);

/// Out-of-order queue: segments of handshakes, until the gap before them is filled.
#[map]
pub static OUT_OF_ORDER: LruHashMap<QueueKey, Queued> = LruHashMap::with_max_entries(1024, 0);

/// An all-zero value for inserting into `OUT_OF_ORDER` (it is too large for the stack).
#[map]
pub static EMPTY_SEGMENT: Array<Queued> = Array::with_max_entries(1, 0);

/// TLS objects of traced processes.
#[map]
pub static TLS_OBJECTS: LruHashMap<ObjectKey, Object> = LruHashMap::with_max_entries(16_384, 0);

/// Calls of TLS libraries that have not returned yet. A goroutine may wait in one for very long.
#[map]
pub static TLS_CALLS: LruHashMap<CallKey, Call> = LruHashMap::with_max_entries(32_768, 0);

/// Connections whose segments from the server a processor follows at the moment, by cookie.
#[map]
pub static CLAIMS: HashMap<u64, u8> = HashMap::with_max_entries(1024, 0);

/// Threads (process and thread as the kernel joins them) that write to TLS objects whose sockets are not known.
#[map]
pub static TLS_WRITERS: LruHashMap<u64, Writer> = LruHashMap::with_max_entries(4096, 0);

/// Connections with HTTP/2 in clear, by the cookie of the socket.
#[map]
pub static CLEAR_FRAMES: LruHashMap<u64, ClearFrames> = LruHashMap::with_max_entries(1024, 0);

/// An all-zero value for inserting into `CLEAR_FRAMES` (it is too large for the stack).
#[map]
pub static EMPTY_CLEAR: Array<ClearFrames> = Array::with_max_entries(1, 0);

/// Room of each thread in which it makes its records of frames.
#[btf_map]
static FRAMES_ROOMS: TaskStorage<FramesRoom> = TaskStorage::new();

/// Map of connections, as an argument of the helpers.
#[inline(always)]
pub fn conns() -> *mut c_void {
    (&raw const CONNS).cast_mut().cast()
}

/// Map of DNS owners, as an argument of the helpers.
#[inline(always)]
pub fn dns_owners() -> *mut c_void {
    (&raw const DNS_OWNERS).cast_mut().cast()
}

/// Map of run-queue latencies, as an argument of the helpers.
#[inline(always)]
pub fn run_queues() -> *mut c_void {
    (&raw const RUN_QUEUES).cast_mut().cast()
}

/// Map of the rooms for records of frames, as an argument of the helpers.
#[inline(always)]
pub fn frames_rooms() -> *mut c_void {
    (&raw const FRAMES_ROOMS).cast_mut().cast()
}

/// Reads a member of a frozen global.
macro_rules! global {
    ($global:ident . $($member:tt)+) => {
        $crate::maps::load(&raw const $crate::maps::$global.$($member)+)
    };
}
pub(crate) use global;

/// Reads the value that user space has set, not the one in the source. For [`global!`] only.
#[inline(always)]
pub(crate) fn load<T: Copy>(member: *const T) -> T {
    // SAFETY: a member of a plain static.
    unsafe { core::ptr::read_volatile(member) }
}
