//! Pool too small: connections are reused, but the pool has no room for as many as are in use at once.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, percent, share, share_below},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const REQUESTS: Threshold = Threshold::count(
    "requests",
    100,
    "the first requests fill the pool, whatever its size",
);
const AVOIDABLE: Threshold = Threshold::count(
    "avoidable_connections",
    20,
    "fewer cost a crawler about a second, which is not worth a change",
);
const AVOIDABLE_SHARE: Threshold = Threshold::percent(
    "avoidable_per_request",
    5.0,
    "one connection for twenty requests costs less than the requests differ among themselves",
);
const REUSED: Threshold = Threshold::percent(
    "reuse_ratio",
    10.0,
    "below it the client keeps nothing at all, which no-connection-reuse says",
);
const AT_ONCE: Threshold = Threshold::count(
    "requests_at_once",
    3,
    "even the smallest pool, of two connections, is enough for two at once",
);
const THROWN: Threshold = Threshold::percent(
    "closed_within_200ms",
    50.0,
    "most connections have to end in the way that a full pool ends them, by the client and at once",
);
/// Idle time that divides connections that a full pool throws away from those that were idle for too long.
const AT_ONCE_NS: f64 = 200e6;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process, Kind::Host],
    thresholds: &[
        REQUESTS,
        AVOIDABLE,
        AVOIDABLE_SHARE,
        REUSED,
        AT_ONCE,
        THROWN,
    ],
    page: Page {
        what: "The client reuses connections, but its pool keeps fewer than it uses at once. Each connection that comes back to a full pool is closed, and the next request opens a new one.",
        cost: "A connect and a TLS handshake for each connection that was thrown away, and a port in TIME_WAIT for a minute after it, because the client closes first.",
        told: "Most connections are closed by the client, and most within 200 ms after their last response, while more requests to the same host follow. Crawlers with a small pool closed after less than 40 ms, and those that follow an idle timeout not before 800 ms; 200 ms divides the two.",
        doubts: "A client that is told to use each connection for a few requests only looks the same. Requests over HTTP/2 count as far as they are known. httpx closes idle connections as soon as all its connections, busy ones included, are more than max_keepalive_connections, so with 20 it keeps hardly any above 20 tasks. Scrapy works through its cap per domain in bursts.",
        provoke: "50 workers of Go's net/http with `MaxIdleConnsPerHost` at its default of 2.",
        cured: "`tracer diff before.json after.json`: `connections opened` falls to about the number of requests at once.",
        advice: "Let the pool keep as many idle connections for a host as there are requests to it at once.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    case.needs_requests(&REQUESTS)?;
    let avoidable = case.avoidable();
    let requests = &case.group.requests;
    if !case.reached(avoidable as f64, &AVOIDABLE)
        || !case.reached(share(avoidable, requests.count), &AVOIDABLE_SHARE)
        || !throws_away(case)
    {
        return CLEAR;
    }
    let each_ns = case.opening_ns();
    let at_once = requests.in_flight.peak().max(1);
    let basis = format!(
        "{} connections of {} each to get ready would not have been thrown away",
        number::count(avoidable),
        number::time(each_ns)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "the pool threw away {} connections that were needed again: at most {} requests were under way at once, and {} were on a reused connection",
            number::count(avoidable),
            number::count(at_once),
            percent(case.reuse_ratio())
        ),
        evidence: vec![
            Evidence::count("requests", requests.count),
            Evidence::count("connections", requests.connections),
            Evidence::count("avoidable_connections", avoidable),
            Evidence::count("requests_at_once", at_once),
            Evidence::share("reuse_ratio", case.reuse_ratio()),
            Evidence::share("closed_within_200ms", thrown(case)),
            Evidence::count("closed_by_client", case.closed_by_client()),
        ],
        samples: requests.count,
        confidence: Confidence::Inferred,
        saves: Saves::of(avoidable, each_ns, requests.count, basis),
        proposal: Proposal {
            count: Some(at_once),
            time_ns: None,
        },
        remedy: None,
        events: avoidable,
    })
}

/// Share of the connections that were closed at once after their last response.
fn thrown(case: &Case<'_>) -> f64 {
    share_below(&case.group.phases.idle_at_close, AT_ONCE_NS)
}

/// True if connections end as a full pool ends them, and some are reused. Earlier results do not matter here, so that
/// this rule and no-connection-reuse always agree on which of the two names the fault.
pub(super) fn throws_away(case: &Case<'_>) -> bool {
    let by_client = share(case.closed_by_client(), case.closed());
    let reached = |figure: f64, threshold: &Threshold| threshold.reached(figure, false);
    reached(case.reuse_ratio(), &REUSED)
        && reached(case.group.requests.in_flight.peak() as f64, &AT_ONCE)
        && reached(by_client, &THROWN)
        && reached(thrown(case), &THROWN)
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::{group::Group, in_flight::InFlight};

    const LOOK: Look = Look::of(Rule::PoolTooSmall);

    /// Requests by ten workers over this many connections, each thrown away after `idle_ms`.
    fn thrown(requests: u64, connections: u64, idle_ms: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = requests;
            group.requests.connections = connections;
            group.connections.established = connections;
            group.connections.peak_open = 10;
            group.connections.closed_by.client = connections;
            (0..10).for_each(|_| group.requests.in_flight.add(0, 10, 20));
            for _ in 0..connections {
                group.phases.idle_at_close.record(idle_ms * 1_000_000);
                group.phases.connect.record(20_000_000);
            }
        }
    }

    #[test]
    fn ten_workers_and_two_kept() {
        let finding = LOOK.found(thrown(1000, 400, 1), "threw away 390 connections");
        assert_eq!(finding.proposal.count, Some(10));
        assert!(finding.summary.contains("at most 10 requests"));
        assert!(finding.saves.unwrap().total_ns > 7e9);
    }

    #[test]
    fn limits() {
        LOOK.not(thrown(99, 60, 1), "99 requests: 100 are needed");
        LOOK.found(thrown(100, 30, 1), "threw away 20");
        LOOK.clear(thrown(100, 29, 1));
        LOOK.again().found(thrown(100, 26, 1), "threw away 16");
        LOOK.found(thrown(400, 40, 199), "threw away 30");
        LOOK.clear(thrown(400, 40, 201));
        LOOK.found(thrown(600, 40, 1), "threw away 30");
        LOOK.clear(thrown(601, 40, 1));
        LOOK.found(thrown(100, 89, 1), "threw away 79");
        LOOK.clear(thrown(100, 91, 1));
    }

    /// Where nearly nothing is reused, the other rule goes on with what it has found.
    #[test]
    fn one_of_two_rules_has_the_case() {
        let other = Look::of(Rule::NoConnectionReuse);
        LOOK.found(thrown(100, 89, 1), "threw away");
        other.again().clear(thrown(100, 89, 1));
        LOOK.clear(thrown(100, 91, 1));
        other.again().found(thrown(100, 91, 1), "reused");
    }

    #[test]
    fn the_server_closes() {
        LOOK.clear(|group| {
            thrown(1000, 400, 1)(group);
            group.connections.closed_by.client = 100;
            group.connections.closed_by.server = 300;
        });
    }

    #[test]
    fn two_at_once_are_no_pool() {
        LOOK.clear(|group| {
            thrown(1000, 400, 1)(group);
            // Connections on their way to the close count as open.
            group.connections.peak_open = 3;
            group.requests.in_flight = InFlight::default();
            (0..2).for_each(|_| group.requests.in_flight.add(0, 10, 20));
        });
    }
}
