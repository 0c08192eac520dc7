//! Slows the whole crawl down when this machine runs short of descriptors, ports or memory, and logs a warning.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::engine::Engine;
use crate::outcome::Failure;

/// Time after a shortage in which no further request begins.
const PAUSE: Duration = Duration::from_secs(1);
/// Time without another shortage after which the crawl speeds up by one step.
const STEP_UP_EVERY: Duration = Duration::from_secs(5);

/// State of slowing down: the number of steps taken and the time of the last one.
#[derive(Debug)]
pub(crate) struct LoadShedding {
    origin: Instant,
    /// Number of times that the number of workers is halved.
    steps: AtomicU64,
    /// Time of the last change, in ms since `origin`.
    changed_ms: AtomicU64,
}

impl Default for LoadShedding {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            steps: AtomicU64::new(0),
            changed_ms: AtomicU64::new(0),
        }
    }
}

impl LoadShedding {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Slows down by one step and returns true, unless the last step was less than a pause ago: requests that were
    /// under way at the first shortage fail with it and must not count again.
    fn slow_down(&self) -> bool {
        let (now_ms, last_ms) = (self.now_ms(), self.changed_ms.load(Ordering::Acquire));
        let first = self.steps.load(Ordering::Acquire) == 0;
        if !first && now_ms.saturating_sub(last_ms) < PAUSE.as_millis() as u64 {
            return false;
        }
        let exchanged = self.changed_ms.compare_exchange(
            last_ms,
            now_ms.max(1),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if exchanged.is_err() {
            return false;
        }
        self.steps.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// Speeds up by one step after a quiet time. Returns whether there was a step to take back.
    pub(crate) fn recover(&self) -> bool {
        let quiet_ms = self
            .now_ms()
            .saturating_sub(self.changed_ms.load(Ordering::Acquire));
        if quiet_ms < STEP_UP_EVERY.as_millis() as u64 {
            return false;
        }
        let up = self
            .steps
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |steps| {
                steps.checked_sub(1)
            });
        if up.is_ok() {
            self.changed_ms.store(self.now_ms(), Ordering::Release);
        }
        up.is_ok()
    }

    /// Number of workers allowed now, out of `full`.
    pub(crate) fn workers(&self, full: usize) -> usize {
        let steps = u32::try_from(self.steps.load(Ordering::Acquire)).unwrap_or(u32::MAX);
        full.checked_shr(steps).unwrap_or(0).max(1)
    }
}

impl Engine {
    /// Slows the crawl down because this machine is short of a resource.
    pub(crate) fn slow_down(&self, failure: &Failure) {
        if !self.load_shedding.slow_down() {
            return;
        }
        self.rate.pause_until(Instant::now() + PAUSE);
        self.set_workers();
        tracing::warn!(
            %failure,
            workers = self.limit.load(Ordering::Relaxed),
            "this machine is short of something; the crawl slows down"
        );
    }

    /// Sets the number of workers from the settings and from the steps by which the crawl is slowed down.
    pub(crate) fn set_workers(&self) {
        let full = self.live.load().limits.concurrency as usize;
        let limit = self.load_shedding.workers(full.max(1));
        if self.limit.swap(limit, Ordering::AcqRel) < limit {
            self.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_for_all_that_fail_together() {
        let load_shedding = LoadShedding::default();
        assert_eq!(load_shedding.workers(100), 100);
        assert!(load_shedding.slow_down());
        assert!(!load_shedding.slow_down());
        assert_eq!(load_shedding.workers(100), 50);
        assert!(!load_shedding.recover(), "not yet quiet for long");
        load_shedding.steps.store(70, Ordering::Relaxed);
        assert_eq!(load_shedding.workers(100), 1);
    }
}
