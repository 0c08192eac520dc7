//! History for findings: a moment a second, and what each rule has found at its last look.

use std::sync::Arc;

use super::Tracker;
use crate::finding::{evaluate, history::Moment};

impl Tracker {
    /// Adds a moment to the history, and lets the rules look at the figures when they are due.
    pub(super) fn note_history(&mut self, now_ns: u64) {
        let totals = &self.totals;
        let ports_used = self.time_wait.most_ports_used();
        let mut moment = Moment {
            at_ns: 0,
            requests: totals.requests.count,
            open: totals.connections.open_now,
            close_wait: totals.connections.close_wait_now,
            ports_used,
        };
        let hosts = self.hosts.len();
        let history = Arc::make_mut(&mut self.history);
        moment.at_ns = history.elapsed_ns(now_ns);
        history.push(moment);
        if history.is_due(moment.at_ns, hosts) {
            self.look(moment.at_ns);
        }
    }

    fn look(&mut self, at_ns: u64) {
        let findings = evaluate(&self.snapshot(), at_ns);
        let history = Arc::make_mut(&mut self.history);
        for finding in findings {
            let events = finding.found().map(|found| found.fault.events);
            let past = history.of(finding.rule).after(at_ns, events);
            history.set(finding.rule, past);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        finding::rule::Rule,
        series::FIRST_INTERVAL_NS as S,
        tracker::{Tracker, TrackerOptions},
    };

    #[test]
    fn a_moment_a_second_and_what_was_found_since_when() {
        let mut tracker = Tracker::new(TrackerOptions::default());
        tracker.sample(5 * S);
        tracker.sample(6 * S);
        let totals = std::sync::Arc::make_mut(&mut tracker.totals);
        totals.dns.queries = 100;
        totals.dns.failed.timeout = 50;
        for second in 7..10 {
            tracker.sample(second * S);
        }
        let history = tracker.snapshot().history;
        assert_eq!(history.moments.len(), 4);
        let past = history.of(Rule::DnsSlowOrFailing);
        assert_eq!((past.found, past.since_ns), (true, Some(S)));
        assert_eq!(past.last_true_ns, Some(S), "no lookup has failed since");
        tracker.reset();
        assert!(tracker.snapshot().history.moments.is_empty());
    }
}
