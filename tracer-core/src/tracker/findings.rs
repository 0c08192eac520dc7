//! History for findings: a moment a second, and what each rule has found at its last look.

use std::sync::Arc;

use super::Tracker;
use crate::finding::{evaluate, history::Moment, window};

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
            time_wait: self.time_wait.current(),
        };
        let hosts = self.hosts.len();
        let history = Arc::make_mut(&mut self.history);
        moment.at_ns = history.elapsed_ns(now_ns);
        history.push(moment);
        let needs_mark = history.needs_mark(moment.at_ns);
        if history.is_due(moment.at_ns, hosts) {
            self.look(moment.at_ns);
        }
        if needs_mark {
            let mark = window::mark(&self.snapshot(), moment.at_ns);
            Arc::make_mut(&mut self.history).mark(mark);
        }
    }

    fn look(&mut self, at_ns: u64) {
        let findings = evaluate(&self.snapshot(), at_ns);
        let history = Arc::make_mut(&mut self.history);
        for finding in findings {
            let past = history.of(finding.rule).after(at_ns, finding.sight());
            history.set(finding.rule, past);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::record::Endpoint;
    use zerocopy::FromZeros;

    use crate::{
        finding::{Finding, evaluate, rule::Rule, subject::Kind},
        host::HostKey,
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

    const MINUTE: u64 = 60;

    /// Crawler of one host with 100 requests a second.
    struct Crawl {
        tracker: Tracker,
        process: u32,
        host: u32,
        second: u64,
    }

    impl Crawl {
        fn new() -> Self {
            let mut tracker = Tracker::new(TrackerOptions::default());
            let process = tracker.processes.of(&Endpoint::new_zeroed());
            let host = tracker.hosts.of(HostKey::sni("a.example", 443), None);
            tracker.sample(0);
            Self {
                tracker,
                process,
                host,
                second: 0,
            }
        }

        /// Goes on for so many seconds, in each of which so many of the requests are on a new connection.
        fn go(&mut self, seconds: u64, fresh: u64) {
            for _ in 0..seconds {
                self.second += 1;
                let (process, host) = (self.process, self.host);
                self.tracker.each_group(process, host, |group| {
                    group.requests.count += 100;
                    group.requests.connections += fresh;
                    group.connections.opened += fresh;
                    group.connections.established += fresh;
                    group.connections.peak_open = 10;
                    group.connections.closed_by.client += fresh;
                    group.phases.connect.record_n(85_000_000, fresh);
                });
                self.tracker.sample(self.second * S);
            }
        }

        /// Time since the first look, ns.
        fn elapsed_ns(&self) -> u64 {
            (self.second - 1) * S
        }

        fn finding(&self, rule: Rule) -> Finding {
            let findings = evaluate(&self.tracker.snapshot(), self.elapsed_ns());
            findings.into_iter().find(|it| it.rule == rule).unwrap()
        }

        fn reuse(&self) -> Finding {
            self.finding(Rule::NoConnectionReuse)
        }
    }

    #[test]
    fn a_fault_that_begins_after_an_hour_of_health() {
        let mut crawl = Crawl::new();
        crawl.go(60 * MINUTE, 0);
        assert!(crawl.reuse().is_clear());
        crawl.go(5 * MINUTE, 100);
        let finding = crawl.reuse();
        let found = finding.found().expect("it is in the last minutes");
        assert!((150 * S..=300 * S).contains(&found.window_ns));
        let began = (60 * MINUTE - 1) * S;
        assert!((began..began + 160 * S).contains(&found.since_ns));
        assert_eq!(found.last_true_ns, crawl.elapsed_ns());
        let kinds = found.worst.iter().map(|scope| scope.kind);
        assert_eq!(kinds.collect::<Vec<_>>(), [Kind::Process, Kind::Host]);
        // Of the whole trace, nine requests of ten were on a reused connection.
        assert!(found.fault.samples <= 30_000, "{found:?}");
    }

    #[test]
    fn a_fault_that_was_cured() {
        let mut crawl = Crawl::new();
        crawl.go(60 * MINUTE, 100);
        assert!(crawl.reuse().found().is_some());
        crawl.go(5 * MINUTE + 1, 0);
        let finding = crawl.reuse();
        assert!(finding.is_clear(), "{finding:?}");
        let gone = finding.gone.unwrap();
        assert_eq!(gone.since_ns, 0);
        let cured = 60 * MINUTE * S;
        assert!(
            (cured - S..=cured + S).contains(&gone.last_true_ns),
            "{gone:?}"
        );
        crawl.go(10 * MINUTE, 100);
        let found = crawl.reuse();
        let since_ns = found.found().map(|found| found.since_ns);
        assert!(
            since_ns.is_some_and(|since_ns| since_ns > cured),
            "another fault"
        );
    }

    /// Half of the requests are on new connections, a little more or less from minute to minute.
    #[test]
    fn a_fault_at_its_limit_does_not_flicker() {
        let mut crawl = Crawl::new();
        let (mut changes, mut was_found) = (0, false);
        for minute in 0..60 {
            crawl.go(MINUTE, [47, 53, 51, 49][minute % 4]);
            let is_found = crawl.reuse().found().is_some();
            changes += u32::from(is_found != was_found);
            was_found = is_found;
        }
        assert!(changes <= 1, "{changes} changes");
    }

    /// With very many hosts no host is judged by its last minutes, so these clear none.
    #[test]
    fn the_fault_of_one_host_among_many_stays() {
        let mut crawl = Crawl::new();
        for number in 0..=crate::finding::history::MARKED_HOSTS {
            let name = format!("h{number}.example");
            let host = crawl.tracker.hosts.of(HostKey::sni(&name, 443), None);
            crawl.tracker.each_group(crawl.process, host, |group| {
                group.requests.count += 1;
            });
        }
        let slow = crawl
            .tracker
            .hosts
            .of(HostKey::sni("slow.example", 443), None);
        for _ in 0..20 {
            let process = crawl.process;
            crawl.tracker.each_group(process, slow, |group| {
                group.requests.count += 10;
                group.phases.connect.record_n(20_000_000, 10);
                group.phases.ttfb.record_n(3_000_000_000, 10);
                group.phases.ttfb_reused.record_n(3_000_000_000, 10);
            });
            let fast = crawl.host;
            crawl.tracker.each_group(process, fast, |group| {
                group.phases.connect.record_n(20_000_000, 10);
                group.phases.ttfb.record_n(22_000_000, 6000);
                group.phases.ttfb_reused.record_n(22_000_000, 6000);
            });
            crawl.go(MINUTE, 0);
        }
        let finding = crawl.finding(Rule::ServerSlow);
        let found = finding.found().expect("the host is as slow as ever");
        assert_eq!(
            (found.scope.kind, found.window_ns),
            (Kind::Host, crawl.elapsed_ns())
        );
    }

    /// The last minutes of a slow crawler hold too little to clear it.
    #[test]
    fn a_slow_crawler_keeps_its_fault() {
        let mut crawl = Crawl::new();
        crawl.go(MINUTE, 100);
        let before = crawl.reuse();
        for _ in 0..20 * MINUTE {
            crawl.second += 1;
            crawl.tracker.sample(crawl.second * S);
        }
        let found = crawl.reuse();
        let last_ns = |finding: &Finding| finding.found().map(|found| found.last_true_ns);
        let (last_ns, before_ns) = (last_ns(&found).unwrap(), last_ns(&before).unwrap());
        // There is a look every other second.
        assert!(last_ns <= before_ns + S, "nothing has happened since");
    }
}
