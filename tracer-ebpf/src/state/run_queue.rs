//! Run-queue latencies of a thread: times in which it was ready to run and had no CPU.

/// Number of latencies kept for a thread; earlier ones are not counted.
pub const LATENCIES: usize = 32;

/// A time spent in the run queue, ns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Latency {
    pub from_ns: u64,
    pub to_ns: u64,
}

/// Run-queue latencies of one thread. All zero when made.
#[repr(C)]
pub struct RunQueue {
    /// Time when the thread last got a CPU, ns; 0 if that was not seen.
    pub running_since_ns: u64,
    /// Sum of the thread's latencies when it last left a CPU, ns.
    pub total_ns: u64,
    /// Number of latencies so far.
    pub count: u32,
    /// 1: `total_ns` is set.
    pub known: u32,
    /// The latest latencies, as a ring.
    pub latencies: [Latency; LATENCIES],
}
