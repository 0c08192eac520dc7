//! Snapshot of the figures, for everything that shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{HistogramSnapshot, Stats};
use crate::outcome::Class;

/// Reason why a crawl ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// No page is left to fetch.
    Done,
    /// `crawl.max_pages` is reached.
    PageLimit,
    /// `crawl.max_time` has passed.
    TimeLimit,
    /// A signal or the control interface stopped the crawl.
    Interrupted,
    /// A resource of this machine is lacking, and waiting did not help.
    OutOfResources,
    /// State or output could not be written.
    OutputFailed,
}

impl FinishReason {
    /// Name of the reason in outputs, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::PageLimit => "page_limit",
            Self::TimeLimit => "time_limit",
            Self::Interrupted => "interrupted",
            Self::OutOfResources => "out_of_resources",
            Self::OutputFailed => "output_failed",
        }
    }
}

/// Values of [`Stats`] at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields of `Stats` of these names say it")]
pub struct Snapshot {
    pub phase: &'static str,
    /// Reason for the end; absent while the crawl runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    pub elapsed_ms: u64,
    pub pages: u64,
    /// Pages by class of status: `2xx`, ….
    pub statuses: BTreeMap<&'static str, u64>,
    pub failed: u64,
    /// URLs given up, by error class.
    pub failures: BTreeMap<&'static str, u64>,
    /// URLs left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    pub requests: u64,
    pub retries: u64,
    pub redirects: u64,
    pub wire_bytes: u64,
    pub decoded_bytes: u64,
    pub links: u64,
    pub duplicates: u64,
    pub not_modified: u64,
    pub connections: u64,
    pub reused: u64,
    pub lookups: u64,
    pub lookup_hits: u64,
    pub hooks_done: u64,
    pub hooks_failed: u64,
    pub panics: u64,
    pub queued: u64,
    pub in_flight: u64,
    pub hosts: u64,
    pub idle_connections: u64,
    pub workers: u64,
    pub depth: u64,
    /// Durations of phases by name: dns, connect, tls, ttfb, total.
    pub phases: BTreeMap<&'static str, HistogramSnapshot>,
}

/// Exit codes of a crawl, described in docs/user/exit-codes.md.
pub mod exit {
    /// The crawl ended by itself or at a configured limit.
    pub const OK: u8 = 0;
    /// No page at all could be fetched.
    pub const NOTHING_FETCHED: u8 = 5;
    /// The crawl was stopped before its end.
    pub const INTERRUPTED: u8 = 6;
    /// The crawl could not go on for lack of a resource of this machine, or because of its outputs.
    pub const COULD_NOT_GO_ON: u8 = 7;
}

impl Snapshot {
    /// Number of pages answered with 2xx or 3xx.
    fn successes(&self) -> u64 {
        let count = |class| self.statuses.get(class).copied().unwrap_or(0);
        count("2xx") + count("3xx")
    }

    /// Exit code of a crawl that ended with these figures.
    pub fn exit_code(&self) -> u8 {
        match self.finish_reason {
            Some(FinishReason::Interrupted) => exit::INTERRUPTED,
            Some(FinishReason::OutOfResources | FinishReason::OutputFailed) => {
                exit::COULD_NOT_GO_ON
            }
            _ if self.successes() == 0 && self.failed > 0 => exit::NOTHING_FETCHED,
            _ => exit::OK,
        }
    }
}

const STATUSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl Stats {
    /// Snapshot of all figures; counters that depend on each other may differ by one.
    pub fn snapshot(&self) -> Snapshot {
        let named = STATUSES.iter().zip(&self.statuses);
        let statuses = named.map(|(name, count)| (*name, count.get()));
        let failures = Class::ALL
            .iter()
            .map(|class| (class.name(), self.failures[*class as usize].get()));
        Snapshot {
            phase: self.phase().name(),
            finish_reason: None,
            elapsed_ms: u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX),
            pages: self.pages(),
            statuses: statuses.filter(above_zero).collect(),
            failed: self.failed(),
            failures: failures.filter(above_zero).collect(),
            skipped: self.skips().clone(),
            requests: self.requests.get(),
            retries: self.retries.get(),
            redirects: self.redirects.get(),
            wire_bytes: self.wire_bytes.get(),
            decoded_bytes: self.decoded_bytes.get(),
            links: self.links.get(),
            duplicates: self.duplicates.get(),
            not_modified: self.not_modified.get(),
            connections: self.connections.get(),
            reused: self.reused.get(),
            lookups: self.lookups.get(),
            lookup_hits: self.lookup_hits.get(),
            hooks_done: self.hooks_done.get(),
            hooks_failed: self.hooks_failed.get(),
            panics: self.panics.get(),
            queued: self.queued.get(),
            in_flight: self.in_flight.get(),
            hosts: self.hosts.get(),
            idle_connections: self.idle_connections.get(),
            workers: self.workers.get(),
            depth: self.depth.get(),
            phases: self.phases(),
        }
    }

    fn phases(&self) -> BTreeMap<&'static str, HistogramSnapshot> {
        let phases = [
            ("dns", &self.dns),
            ("connect", &self.connect),
            ("tls", &self.tls),
            ("ttfb", &self.ttfb),
            ("total", &self.total),
        ];
        phases
            .map(|(name, histogram)| (name, histogram.snapshot()))
            .into()
    }
}

fn above_zero(entry: &(&'static str, u64)) -> bool {
    entry.1 > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::CrawlPhase;

    #[test]
    fn everything_counted_is_shown() {
        let stats = Stats::default();
        stats.set_phase(CrawlPhase::Running);
        for status in [200, 204, 404, 999] {
            stats.page(status);
        }
        stats.failure(Class::ConnectRefused);
        stats.skip("robots", 3);
        stats.skip("robots", 1);
        stats.skip("scheme", 0);
        let inside = stats.in_flight.enter();
        let snapshot = stats.snapshot();
        assert_eq!(
            (snapshot.pages, snapshot.failed, snapshot.in_flight),
            (4, 1, 1)
        );
        assert_eq!(
            snapshot.statuses,
            [("2xx", 2), ("4xx", 1), ("other", 1)].into()
        );
        assert_eq!(snapshot.failures, [("connect_refused", 1)].into());
        assert_eq!(snapshot.skipped, [("robots", 4)].into());
        assert_eq!(snapshot.phase, "running");
        drop(inside);
        assert_eq!(stats.snapshot().in_flight, 0);
        serde_json::to_string(&snapshot).unwrap();
    }

    #[test]
    fn exit_codes() {
        let code = |reason, pages, failed| {
            let mut figures = Stats::default().snapshot();
            figures.statuses = [("2xx", pages), ("5xx", failed)].into();
            Snapshot {
                finish_reason: Some(reason),
                pages,
                failed,
                ..figures
            }
            .exit_code()
        };
        assert_eq!(code(FinishReason::Done, 1, 9), 0);
        assert_eq!(code(FinishReason::PageLimit, 1, 0), 0);
        assert_eq!(code(FinishReason::Done, 0, 0), 0);
        assert_eq!(code(FinishReason::Done, 0, 1), 5);
        assert_eq!(code(FinishReason::Interrupted, 0, 1), 6);
        assert_eq!(code(FinishReason::OutOfResources, 9, 1), 7);
        assert_eq!(code(FinishReason::OutputFailed, 9, 1), 7);
    }

    #[test]
    fn names_are_those_of_json() {
        for reason in [
            FinishReason::Done,
            FinishReason::PageLimit,
            FinishReason::TimeLimit,
            FinishReason::Interrupted,
            FinishReason::OutOfResources,
            FinishReason::OutputFailed,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
