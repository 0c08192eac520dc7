//! What the schedule keeps of one host.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Entry;

/// Where it stands in the schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing queued, or as many in flight as allowed.
    #[default]
    Idle,
    Ready,
    Waiting,
}

/// A host. There may be millions, most of them with a row or two: what few have is elsewhere.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// The next rows, if any are in memory.
    #[allow(
        clippy::box_collection,
        reason = "a million hosts: 8 bytes instead of 32 where there are none"
    )]
    pub(super) head: Option<Box<VecDeque<Entry>>>,
    /// Its times, if there are any.
    pub(super) times: Option<Box<Times>>,
    /// Rows behind the head, which are on disk.
    pub(super) behind: u32,
    pub(super) in_flight: u32,
    /// Last row that is or was in the head.
    pub(super) last_seq: u64,
    pub(super) accepted: u64,
    pub(super) turn: Turn,
}

/// When a host may be asked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// No page before this time.
    pub(super) not_before: Option<Instant>,
    /// Its key in the set of those that wait.
    pub(super) waiting: Option<Instant>,
    pub(super) delay: Option<Duration>,
}

impl Host {
    pub(super) fn times(&self) -> Times {
        self.times.as_deref().copied().unwrap_or_default()
    }

    pub(super) fn set_times(&mut self, change: impl FnOnce(&mut Times)) {
        let mut times = self.times();
        change(&mut times);
        match &mut self.times {
            _ if times == Times::default() => self.times = None,
            Some(kept) => **kept = times,
            none => *none = Some(Box::new(times)),
        }
    }

    /// Rows in memory.
    pub(super) fn head_len(&self) -> usize {
        self.head.as_ref().map_or(0, |head| head.len())
    }
}
