//! Compares tracer's figures with those of independent witnesses: origin, DNS server, crawler.

use tracer_export::{Export, Phase};

use super::Run;
use crate::diff::percentile_ns;

/// Relative difference that is allowed for counts and times.
pub(super) const TOLERANCE: f64 = 0.01;
/// Difference of a count that is always allowed: a request that was under way at the end.
const SLACK_COUNT: f64 = 1.0;
/// Difference of a time that is always allowed, ns: a late wake-up of a busy crawler.
const SLACK_NS: f64 = 1e6;

/// A figure that tracer and a witness measured independently.
#[derive(Debug)]
pub(super) struct Check {
    /// Name of what was counted or timed.
    pub(super) what: String,
    /// Name of the witness, who counted or timed the same.
    pub(super) witness: &'static str,
    /// True if the figure is a time in ns, false if it is a count.
    pub(super) is_time: bool,
    /// Figure of tracer.
    pub(super) tracer: Option<f64>,
    /// Figure of the witness.
    pub(super) other: Option<f64>,
}

impl Check {
    /// True if both agree within the tolerance, or both figures are unknown.
    pub(super) fn agrees(&self) -> bool {
        let slack = if self.is_time { SLACK_NS } else { SLACK_COUNT };
        match (self.tracer, self.other) {
            (Some(a), Some(b)) => (a - b).abs() <= (b * TOLERANCE).max(slack),
            (a, b) => a.is_none() == b.is_none(),
        }
    }
}

/// Every check of a run.
pub(super) fn checks(run: &Run, export: &Export) -> Vec<Check> {
    let origin = |pointer: &str| {
        run.counted
            .origin
            .pointer(pointer)
            .and_then(serde_json::Value::as_f64)
    };
    let count = |what: &str, tracer: Option<u64>, witness, other| Check {
        what: what.to_owned(),
        witness,
        is_time: false,
        tracer: tracer.map(|count| count as f64),
        other,
    };
    let median = |phase| percentile_ns(export, phase, |histogram| histogram.p50_ns);
    let time = |phase: Phase, other: Option<u64>| Check {
        what: format!("{}, median", phase.title()),
        witness: "crawler",
        is_time: true,
        tracer: median(phase),
        other: other.map(|ns| ns as f64),
    };
    let totals = &export.totals;
    let (requests, tls) = (totals.requests.count, &totals.tls);
    // The robots.txt of each host is fetched too and is not a page.
    let fetched = (run.crawled.pages + run.crawled.failed + run.hosts) as f64;
    let mut all = vec![
        count("requests", requests, "origin", origin("/requests")),
        count("requests", requests, "crawler", Some(fetched)),
        count(
            "connections",
            totals.connections.opened,
            "origin",
            origin("/connections"),
        ),
        count("full handshakes", tls.full, "origin", origin("/tls/full")),
        count(
            "resumed handshakes",
            tls.resumed,
            "origin",
            origin("/tls/resumed"),
        ),
    ];
    if let Some(lookups) = run.counted.lookups {
        all.push(count(
            "DNS queries",
            totals.dns.queries,
            "DNS server",
            Some(lookups as f64),
        ));
    }
    all.push(time(Phase::Connect, run.crawled.connect_ns));
    if run.crawled.tls_ns.is_some() && median(Phase::TlsResumed).is_none() {
        all.push(time(Phase::Tls, run.crawled.tls_ns));
    }
    all.push(time(Phase::Ttfb, run.crawled.ttfb_ns));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_or_a_little() {
        let check = |is_time, tracer, other| {
            Check {
                what: String::new(),
                witness: "",
                is_time,
                tracer,
                other,
            }
            .agrees()
        };
        assert!(check(false, Some(1000.0), Some(1009.0)));
        assert!(!check(false, Some(1000.0), Some(1011.0)));
        assert!(check(false, Some(3.0), Some(4.0)) && !check(false, Some(3.0), Some(5.0)));
        assert!(
            check(true, Some(85.4e6), Some(85.9e6)) && !check(true, Some(85.0e6), Some(87.0e6))
        );
        assert!(check(true, None, None) && !check(false, None, Some(1.0)));
    }
}
