//! State of one host in the schedule.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Entry;

/// Readiness of a host to have its next page handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The host has nothing queued, or as many pages in flight as allowed.
    #[default]
    Idle,
    Ready,
    Waiting,
}

/// State of one host. There may be millions, most with a row or two, so rarely used fields are boxed.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Next rows of the queue, if any are in memory.
    #[allow(
        clippy::box_collection,
        reason = "a million hosts: 8 bytes instead of 32 where there are none"
    )]
    pub(super) head: Option<Box<VecDeque<Entry>>>,
    /// Times of the host, if any is set.
    pub(super) times: Option<Box<Times>>,
    /// Number of rows that are only on disk, behind the head.
    pub(super) behind: u32,
    pub(super) in_flight: u32,
    /// Number of the last row that is or was in the head.
    pub(super) last_seq: u64,
    pub(super) accepted: u64,
    pub(super) readiness: Readiness,
}

/// Times that decide when a host may be asked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// Earliest time for the next page.
    pub(super) not_before: Option<Instant>,
    /// Time under which the host is in the set of waiting hosts.
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

    /// Number of rows in memory.
    pub(super) fn head_len(&self) -> usize {
        self.head.as_ref().map_or(0, |head| head.len())
    }
}
