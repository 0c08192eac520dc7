//! Request rate of each host: the slowest of its robots.txt, the settings and the rate its answers call for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use super::engine::Engine;
use crate::adaptive::{HostRate, RateOptions, Seen};
use crate::fetch::{Exchange, origin_key};
use crate::outcome::{Failure, Remedy};
use crate::settings::Settings;

/// Number of hosts remembered. A forgotten host starts with a new rate.
const MAX_HOSTS: usize = 100_000;

/// Delay below which a host counts as not slowed down, because the frontier takes longer than that between two pages.
const NO_DELAY: Duration = Duration::from_micros(100);

#[derive(Debug, Default)]
struct Throttle {
    rate: Option<HostRate>,
    in_flight: u32,
}

/// Throttles of the hosts, by origin.
#[derive(Debug, Default)]
pub(crate) struct Throttles(Mutex<HashMap<Box<str>, Throttle>>);

impl Throttles {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Throttle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update<T>(&self, url: &Url, work: impl FnOnce(&mut Throttle) -> T) -> T {
        let mut throttles = self.lock();
        let key = origin_key(url);
        if let Some(throttle) = throttles.get_mut(key) {
            return work(throttle);
        }
        if throttles.len() >= MAX_HOSTS {
            throttles.retain(|_, throttle| throttle.in_flight > 0);
        }
        work(throttles.entry(key.into()).or_default())
    }

    /// Delay that the host's answers call for.
    fn delay(&self, url: &Url) -> Option<Duration> {
        self.lock().get(origin_key(url)).and_then(Throttle::delay)
    }
}

impl Throttle {
    fn delay(&self) -> Option<Duration> {
        let per_second = self.rate.as_ref()?.per_second();
        let delay = Duration::try_from_secs_f64(1.0 / per_second).ok()?;
        (delay > NO_DELAY).then_some(delay)
    }
}

/// Delay that the settings ask for.
pub(crate) fn settings_delay(settings: &Settings) -> Duration {
    let period = settings.limits.per_host_rate.map(|rate| rate.period());
    settings.politeness.delay.max(period.unwrap_or_default())
}

impl Engine {
    /// The longer of the delay in robots.txt and the one that the host's answers call for.
    pub(crate) fn slowest(&self, url: &Url, robots: Duration) -> Duration {
        self.throttles.delay(url).unwrap_or_default().max(robots)
    }

    /// Notes that a request to the host begins.
    pub(crate) fn throttle_begin(&self, settings: &Settings, url: &Url) {
        if settings.adaptive.rate {
            self.throttles
                .update(url, |throttle| throttle.in_flight += 1);
        }
    }

    /// Notes that a request to the host has ended, and adapts the host's rate to its result.
    pub(crate) fn throttle_end(
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
        let changed = self.throttles.update(url, |throttle| {
            throttle.in_flight = throttle.in_flight.saturating_sub(1);
            let (in_flight, before) = (throttle.in_flight, throttle.delay());
            let options = options(settings);
            // A new host is asked as fast as allowed until its answers call for less.
            let rate = throttle
                .rate
                .get_or_insert_with(|| HostRate::new(options, options.most));
            // The settings may have changed since the host's last answer.
            rate.set_options(options);
            if let Some(seen) = seen {
                rate.observe(seen, in_flight);
            }
            let after = throttle.delay();
            (after != before).then_some(after)
        });
        if let Some(delay) = changed {
            let robots = self
                .robots
                .cached(url)
                .and_then(|rules| rules.crawl_delay());
            // The frontier itself adds the delay of the settings.
            self.set_delay(url, delay.max(robots));
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

/// Observation about the host in a request's result; `None` if the result is about this machine rather than the host.
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
    fn only_a_rate_that_slows_down_is_a_delay() {
        let throttles = Throttles::default();
        let url = Url::parse("http://a.example/").unwrap();
        assert_eq!(throttles.delay(&url), None);
        for (per_second, expected) in [(20_000.0, None), (0.5, Some(Duration::from_secs(2)))] {
            let options = RateOptions {
                least: 0.1,
                most: 20_000.0,
            };
            throttles.update(&url, |throttle| {
                throttle.rate = Some(HostRate::new(options, per_second));
            });
            assert_eq!(throttles.delay(&url), expected);
        }
    }

    #[test]
    fn hosts_beyond_the_limit_are_forgotten_but_for_those_under_way() {
        let throttles = Throttles::default();
        let url = |number: usize| Url::parse(&format!("http://h{number}.example/")).unwrap();
        throttles.update(&url(0), |throttle| throttle.in_flight = 1);
        for number in 1..=MAX_HOSTS {
            throttles.update(&url(number), |_| ());
        }
        let left: Vec<_> = throttles.lock().keys().cloned().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
