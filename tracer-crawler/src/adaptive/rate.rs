//! Request rate of one host, adapted to its answers by additive increase and multiplicative decrease (AIMD). Errors
//! never raise the rate, however fast they come.

use std::time::Duration;

/// Share of the rate kept after the host has refused with 429 or 503.
const BACK_OFF: f64 = 0.5;
/// Share of the rate kept after a failure, or when answers take much longer than before.
const EASE_OFF: f64 = 0.8;
/// Ratio of latency to the host's best at which answers count as slow.
const SLOW: f64 = 2.0;
/// Difference in latency below which a slower answer is noise, whatever the ratio.
const SLOW_AT_LEAST: Duration = Duration::from_millis(50);
/// Weight of a new latency in the mean.
const NEW: f64 = 0.2;
/// Rate per answer at which the best latency is forgotten. A host that has become slower for good is accepted after
/// some hundred answers.
const FORGET: f64 = 0.005;

/// Bounds of a host's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateOptions {
    /// Lowest number of requests per second.
    pub least: f64,
    /// Highest number of requests per second.
    pub most: f64,
}

/// Result of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Answer, with the time to its first byte.
    Answer(Duration),
    /// Refusal by 429 or 503.
    TooMuch,
    /// Server error, reset or timeout.
    Failed,
}

/// Request rate of one host.
#[derive(Debug, Clone)]
pub struct HostRate {
    options: RateOptions,
    per_second: f64,
    mean_s: f64,
    best_s: f64,
    /// Number of results until the rate may be lowered again. Requests under way at the last change were sent at the
    /// old rate.
    hold: u32,
}

impl HostRate {
    /// Starts at `first` requests per second, within the bounds.
    pub fn new(options: RateOptions, first: f64) -> Self {
        let per_second = within(options, first);
        Self {
            options,
            per_second,
            mean_s: 0.0,
            best_s: 0.0,
            hold: 0,
        }
    }

    /// Number of requests per second.
    pub fn per_second(&self) -> f64 {
        self.per_second
    }

    /// Sets new bounds, into which the rate moves at once. A rate at the old upper bound goes to the new one.
    pub fn set_options(&mut self, options: RateOptions) {
        let is_free = self.per_second >= self.options.most;
        let per_second = if is_free {
            options.most
        } else {
            self.per_second
        };
        self.options = options;
        self.per_second = within(options, per_second);
    }

    /// Takes one result; `in_flight` is the number of requests to this host still under way. Returns the new rate if it
    /// has changed.
    pub fn observe(&mut self, seen: Seen, in_flight: u32) -> Option<f64> {
        let before = self.per_second;
        self.hold = self.hold.saturating_sub(1);
        match seen {
            Seen::TooMuch => self.lower(BACK_OFF, in_flight),
            Seen::Failed => self.lower(EASE_OFF, in_flight),
            // This request was sent at the rate before the last change.
            Seen::Answer(_) if self.hold > 0 => {}
            Seen::Answer(latency) => {
                self.remember(latency);
                if self.is_slow() {
                    self.lower(EASE_OFF, in_flight);
                } else {
                    self.raise();
                }
            }
        }
        (self.per_second != before).then_some(self.per_second)
    }

    fn remember(&mut self, latency: Duration) {
        let now_s = latency.as_secs_f64();
        if self.best_s == 0.0 {
            (self.mean_s, self.best_s) = (now_s, now_s);
            return;
        }
        self.mean_s += (now_s - self.mean_s) * NEW;
        self.best_s = now_s.min(self.best_s + (self.mean_s - self.best_s).max(0.0) * FORGET);
    }

    fn is_slow(&self) -> bool {
        self.mean_s > self.best_s * SLOW && self.mean_s > self.best_s + SLOW_AT_LEAST.as_secs_f64()
    }

    /// Raises the rate by one request per second for every second of answers.
    fn raise(&mut self) {
        self.per_second = within(
            self.options,
            self.per_second + 1.0 / self.per_second.max(1.0),
        );
    }

    fn lower(&mut self, kept: f64, in_flight: u32) {
        if self.hold > 0 {
            return;
        }
        self.hold = in_flight.saturating_add(1);
        self.mean_s = self.best_s;
        self.per_second = within(self.options, self.per_second * kept);
    }
}

fn within(options: RateOptions, per_second: f64) -> f64 {
    per_second
        .max(options.least)
        .min(options.most.max(options.least))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: RateOptions = RateOptions {
        least: 0.1,
        most: 1000.0,
    };

    fn answer(ms: u64) -> Seen {
        Seen::Answer(Duration::from_millis(ms))
    }

    #[test]
    fn goes_up_by_one_a_second() {
        let mut rate = HostRate::new(OPTIONS, 10.0);
        for _ in 0..10 {
            rate.observe(answer(20), 0);
        }
        assert!(
            (10.9..=11.0).contains(&rate.per_second()),
            "{}",
            rate.per_second()
        );
    }

    #[test]
    fn one_burst_of_errors_is_one_lowering() {
        let mut rate = HostRate::new(OPTIONS, 100.0);
        assert_eq!(rate.observe(Seen::TooMuch, 9), Some(50.0));
        for left in (0..9).rev() {
            assert_eq!(
                rate.observe(Seen::TooMuch, left),
                None,
                "they were under way before"
            );
        }
        assert_eq!(rate.observe(Seen::TooMuch, 0), Some(25.0));
    }

    #[test]
    fn fast_errors_never_raise_it() {
        let mut rate = HostRate::new(OPTIONS, 100.0);
        let mut last = rate.per_second();
        for _ in 0..1000 {
            rate.observe(Seen::Failed, 0);
            assert!(rate.per_second() <= last);
            last = rate.per_second();
        }
        assert_eq!(last, OPTIONS.least);
    }

    #[test]
    fn bounds_hold() {
        let mut rate = HostRate::new(
            RateOptions {
                least: 1.0,
                most: 12.0,
            },
            500.0,
        );
        assert_eq!(rate.per_second(), 12.0);
        for _ in 0..100 {
            rate.observe(answer(1), 0);
        }
        assert_eq!(rate.per_second(), 12.0);
        rate.set_options(RateOptions {
            least: 1.0,
            most: 3.0,
        });
        assert_eq!(rate.per_second(), 3.0);
        rate.set_options(OPTIONS);
        assert_eq!(rate.per_second(), 1000.0, "it was as fast as allowed");
        rate.observe(Seen::TooMuch, 0);
        rate.set_options(RateOptions {
            least: 600.0,
            ..OPTIONS
        });
        assert_eq!(rate.per_second(), 600.0);
    }

    /// Simulates a host that answers in `base_ms` up to its capacity, more and more slowly above it, and refuses far
    /// above it. Steps take 10 ms; the result is the rate at the end of each second.
    fn simulate(rate: &mut HostRate, capacity: f64, base_ms: f64, seconds: u32) -> Vec<f64> {
        const STEP_S: f64 = 0.01;
        let (mut backlog, mut due) = (0.0_f64, 0.0_f64);
        let mut second = || {
            for _ in 0..100 {
                let asked = rate.per_second() * STEP_S;
                backlog = (backlog + asked - capacity * STEP_S).max(0.0);
                due += asked;
                let latency_s = base_ms / 1e3 + backlog / capacity;
                let seen = if latency_s > 5.0 {
                    Seen::TooMuch
                } else {
                    Seen::Answer(Duration::from_secs_f64(latency_s))
                };
                while due >= 1.0 {
                    due -= 1.0;
                    rate.observe(seen, (rate.per_second() * latency_s) as u32);
                }
            }
            rate.per_second()
        };
        (0..seconds).map(|_| second()).collect()
    }

    #[test]
    fn finds_the_capacity_of_a_host_and_follows_it() {
        let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
        let mut rate = HostRate::new(OPTIONS, 5.0);
        let first = simulate(&mut rate, 50.0, 20.0, 600);
        let settled = mean(&first[300..]);
        assert!(
            (35.0..=52.0).contains(&settled),
            "{settled}: {:?}",
            &first[560..]
        );
        let slower = simulate(&mut rate, 10.0, 20.0, 600);
        let settled = mean(&slower[300..]);
        assert!(
            (6.0..=10.5).contains(&settled),
            "{settled}: {:?}",
            &slower[560..]
        );
        let again = simulate(&mut rate, 50.0, 20.0, 600);
        let settled = mean(&again[300..]);
        assert!(
            (35.0..=52.0).contains(&settled),
            "{settled}: {:?}",
            &again[560..]
        );
    }

    #[test]
    fn a_host_that_is_slower_for_good_is_accepted() {
        let mut rate = HostRate::new(OPTIONS, 20.0);
        simulate(&mut rate, 1000.0, 20.0, 20);
        let slow = simulate(&mut rate, 1000.0, 200.0, 3000);
        let (low, end) = (slow.iter().copied().fold(f64::MAX, f64::min), slow[2999]);
        assert!(end > 20.0 && end > 2.0 * low, "{low} then {end}");
    }
}
