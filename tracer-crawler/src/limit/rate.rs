//! Rate limit by the generic cell rate algorithm (GCRA) on a few atomics, so that the rate can be changed while in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Limit of operations per time, with a burst. Shared by reference; takes no lock.
#[derive(Debug)]
pub struct Rate {
    /// Time from which all other times are counted.
    origin: Instant,
    /// Theoretical arrival time of the next operation, in ns since `origin`.
    next_ns: AtomicU64,
    /// Interval between two operations, in ns; 0 means no limit.
    period_ns: AtomicU64,
    /// Time by which an operation may come early, in ns.
    tolerance_ns: AtomicU64,
    /// Time before which nothing may pass, whatever the rate, in ns since `origin`.
    paused_ns: AtomicU64,
    /// Wakes waiting operations, which then reserve again.
    changed: Notify,
}

impl Rate {
    /// Makes a limit of one operation per `period`, with `burst` at once after a pause (1: never two within one
    /// `period`). A period of zero means no limit.
    pub fn new(period: Duration, burst: u32) -> Self {
        let rate = Self {
            origin: Instant::now(),
            next_ns: AtomicU64::new(0),
            period_ns: AtomicU64::new(0),
            tolerance_ns: AtomicU64::new(0),
            paused_ns: AtomicU64::new(0),
            changed: Notify::new(),
        };
        rate.set(period, burst);
        rate
    }

    /// Makes a limit of `per_second` operations, with a tenth of a second's worth at once. Zero or less means no limit.
    pub fn per_second(per_second: f64) -> Self {
        let rate = Self::new(Duration::ZERO, 1);
        rate.set_per_second(per_second);
        rate
    }

    /// Changes the rate; reservations made before stay valid.
    pub fn set(&self, period: Duration, burst: u32) {
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX / 4);
        let tolerance_ns = period_ns.saturating_mul(u64::from(burst.max(1) - 1));
        self.tolerance_ns.store(tolerance_ns, Ordering::Relaxed);
        self.period_ns.store(period_ns, Ordering::Release);
    }

    /// Changes the rate for waiting operations too, which reserve again. The same rate changes nothing.
    pub fn change(&self, period: Duration, burst: u32) {
        let before = (self.period(), self.tolerance_ns.load(Ordering::Relaxed));
        self.set(period, burst);
        if before != (self.period(), self.tolerance_ns.load(Ordering::Relaxed)) {
            let now_ns = self.since_origin(Instant::now());
            self.next_ns.fetch_min(now_ns, Ordering::AcqRel);
            self.changed.notify_waiters();
        }
    }

    /// Waits until an operation may pass.
    pub async fn pass(&self) {
        loop {
            // A change after this line is not missed.
            let changed = self.changed.notified();
            let Some(due) = self.reserve(Instant::now()) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => break,
                () = changed => {}
            }
        }
        // A pause may have begun since the reservation.
        while let Some(end) = self.pause_end(Instant::now()) {
            tokio::time::sleep_until(end.into()).await;
        }
    }

    /// True if there is neither a limit nor a pause.
    pub fn is_free(&self) -> bool {
        let never_paused = self.paused_ns.load(Ordering::Acquire) == 0;
        self.period().is_zero() && (never_paused || self.pause_end(Instant::now()).is_none())
    }

    fn pause_end(&self, now: Instant) -> Option<Instant> {
        let end_ns = self.paused_ns.load(Ordering::Acquire);
        (end_ns > self.since_origin(now)).then(|| self.at(end_ns))
    }

    fn at(&self, ns: u64) -> Instant {
        self.origin + Duration::from_nanos(ns)
    }

    /// Changes the rate as in [`Rate::per_second`].
    pub fn set_per_second(&self, per_second: f64) {
        if per_second > 0.0 && per_second.is_finite() {
            let period = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX);
            // The cast saturates.
            self.set(period, (per_second / 10.0).max(1.0) as u32);
        } else {
            self.set(Duration::ZERO, 1);
        }
    }

    /// Current interval between two operations; zero means no limit.
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns.load(Ordering::Acquire))
    }

    /// Reserves the next place and returns its time; `None` means now. A reservation cannot be given back.
    pub fn reserve(&self, now: Instant) -> Option<Instant> {
        let period_ns = self.period_ns.load(Ordering::Acquire);
        let paused = self.pause_end(now);
        if period_ns == 0 {
            return paused;
        }
        let now_ns = self.since_origin(now);
        let tolerance_ns = self.tolerance_ns.load(Ordering::Relaxed);
        let advance = |next: u64| Some(next.max(now_ns).saturating_add(period_ns));
        let before = match self
            .next_ns
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, advance)
        {
            Ok(before) | Err(before) => before,
        };
        let due_ns = before.saturating_sub(tolerance_ns);
        (due_ns > now_ns).then(|| self.at(due_ns)).max(paused)
    }

    /// Time of the next place, without reserving it; `None` means now.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let paused = self.pause_end(now);
        if self.period_ns.load(Ordering::Acquire) == 0 {
            return paused;
        }
        let due_ns = self
            .next_ns
            .load(Ordering::Acquire)
            .saturating_sub(self.tolerance_ns.load(Ordering::Relaxed));
        (due_ns > self.since_origin(now))
            .then(|| self.at(due_ns))
            .max(paused)
    }

    /// Lets nothing pass before `until`, whatever the rate.
    pub fn pause_until(&self, until: Instant) {
        let until_ns = self.since_origin(until);
        self.paused_ns.fetch_max(until_ns, Ordering::AcqRel);
        let next_ns = until_ns.saturating_add(self.tolerance_ns.load(Ordering::Relaxed));
        self.next_ns.fetch_max(next_ns, Ordering::AcqRel);
    }

    fn since_origin(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Waits, in ms after `start`, of `n` reservations made at `start`.
    fn waits(rate: &Rate, start: Instant, n: usize) -> Vec<u128> {
        (0..n)
            .map(|_| {
                rate.reserve(start)
                    .map_or(0, |due| (due - start).as_millis())
            })
            .collect()
    }

    #[test]
    fn one_every_period() {
        let rate = Rate::new(10 * MS, 1);
        let start = Instant::now() + 100 * MS;
        assert_eq!(waits(&rate, start, 4), [0, 10, 20, 30]);
        assert_eq!(
            waits(&rate, start + 95 * MS, 2),
            [0, 10],
            "a pause saves nothing up"
        );
    }

    #[test]
    fn a_burst_after_a_pause() {
        let rate = Rate::new(10 * MS, 3);
        let start = Instant::now() + 100 * MS;
        assert_eq!(waits(&rate, start, 5), [0, 0, 0, 10, 20]);
    }

    #[test]
    fn the_rate_changes_while_it_runs() {
        let rate = Rate::new(10 * MS, 1);
        let start = Instant::now() + 100 * MS;
        assert_eq!(waits(&rate, start, 2), [0, 10]);
        rate.set(100 * MS, 1);
        assert_eq!(
            waits(&rate, start, 2),
            [20, 120],
            "what was promised stands"
        );
        rate.set(Duration::ZERO, 1);
        assert_eq!(waits(&rate, start, 2), [0, 0]);
    }

    #[tokio::test]
    async fn those_who_wait_see_a_change() {
        let rate = Rate::new(Duration::from_secs(3600), 1);
        rate.pass().await;
        let waits = async {
            for _ in 0..3 {
                rate.pass().await;
            }
        };
        let changes = async {
            tokio::task::yield_now().await;
            rate.change(Duration::from_secs(3600), 1);
            rate.change(MS, 1);
        };
        let both = async { tokio::join!(waits, changes) };
        tokio::time::timeout(Duration::from_secs(60), both)
            .await
            .unwrap();
    }

    #[test]
    fn per_second() {
        let rate = Rate::per_second(100.0);
        assert_eq!(rate.period(), 10 * MS);
        let start = Instant::now() + 100 * MS;
        assert_eq!(waits(&rate, start, 12)[9..], [0, 10, 20]);
        rate.set_per_second(0.0);
        assert_eq!(rate.reserve(start), None);
    }

    #[test]
    fn a_pause_holds_whatever_the_rate() {
        let rate = Rate::new(MS, 5);
        let start = Instant::now() + 100 * MS;
        rate.pause_until(start + 50 * MS);
        assert_eq!(waits(&rate, start, 1), [50]);
        rate.change(2 * MS, 1);
        assert_eq!(rate.due(start), Some(start + 50 * MS));
        rate.change(Duration::ZERO, 1);
        assert_eq!(waits(&rate, start, 3), [50, 50, 50]);
        assert!(!rate.is_free());
        assert_eq!(waits(&rate, start + 50 * MS, 1), [0]);
    }

    #[tokio::test]
    async fn those_who_wait_see_a_pause() {
        let rate = Rate::new(20 * MS, 1);
        rate.pass().await;
        let end = Instant::now() + 100 * MS;
        let waits = async {
            rate.pass().await;
            assert!(Instant::now() >= end);
        };
        let pauses = async { rate.pause_until(end) };
        tokio::join!(waits, pauses);
    }
}
