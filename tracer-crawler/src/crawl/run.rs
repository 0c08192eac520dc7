//! Main loop of a crawl, from its begin to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::adapt::Adapt;
use super::engine::{Engine, NextStep, unreachable_age};
use super::throttle::settings_delay;
use super::worker;
use crate::frontier::Politeness;
use crate::settings::Settings;
use crate::stats::{CrawlPhase, FinishReason};

/// Interval at which figures are updated and names of hosts are looked up ahead.
const TICK: Duration = Duration::from_millis(200);

/// Settings that the frontier needs.
pub(crate) fn politeness(settings: &Settings) -> Politeness {
    Politeness {
        per_host: settings.limits.per_host,
        delay: settings_delay(settings),
        max_pages_per_host: settings.scope.max_pages_per_host,
    }
}

/// Runs the crawl until there is a reason to end.
pub(crate) async fn run(engine: &Arc<Engine>) -> FinishReason {
    engine.stats.set_phase(CrawlPhase::Running);
    engine.apply(&engine.live.load());
    let mut changes = engine.live.subscribe();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut adapt = Adapt::new(&engine.live.load());
    loop {
        let wait = match fill(engine) {
            Fill::Until(wait) => wait,
            Fill::Over(reason) => {
                engine.finish(reason);
                break;
            }
            Fill::Stopped => break,
        };
        tokio::select! {
            () = engine.wake.notified() => {}
            () = engine.stop.cancelled() => {}
            () = tokio::time::sleep_until(wait.into()) => {}
            changed = changes.changed() => {
                if changed.is_ok() {
                    engine.apply(&engine.live.load());
                }
            }
            _ = ticks.tick() => tick(engine, &mut adapt),
        }
    }
    drain(engine).await;
    close(engine).await;
    engine.stats.set_phase(CrawlPhase::Ended);
    engine.reason().unwrap_or(FinishReason::Interrupted)
}

enum Fill {
    /// No further worker can begin now; try again at this time, or when woken.
    Until(Instant),
    Over(FinishReason),
    Stopped,
}

/// Starts workers as long as there is work and room for them.
fn fill(engine: &Arc<Engine>) -> Fill {
    const LONG: Duration = Duration::from_secs(3600);
    loop {
        let active = engine.active.load(Ordering::Acquire);
        if engine.stop.is_cancelled() {
            return Fill::Stopped;
        }
        if active >= engine.limit.load(Ordering::Acquire) {
            return Fill::Until(Instant::now() + LONG);
        }
        match engine.with_frontier(|frontier| engine.next_step(frontier)) {
            Some(NextStep::Page(page)) => worker::start(engine, page),
            Some(NextStep::Wait(until)) => return Fill::Until(until),
            Some(NextStep::Busy) => return Fill::Until(Instant::now() + LONG),
            // With a worker active the crawl goes on: its page may still add links.
            Some(NextStep::Empty) if active == 0 => return Fill::Over(FinishReason::Done),
            Some(NextStep::Full) if active == 0 => return Fill::Over(FinishReason::PageLimit),
            Some(NextStep::Empty | NextStep::Full) => return Fill::Until(Instant::now() + LONG),
            Some(NextStep::Stopped) | None => return Fill::Stopped,
        }
    }
}

/// Waits for pages under way, and cuts them off after `timeouts.shutdown`.
async fn drain(engine: &Arc<Engine>) {
    engine.stats.set_phase(CrawlPhase::Stopping);
    let grace = tokio::time::Instant::now() + engine.live.load().timeouts.shutdown;
    while engine.active.load(Ordering::Acquire) > 0 {
        tokio::select! {
            () = engine.wake.notified() => {}
            () = tokio::time::sleep_until(grace), if !engine.abort.is_cancelled() => engine.abort.cancel(),
        }
    }
}

async fn close(engine: &Arc<Engine>) {
    engine.update_gauges();
    for out in &engine.outs {
        if let Err(error) = out.finish().await {
            tracing::error!(%error, "results may be incomplete");
            engine.finish(FinishReason::OutputFailed);
        }
    }
    let keeper = Arc::clone(engine);
    // Saving the cache and closing the frontier wait for the disk, so both run on a blocking thread.
    let _ = tokio::task::spawn_blocking(move || keeper.save_cache()).await;
    let Some(frontier) = engine.take_frontier() else {
        return;
    };
    let closed = tokio::task::spawn_blocking(move || frontier.close()).await;
    if let Ok(Err(error)) = closed {
        tracing::error!(%error, "the state may be incomplete");
        engine.finish(FinishReason::OutputFailed);
    }
}

fn tick(engine: &Arc<Engine>, adapt: &mut Adapt) {
    engine.update_gauges();
    engine.prewarm();
    if engine.load_shedding.recover() {
        engine.set_workers();
    }
    adapt.tick(engine);
    let limit = engine.live.load().crawl.max_time;
    if limit.is_some_and(|limit| engine.stats.elapsed() >= limit) {
        engine.finish(FinishReason::TimeLimit);
    }
}

impl Engine {
    /// Applies settings that may change while the crawl runs.
    pub(crate) fn apply(&self, settings: &Settings) {
        let period = settings.limits.rate.map(|rate| rate.period());
        self.rate
            .change(period.unwrap_or_default(), settings.limits.burst);
        self.fetcher.set_per_host(settings.limits.per_host as usize);
        self.robots.set_ages(
            settings.politeness.max_crawl_delay,
            unreachable_age(settings),
        );
        self.with_frontier(|frontier| {
            frontier.set_politeness(politeness(settings));
            frontier.set_snapshot_interval(settings.state.snapshot_interval);
            Ok(())
        });
        self.set_workers();
        self.wake.notify_one();
    }

    pub(crate) fn update_gauges(&self) {
        let pool = self.fetcher.pool_figures();
        self.stats.idle_connections.set(pool.idle as u64);
        let opened = pool.opened.saturating_sub(self.stats.connections.get());
        self.stats.connections.add(opened);
        if let Some(cache) = self.fetcher.resolver().cache_figures() {
            let stats = &self.stats;
            let hits = cache.hits + cache.negative_hits;
            stats
                .lookups
                .add(cache.lookups.saturating_sub(stats.lookups.get()));
            stats
                .lookup_hits
                .add(hits.saturating_sub(stats.lookup_hits.get()));
        }
        let figures = self.with_frontier(|frontier| Ok(frontier.figures()));
        if let Some(figures) = figures {
            self.stats.queued.set(figures.queued);
            self.stats.hosts.set(figures.hosts);
        }
    }

    /// Looks up the names of hosts that are due soon.
    fn prewarm(&self) {
        let count = self.live.load().dns.prewarm as usize;
        if count == 0 {
            return;
        }
        let hosts = self.with_frontier(|frontier| Ok(frontier.upcoming_hosts(count)));
        let hosts = hosts.unwrap_or_default();
        let names = hosts.iter().filter_map(|host| host.rsplit_once(':'));
        self.fetcher.resolver().prewarm(names.map(|(name, _)| name));
    }
}
