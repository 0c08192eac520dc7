//! How many page workers: more when the CPU is busy and pages wait, fewer when it has been idle for long. The two
//! thresholds lie far apart and shrinking wants three quiet periods, so that the number does not swing.

use std::time::Duration;

/// CPU use, 0 to 1, above which pages that wait mean too few workers.
const BUSY_CPU: f64 = 0.75;
/// Waiting time in the queue above which workers are too few.
const LONG_DELAY: Duration = Duration::from_millis(200);
/// CPU use below which workers are too many.
const IDLE_CPU: f64 = 0.30;
/// Quiet periods in a row before one worker goes.
const QUIET_PERIODS: u32 = 3;

/// What one period showed. Three periods fit the window of 60 s when a period is 20 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// CPU time used by this process in the period, over what its cores could give: 0 to 1.
    pub cpu: f64,
    /// Time that pages waited for a worker, at the 90th percentile.
    pub queue_delay: Duration,
}

/// What a sample led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The number went up.
    Grown,
    /// The number went down.
    Shrunk,
    /// No change.
    Kept,
}

/// The number of workers.
#[derive(Debug, Clone)]
pub struct Workers {
    now: u32,
    least: u32,
    most: u32,
    quiet: u32,
}

impl Workers {
    /// Begins with as many as there are cores, within `least` and `most` (without: twice the cores).
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

    /// How many there should be.
    pub fn count(&self) -> u32 {
        self.now
    }

    /// New bounds; the number moves into them at once.
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
            // A quarter more, at least one: reaches the limit in a few periods from any size.
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

    /// A machine on which a page costs `work` of a core and waits in line when all workers are taken: the controller
    /// settles and then stays.
    #[test]
    fn settles_under_steady_load_and_comes_back_after_it() {
        const CORES: f64 = 8.0;
        /// Part of a worker's time that is spent on the CPU; the rest waits (disk, locks).
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
        // Nearly all the CPU is wanted: eight workers give 65 % of it only, which is below the threshold of growth, so
        // the number stays; with a worker always on the CPU it would grow.
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
