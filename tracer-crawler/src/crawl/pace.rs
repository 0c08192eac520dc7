//! How fast each host is asked: its robots.txt, the settings and what its answers say, whichever is slowest.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use super::engine::Engine;
use crate::adaptive::{HostRate, RateOptions, Seen};
use crate::fetch::{Exchange, origin_key};
use crate::outcome::{Failure, Remedy};
use crate::settings::Settings;

/// Hosts remembered; one that is forgotten starts anew.
const MAX_HOSTS: usize = 100_000;

/// Delay at which a host counts as not slowed down: closer than that, the frontier's own turn takes longer.
const NO_DELAY: Duration = Duration::from_micros(100);

#[derive(Debug, Default)]
struct Pace {
    robots: Option<Duration>,
    rate: Option<HostRate>,
    in_flight: u32,
}

/// Paces by origin.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<Box<str>, Pace>>);

impl Paces {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Pace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update<T>(&self, url: &Url, work: impl FnOnce(&mut Pace) -> T) -> T {
        let mut paces = self.lock();
        let key = origin_key(url);
        if let Some(pace) = paces.get_mut(key) {
            return work(pace);
        }
        if paces.len() >= MAX_HOSTS {
            paces.retain(|_, pace| pace.in_flight > 0 || pace.robots.is_some());
        }
        work(paces.entry(key.into()).or_default())
    }

    /// The delay that counts from now on.
    pub(crate) fn set_robots_delay(&self, url: &Url, delay: Duration) -> Option<Duration> {
        self.update(url, |pace| {
            pace.robots = Some(delay);
            pace.delay()
        })
    }
}

impl Pace {
    fn delay(&self) -> Option<Duration> {
        let adapted = self.rate.as_ref().and_then(|rate| {
            let delay = Duration::try_from_secs_f64(1.0 / rate.per_second()).ok()?;
            (delay > NO_DELAY).then_some(delay)
        });
        self.robots.max(adapted)
    }
}

/// The delay that settings ask for.
pub(crate) fn settings_delay(settings: &Settings) -> Duration {
    let period = settings.limits.per_host_rate.map(|rate| rate.period());
    settings.politeness.delay.max(period.unwrap_or_default())
}

impl Engine {
    /// A request to the host begins.
    pub(crate) fn pace_begin(&self, settings: &Settings, url: &Url) {
        if settings.adaptive.rate {
            self.paces.update(url, |pace| pace.in_flight += 1);
        }
    }

    /// It has ended: the host's rate learns from it.
    pub(crate) fn pace_end(
        &self,
        settings: &Settings,
        url: &Url,
        exchange: &Exchange,
        failure: Option<&Failure>,
    ) {
        if !settings.adaptive.rate {
            return;
        }
        let seen = seen(exchange, failure);
        let changed = self.paces.update(url, |pace| {
            pace.in_flight = pace.in_flight.saturating_sub(1);
            let (in_flight, before) = (pace.in_flight, pace.delay());
            let options = options(settings);
            // As fast as allowed until the host says otherwise.
            let rate = pace
                .rate
                .get_or_insert_with(|| HostRate::new(options, options.most));
            rate.observe(seen?, in_flight)?;
            let after = pace.delay();
            (after != before).then_some(after)
        });
        if let Some(delay) = changed {
            let delay = delay.max(Some(settings_delay(settings)).filter(|delay| !delay.is_zero()));
            self.with_frontier(|frontier| {
                frontier.set_host_delay(url, delay);
                Ok(())
            });
        }
    }
}

fn options(settings: &Settings) -> RateOptions {
    let most = settings
        .limits
        .per_host_rate
        .map_or(20_000.0, |rate| rate.get());
    RateOptions {
        least: settings.adaptive.min_rate.get().min(most),
        most,
    }
}

/// What a result says of the host; nothing if it says more of us.
fn seen(exchange: &Exchange, failure: Option<&Failure>) -> Option<Seen> {
    match failure {
        Some(Failure::Status {
            status: 429 | 503, ..
        }) => return Some(Seen::TooMuch),
        Some(failure) if matches!(failure.remedy(), Remedy::System | Remedy::Cancelled) => {
            return None;
        }
        Some(failure) if failure.remedy() == Remedy::Transient => return Some(Seen::Failed),
        _ => {}
    }
    let ttfb_ns = exchange.phases.ttfb_ns?;
    Some(Seen::Answer(Duration::from_nanos(ttfb_ns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_counts() {
        let paces = Paces::default();
        let url = Url::parse("http://a.example/").unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(paces.set_robots_delay(&url, second), Some(second));
        let delay = |per_second| {
            paces.update(&url, |pace| {
                let options = RateOptions {
                    least: 0.1,
                    most: 20_000.0,
                };
                pace.rate = Some(HostRate::new(options, per_second));
                pace.delay()
            })
        };
        assert_eq!(delay(20_000.0), Some(second));
        assert_eq!(delay(0.5), Some(2 * second));
    }
}
