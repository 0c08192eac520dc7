//! Events of a pool.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Events of a pool since it was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) opened: AtomicU64,
    pub(super) reused: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) idle: AtomicUsize,
}

/// [`super::Pool::figures`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct PoolFigures {
    /// Connections opened.
    pub opened: u64,
    /// Requests that found an idle connection or were handed one.
    pub reused: u64,
    /// Closed after a request because enough were idle already.
    pub refused: u64,
    /// Closed because they were idle for too long.
    pub expired: u64,
    /// Found closed by the other side while idle.
    pub dead: u64,
    /// Idle now.
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
