//! Number of page workers: more when the CPU is busy and pages wait, fewer after a long idle time. The two thresholds
//! are far apart, and shrinking needs three quiet periods, so that the number does not oscillate.

use std::time::Duration;

/// CPU use (0 to 1) above which waiting pages mean that there are too few workers.
const BUSY_CPU: f64 = 0.75;
/// Waiting time in the queue above which there are too few workers.
const LONG_DELAY: Duration = Duration::from_millis(200);
/// CPU use below which there are too many workers.
const IDLE_CPU: f64 = 0.30;
/// Number of consecutive quiet periods before one worker is removed.
const QUIET_PERIODS: u32 = 3;

/// Measurements of one period. Three periods of 20 s fit a window of 60 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// CPU time used by this process in the period, as a share of what its cores offer (0 to 1).
    pub cpu: f64,
    /// Time that pages waited for a worker; the crawl passes the longest wait of the period.
    pub queue_delay: Duration,
}

/// Result of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The number went up.
    Grown,
    /// The number went down.
    Shrunk,
    /// The number did not change.
    Kept,
}

/// Controller of the number of workers.
#[derive(Debug, Clone)]
pub struct Workers {
    now: u32,
    least: u32,
    most: u32,
    quiet: u32,
}

impl Workers {
    /// Starts with one worker per core, within `least` and `most` (default: twice the number of cores).
    pub fn new(cores: u32, least: u32, most: Option<u32>) -> Self {
        let least = least.max(1);
        let most = most.unwrap_or(cores.saturating_mul(2)).max(least);
        Self {
            now: cores.clamp(least, most),
            least,
            most,
            quiet: 0,
        }
    }

    /// Number of workers there should be.
    pub fn count(&self) -> u32 {
        self.now
    }

    /// Sets new bounds, into which the number moves at once.
    pub fn set_bounds(&mut self, least: u32, most: u32) {
        self.least = least.max(1);
        self.most = most.max(self.least);
        self.now = self.now.clamp(self.least, self.most);
    }

    /// Takes the sample of a period.
    pub fn observe(&mut self, sample: Sample) -> Step {
        if sample.cpu < IDLE_CPU && sample.queue_delay <= LONG_DELAY {
            return self.quiet_period();
        }
        self.quiet = 0;
        if sample.cpu > BUSY_CPU && sample.queue_delay > LONG_DELAY && self.now < self.most {
            // Growth by a quarter, at least by one, reaches the limit within a few periods from any size.
            self.now = (self.now + (self.now / 4).max(1)).min(self.most);
            return Step::Grown;
        }
        Step::Kept
    }

    fn quiet_period(&mut self) -> Step {
        self.quiet += 1;
        if self.quiet < QUIET_PERIODS || self.now <= self.least {
            return Step::Kept;
        }
        self.quiet = 0;
        self.now -= 1;
        Step::Shrunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu: f64, delay_ms: u64) -> Sample {
        Sample {
            cpu,
            queue_delay: Duration::from_millis(delay_ms),
        }
    }

    #[test]
    fn grows_only_when_both_say_so() {
        let mut workers = Workers::new(4, 2, None);
        assert_eq!(workers.observe(sample(0.76, 201)), Step::Grown);
        assert_eq!(workers.count(), 5);
        assert_eq!(workers.observe(sample(0.99, 200)), Step::Kept);
        assert_eq!(workers.observe(sample(0.75, 900)), Step::Kept);
        assert_eq!(workers.count(), 5);
    }

    #[test]
    fn stops_at_twice_the_cores() {
        let mut workers = Workers::new(4, 2, None);
        for _ in 0..50 {
            workers.observe(sample(1.0, 1000));
        }
        assert_eq!(workers.count(), 8);
        assert_eq!(workers.observe(sample(1.0, 1000)), Step::Kept);
    }

    #[test]
    fn shrinks_after_three_quiet_periods_and_keeps_two() {
        let mut workers = Workers::new(4, 2, None);
        let steps: Vec<Step> = (0..6).map(|_| workers.observe(sample(0.1, 0))).collect();
        assert_eq!(
            steps,
            [
                Step::Kept,
                Step::Kept,
                Step::Shrunk,
                Step::Kept,
                Step::Kept,
                Step::Shrunk
            ]
        );
        for _ in 0..50 {
            workers.observe(sample(0.0, 0));
        }
        assert_eq!(workers.count(), 2);
    }

    #[test]
    fn one_busy_period_begins_the_count_again() {
        let mut workers = Workers::new(4, 2, None);
        for _ in 0..20 {
            workers.observe(sample(0.1, 0));
            workers.observe(sample(0.1, 0));
            workers.observe(sample(0.5, 0));
        }
        assert_eq!(workers.count(), 4);
    }

    #[test]
    fn bounds_move_it() {
        let mut workers = Workers::new(8, 2, Some(16));
        workers.set_bounds(2, 4);
        assert_eq!(workers.count(), 4);
        workers.set_bounds(6, 3);
        assert_eq!(workers.count(), 6);
    }

    /// Simulates a machine on which a page costs `work` of a core and waits in line when all workers are busy: the
    /// controller settles and then does not change.
    #[test]
    fn settles_under_steady_load_and_comes_back_after_it() {
        const CORES: f64 = 8.0;
        /// Share of a worker's time that is spent on the CPU; the rest is waiting (disk, locks).
        const ON_CPU: f64 = 0.65;
        let simulate = |workers: &mut Workers, offered: f64, periods: usize| -> Vec<u32> {
            let mut backlog = 0.0_f64;
            (0..periods)
                .map(|_| {
                    let room = (f64::from(workers.count()) * ON_CPU).min(CORES);
                    let wanted = offered + backlog;
                    let done = wanted.min(room);
                    backlog = (wanted - done).min(4.0 * CORES);
                    let delay = Duration::from_secs_f64(backlog / CORES);
                    workers.observe(Sample {
                        cpu: done / CORES,
                        queue_delay: delay,
                    });
                    workers.count()
                })
                .collect()
        };
        let mut workers = Workers::new(CORES as u32, 2, None);
        // Nearly all of the CPU is needed, but eight workers use only 65 % of it, which is below the threshold of
        // growth, so the number stays. With workers that are always on the CPU it would grow.
        let steady = simulate(&mut workers, 4.0, 100);
        assert!(steady.iter().all(|count| *count == 8), "{steady:?}");
        workers.set_bounds(2, 16);
        workers.observe(sample(0.8, 300));
        let heavy = simulate(&mut workers, 7.5, 100);
        let settled = *heavy.last().unwrap();
        assert!((12..=16).contains(&settled), "{heavy:?}");
        assert!(
            heavy[20..].iter().all(|count| *count == settled),
            "no swinging: {heavy:?}"
        );
        let idle = simulate(&mut workers, 0.4, 60);
        assert_eq!(*idle.last().unwrap(), 2, "{idle:?}");
    }
}
