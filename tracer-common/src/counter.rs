//! Slots of the per-CPU counter array: events that the kernel programs lost or could not follow. The last one is not
//! counted by the programs: user space reads it from the kernel's own count.

/// Slot of the `COUNTERS` map. Values only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Records written for user space.
    Emitted = 0,
    /// Records lost because the ring buffer was full and they hold no figures: hellos, processes, names.
    RingFull = 1,
    /// Sockets not traced because their storage could not be created (memory, memcg limit).
    StorageFull = 2,
    /// Processes not followed because the process map was full.
    ProcessesFull = 3,
    /// Out-of-order segments of a handshake that could not be held back for later.
    OutOfOrderFull = 4,
    /// Handshakes given up because a stretch of the stream was never seen.
    StreamGap = 5,
    /// Packets of traced sockets with headers that could not be read.
    BadPacket = 6,
    /// Durations left out of the figures because their end has an earlier time than their beginning.
    NegativeDuration = 7,
    /// Ends of connections that found the ring buffer full and were kept elsewhere.
    LateClose = 8,
    /// Runs of a program that the kernel skipped because the program was running on the same processor already
    /// (`recursion_misses` of the program; `__bpf_trace_run`).
    SkippedRun = 9,
}

impl Counter {
    /// Number of slots of the map.
    pub const COUNT: u32 = 10;

    /// Every counter with its name in the export.
    pub const ALL: [(Self, &'static str); Self::COUNT as usize] = [
        (Self::Emitted, "emitted"),
        (Self::RingFull, "ring_full"),
        (Self::StorageFull, "storage_full"),
        (Self::ProcessesFull, "processes_full"),
        (Self::OutOfOrderFull, "held_full"),
        (Self::StreamGap, "stream_gap"),
        (Self::BadPacket, "bad_packet"),
        (Self::NegativeDuration, "negative_duration"),
        (Self::LateClose, "late_close"),
        (Self::SkippedRun, "skipped_run"),
    ];
}
