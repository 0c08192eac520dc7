//! The out-of-order queue: segments of a handshake that arrived early.

use tracer_flow::outside::QUEUED_BYTES;

/// Key of a slot of a connection's queue.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct QueueKey {
    pub cookie: u64,
    pub slot: u32,
    pub pad: u32,
}

/// A segment in the queue.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Queued {
    pub sequence: u32,
    pub length: u32,
    pub bytes: [u8; QUEUED_BYTES],
}
