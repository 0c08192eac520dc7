//! Progress line of a running crawl.

use std::{collections::VecDeque, time::Duration};

use crate::stats::Snapshot;
use tracer_text::number::{bytes, count, short_clock};

/// Time over which the rate is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// Limits at which the crawl ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Limit of pages.
    pub pages: Option<u64>,
    /// Limit of time.
    pub time: Option<Duration>,
}

/// Makes the progress line and keeps what the rate needs.
#[derive(Debug, Default)]
pub struct Line {
    /// Time and number of pages, the oldest first; bounded by the window and the interval of updates.
    seen: VecDeque<(Duration, u64)>,
}

impl Line {
    /// Line at the time `elapsed` after the begin.
    pub fn update(&mut self, figures: &Snapshot, bounds: Bounds, elapsed: Duration) -> String {
        let per_second = self.rate(elapsed, figures.pages);
        let mut parts = vec![
            format!(
                "{} {} pages",
                short_clock(elapsed.as_secs()),
                count(figures.pages)
            ),
            format!("{per_second:.0}/s"),
            format!("queue {}", count(figures.queued)),
            format!("in flight {}", count(figures.in_flight)),
            format!("failed {}", count(figures.failed)),
            bytes(figures.wire_bytes),
        ];
        if let Some(left) = left(figures.pages, per_second, bounds, elapsed) {
            parts.push(format!("ETA {}", short_clock(left.as_secs())));
        }
        if figures.phase == "stopping" {
            parts.push("stopping".to_owned());
        }
        parts.join("  ")
    }

    fn rate(&mut self, elapsed: Duration, pages: u64) -> f64 {
        self.seen.push_back((elapsed, pages));
        while self.seen.len() > 2 && elapsed.saturating_sub(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
        let (since, before) = self.seen[0];
        let time = elapsed.saturating_sub(since).as_secs_f64();
        if time == 0.0 {
            0.0
        } else {
            pages.saturating_sub(before) as f64 / time
        }
    }
}

/// Time until the nearest limit; `None` without a limit, or if the rate is unknown.
fn left(pages: u64, per_second: f64, bounds: Bounds, elapsed: Duration) -> Option<Duration> {
    let by_pages = bounds.pages.filter(|_| per_second > 0.0).and_then(|most| {
        Duration::try_from_secs_f64(most.saturating_sub(pages) as f64 / per_second).ok()
    });
    let by_time = bounds.time.map(|most| most.saturating_sub(elapsed));
    by_pages.into_iter().chain(by_time).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{CrawlPhase, Stats};

    fn after(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn figures(pages: u64) -> Snapshot {
        Snapshot {
            pages,
            queued: 1234,
            in_flight: 5,
            failed: 2,
            wire_bytes: 3 << 20,
            ..Stats::default().snapshot()
        }
    }

    #[test]
    fn rate_and_estimate() {
        let mut line = Line::default();
        let bounds = Bounds {
            pages: Some(4000),
            time: None,
        };
        assert_eq!(
            line.update(&figures(0), bounds, after(0)),
            "0:00 0 pages  0/s  queue 1,234  in flight 5  failed 2  3.0 MiB"
        );
        assert_eq!(
            line.update(&figures(1000), bounds, after(10)),
            "0:10 1,000 pages  100/s  queue 1,234  in flight 5  failed 2  3.0 MiB  ETA 0:30"
        );
        // The first ten seconds are outside of the window.
        let text = line.update(&figures(3000), bounds, after(20));
        assert!(
            text.contains("  200/s  ") && text.ends_with("ETA 0:05"),
            "{text}"
        );
    }

    #[test]
    fn the_nearest_bound_counts() {
        let bounds = Bounds {
            pages: Some(1000),
            time: Some(after(60)),
        };
        assert_eq!(left(500, 5.0, bounds, after(10)), Some(after(50)));
        assert_eq!(left(500, 50.0, bounds, after(10)), Some(after(10)));
        assert_eq!(left(500, 0.0, bounds, after(70)), Some(after(0)));
        assert_eq!(left(500, 50.0, Bounds::default(), after(10)), None);
    }

    #[test]
    fn stopping_is_said() {
        let stats = Stats::default();
        stats.set_phase(CrawlPhase::Stopping);
        let text = Line::default().update(&stats.snapshot(), Bounds::default(), after(1));
        assert!(text.ends_with("  stopping"), "{text}");
    }

    #[test]
    fn memory_is_bounded() {
        let mut line = Line::default();
        for quarter in 0..10_000 {
            line.update(
                &figures(quarter),
                Bounds::default(),
                Duration::from_millis(250 * quarter),
            );
        }
        assert!(line.seen.len() <= 42, "{}", line.seen.len());
    }
}
