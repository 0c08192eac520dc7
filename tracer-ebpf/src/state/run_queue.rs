//! Run-queue latencies of one thread: stretches in which it was ready to run and had no CPU.

/// Latencies remembered of one thread; what lies before them is not counted.
pub const LATENCIES: usize = 32;

/// A stretch of time in the run queue, ns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Latency {
    pub from_ns: u64,
    pub to_ns: u64,
}

/// Run-queue latencies of one thread. All zero when made.
#[repr(C)]
pub struct RunQueue {
    /// Time when the thread was last given a CPU, ns; 0 when it has not been seen to be.
    pub running_since_ns: u64,
    /// Sum of its latencies when it last left a CPU, ns.
    pub total_ns: u64,
    /// Latencies so far.
    pub count: u32,
    /// 1: `total_ns` is set.
    pub known: u32,
    /// The latest ones, as a ring.
    pub latencies: [Latency; LATENCIES],
}
