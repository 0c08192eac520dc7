//! Reuse fails here: a host closes connections under requests although they were not idle for long.

use tracer_text::number;

use super::stale_reuse::is_idle;
use crate::finding::{
    case::{CLEAR, Case, found, percent, share},
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
const FAILED: Threshold = Threshold::count(
    "failed_on_reused",
    10,
    "a server that restarts breaks a few connections once",
);
const FAILED_SHARE: Threshold = Threshold::percent(
    "failed_on_reused_ratio",
    5.0,
    "a twentieth of the requests sent twice costs more than a new connection for each would gain here",
);
const AGAINST_NEW: Threshold = Threshold::times(
    "failed_on_reused_per_failed_on_new",
    5.0,
    "a server that is broken fails on new connections as often",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Host],
    thresholds: &[REUSED, FAILED, FAILED_SHARE, AGAINST_NEW],
    page: Page {
        what: "A host answers the first request of a connection and breaks many of the later ones, without long idle times: it allows few requests on a connection, or something on the way to it does.",
        cost: "Each such request is sent again on a new connection. What is not idempotent is not sent again, and fails.",
        told: "For each host, the share of requests on reused connections that the server closed or reset in answer, against the share of first requests that failed. When connections were idle for long, it is stale-reuse instead.",
        doubts: "Requests that the client gave up are not counted on either side. A server that restarts often looks the same.",
        provoke: "An origin with `--reset --spared 9`, which resets every tenth request.",
        cured: "The host's `requests.stale` in the export stays 0.",
        advice: "Ask the owner of the host for its limit of requests on a connection and close one request before it, or turn reuse off for this host alone. Let the client send idempotent requests once more.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let requests = &case.group.requests;
    let reused = requests.count.saturating_sub(requests.connections);
    case.needs(reused, &REUSED)?;
    let failed = share(requests.stale, reused);
    let other = requests
        .failed
        .saturating_sub(requests.stale + requests.aborted);
    let failed_new = share(other, requests.connections);
    if !case.reached(requests.stale as f64, &FAILED)
        || !case.reached(failed, &FAILED_SHARE)
        || !case.reached(failed / failed_new.max(f64::MIN_POSITIVE), &AGAINST_NEW)
        || is_idle(case)
    {
        return CLEAR;
    }
    let each_ns = case.opening_ns();
    let basis = format!(
        "{} requests would not have waited for a new connection of {}",
        number::count(requests.stale),
        number::time(each_ns)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} of the requests on reused connections failed, {} of {}; of the first ones {}",
            percent(failed),
            number::count(requests.stale),
            number::count(reused),
            percent(failed_new)
        ),
        evidence: vec![
            Evidence::count("failed_on_reused", requests.stale),
            Evidence::count("requests_on_reused_connections", reused),
            Evidence::share("failed_on_reused_ratio", failed),
            Evidence::count("failed_on_new", other),
            Evidence::share("failed_on_new_ratio", failed_new),
        ],
        samples: reused,
        confidence: Confidence::Measured,
        saves: Saves::of(requests.stale, each_ns, requests.count, basis),
        proposal: Proposal::default(),
        remedy: None,
        events: requests.stale,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ReuseFailsHere);

    fn broken(stale: u64, reused: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = reused + 200;
            group.requests.connections = 200;
            group.requests.stale = stale;
            group.requests.failed = stale + 1;
            (0..100).for_each(|_| group.phases.connect.record(30_000_000));
        }
    }

    #[test]
    fn limits() {
        LOOK.not(
            broken(10, 49),
            "49 requests on reused connections: 50 are needed",
        );
        LOOK.found(broken(10, 200), "5.0 % of the requests on reused connections failed, 10 of 200; of the first ones 0.5 %");
        LOOK.clear(broken(9, 100));
        LOOK.clear(broken(10, 201));
        LOOK.again().found(broken(10, 249), "4.0 %");
        LOOK.clear(|group| {
            broken(10, 200)(group);
            group.requests.failed = 13;
        });
    }

    #[test]
    fn after_long_idle_times_it_is_another_fault() {
        LOOK.clear(|group| {
            broken(20, 200)(group);
            (0..9).for_each(|_| group.phases.idle.record(900_000_000));
        });
    }
}
