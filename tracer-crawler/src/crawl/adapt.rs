//! Adapts the number of page workers to CPU use and queue delay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::engine::Engine;
use crate::adaptive::{Sample, Workers};
use crate::affinity;
use crate::settings::Settings;

/// Time between two samples; three of them make the 60 s window of [`Workers`].
const PERIOD: Duration = Duration::from_secs(20);

/// Takes a sample of CPU use and queue delay once per [`PERIOD`].
pub(crate) struct Adapt {
    workers: Option<Workers>,
    cores: u32,
    since: Instant,
    cpu: Duration,
}

impl Adapt {
    pub(crate) fn new(settings: &Settings) -> Self {
        let cores = affinity::allowed().map_or(1, |cores| cores.len().max(1));
        let cores = u32::try_from(cores).unwrap_or(1);
        let (least, most) = (settings.adaptive.min_workers, settings.adaptive.max_workers);
        let workers = settings
            .adaptive
            .workers
            .then(|| Workers::new(cores, least, most));
        Self {
            workers,
            cores,
            since: Instant::now(),
            cpu: cpu_time(),
        }
    }

    pub(crate) fn tick(&mut self, engine: &Arc<Engine>) {
        let Some(workers) = &mut self.workers else {
            return;
        };
        engine.page_workers.set_limit(workers.count() as usize);
        let passed = self.since.elapsed();
        if passed < PERIOD {
            return;
        }
        let settings = engine.live.load();
        let most = settings.adaptive.max_workers.unwrap_or(self.cores * 2);
        workers.set_bounds(settings.adaptive.min_workers, most);
        let now = cpu_time();
        let used = now.saturating_sub(self.cpu).as_secs_f64();
        workers.observe(Sample {
            cpu: used / (passed.as_secs_f64() * f64::from(self.cores)),
            queue_delay: engine.take_queue_delay(),
        });
        (self.since, self.cpu) = (Instant::now(), now);
        engine.page_workers.set_limit(workers.count() as usize);
    }
}

/// CPU time of this process, user and system together.
fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}
