//! Counts of a pool's events.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts of events since the pool was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) opened: AtomicU64,
    pub(super) reused: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) idle: AtomicUsize,
}

/// Snapshot of the counts, returned by [`super::Pool::figures`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct PoolFigures {
    /// Connections opened.
    pub opened: u64,
    /// Requests that got an existing connection.
    pub reused: u64,
    /// Connections closed after a request because there were enough idle ones.
    pub refused: u64,
    /// Connections closed because they were idle for too long.
    pub expired: u64,
    /// Idle connections found closed by the server.
    pub dead: u64,
    /// Connections idle now.
    pub idle: usize,
}

impl Counts {
    pub(super) fn figures(&self) -> PoolFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolFigures {
            opened: read(&self.opened),
            reused: read(&self.reused),
            refused: read(&self.refused),
            expired: read(&self.expired),
            dead: read(&self.dead),
            idle: self.idle.load(Ordering::Relaxed),
        }
    }
}
