//! Stale reuse: a request is sent on an idle connection at the moment when the server closes it.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, median_ns, percent, share},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const REUSED: Threshold = Threshold::count(
    "requests_on_reused_connections",
    50,
    "with fewer, one unlucky request would be two percent",
);
const STALE: Threshold = Threshold::count(
    "stale_requests",
    5,
    "one or two are bad luck, which every pool has",
);
const STALE_SHARE: Threshold = Threshold::percent(
    "stale_ratio",
    0.1,
    "a client that closes before the server does has none",
);
const MANY: Threshold = Threshold::percent(
    "stale_many",
    5.0,
    "requests that are not idempotent are not sent again, so one in twenty of them fails",
);
/// Idle time from which a close may be the end of a keep-alive, ns.
pub(super) const IDLE_NS: f64 = 200e6;
/// Part of the server's keep-alive that is proposed for the client, which leaves time for the way there.
const PART: f64 = 0.8;
/// Least number of closes that tell the server's keep-alive.
const CLOSES: u64 = 5;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Host],
    thresholds: &[REUSED, STALE, STALE_SHARE, MANY],
    page: Page {
        what: "The client keeps idle connections for longer than the server does. A request that is sent just when the server closes gets no answer.",
        cost: "The request has to be sent again on a new connection, after a round trip that was for nothing. A request that is not idempotent (a POST) is not sent again, and fails.",
        told: "A request on a reused connection that the server closed or reset in answer. The server's keep-alive is inferred: it is the median of the times for which connections were idle when the server closed them.",
        doubts: "A server that restarts closes all connections at once and looks the same for that moment. A load balancer in front of servers may have more than one keep-alive time.",
        provoke: "An origin with `--idle-timeout 1s`, and a client that makes a request every second and keeps connections for 90 s.",
        cured: "`requests.stale` in the export stays 0.",
        advice: "Set the client's idle timeout below the server's keep-alive, and let it send idempotent requests once more.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let requests = &case.group.requests;
    let reused = requests.count.saturating_sub(requests.connections);
    case.needs(reused, &REUSED)?;
    let stale_share = share(requests.stale, reused);
    if !case.reached(requests.stale as f64, &STALE)
        || !case.reached(stale_share, &STALE_SHARE)
        || !is_idle(case)
    {
        return CLEAR;
    }
    let kept_ns = keep_alive_ns(case);
    let each_ns = case.opening_ns();
    let basis = format!(
        "{} requests would not have waited for a new connection of {}",
        number::count(requests.stale),
        number::time(each_ns)
    );
    let server = kept_ns.map_or(String::new(), |ns| {
        format!("; the server closes after about {}", number::time(ns))
    });
    found(Fault {
        severity: match case.reached(stale_share, &MANY) {
            true => Severity::Critical,
            false => Severity::Warning,
        },
        summary: format!(
            "{} requests were sent on a connection that the server was closing, {} of those on reused connections{server}",
            number::count(requests.stale),
            percent(stale_share)
        ),
        evidence: vec![
            Evidence::count("stale_requests", requests.stale),
            Evidence::count("requests_on_reused_connections", reused),
            Evidence::share("stale_ratio", stale_share),
            Evidence::time("server_keep_alive", kept_ns.unwrap_or(0.0)),
            Evidence::time("idle_p50", median_ns(&case.group.phases.idle)),
        ],
        samples: reused,
        confidence: Confidence::Measured,
        saves: Saves::of(requests.stale, each_ns, requests.count, basis),
        proposal: Proposal {
            count: None,
            time_ns: kept_ns.map(|ns| ns * PART),
        },
        remedy: None,
        events: requests.stale,
    })
}

/// Keep-alive time of the server, ns, if enough connections tell it.
fn keep_alive_ns(case: &Case<'_>) -> Option<f64> {
    let idle = &case.group.phases.idle_at_server_close;
    let kept_ns = median_ns(idle);
    (idle.count() >= CLOSES && kept_ns >= IDLE_NS).then_some(kept_ns)
}

/// True if connections are idle for long enough to meet the end of a keep-alive.
pub(super) fn is_idle(case: &Case<'_>) -> bool {
    let phases = &case.group.phases;
    let longest = phases.idle.quantile(0.9).unwrap_or(0) as f64;
    longest >= IDLE_NS || median_ns(&phases.idle_at_server_close) >= IDLE_NS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::StaleReuse);

    fn stale(count: u64, reused: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = reused + 10;
            group.requests.connections = 10;
            group.requests.stale = count;
            group.requests.failed = count;
            for _ in 0..10 {
                group.phases.idle.record(1_000_000_000);
                group.phases.idle_at_server_close.record(1_000_000_000);
                group.phases.connect.record(30_000_000);
            }
        }
    }

    #[test]
    fn the_servers_keep_alive_is_inferred() {
        let finding = LOOK.found(
            stale(10, 1000),
            "10 requests were sent on a connection that the server was closing, 1.0 %",
        );
        assert!(
            finding
                .summary
                .ends_with("the server closes after about 1.00 s")
        );
        let proposed_ns = finding.proposal.time_ns.unwrap();
        assert!((proposed_ns / 1e9 - 0.8).abs() < 0.01);
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[test]
    fn limits() {
        LOOK.not(
            stale(5, 49),
            "49 requests on reused connections: 50 are needed",
        );
        LOOK.found(stale(5, 101), "5 requests");
        LOOK.clear(stale(4, 101));
        LOOK.again().found(stale(4, 101), "4 requests");
        LOOK.found(stale(5, 5000), "0.1 %");
        LOOK.clear(stale(5, 5001));
        assert_eq!(LOOK.found(stale(5, 100), "5").severity, Severity::Critical);
    }

    #[test]
    fn without_idle_time_it_is_another_fault() {
        LOOK.clear(|group| {
            stale(10, 100)(group);
            group.phases.idle = Default::default();
            group.phases.idle_at_server_close = Default::default();
        });
    }
}
