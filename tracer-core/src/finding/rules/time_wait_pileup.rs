//! TIME_WAIT pileup: closed connections that still hold their ports outnumber the open ones by far.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, NotEvaluated, Proposal, Severity},
};

const SOCKETS: Threshold = Threshold::count(
    "time_wait_peak",
    1_000,
    "sockets stay for 60 s: 1,000 of them are 17 closes a second, which no client that keeps connections reaches",
);
const MANY: Threshold = Threshold::count(
    "time_wait_many",
    5_000,
    "a sixth of the 28,232 local ports that Linux has by default",
);
const PER_OPEN: Threshold = Threshold::times(
    "time_wait_per_open",
    5.0,
    "a client that reuses connections has fewer in TIME_WAIT than open",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All],
    thresholds: &[SOCKETS, MANY, PER_OPEN],
    page: Page {
        what: "Connections that the client closed first stay in TIME_WAIT for 60 seconds. When many are closed, thousands of them hold local ports.",
        cost: "They cost no time themselves. They show connections that were closed although they were needed again, and toward one destination they use up the local ports: see ephemeral-ports-running-out.",
        told: "The most traced connections in TIME_WAIT at once, against the most that were open at once. From 5,000 on it is a warning.",
        doubts: "A crawler of many thousands of hosts with one page each has many in TIME_WAIT, with reason: it is told here, and no change of a pool helps it. It has no port shortage, since each destination has all ports.",
        provoke: "`tracer demo`, of which the first half opens a connection for each request.",
        cured: "`tracer diff before.json after.json`: `in TIME_WAIT at most` falls; `tracer run --json` shows `time_wait.peak`.",
        advice: "Keep connections: see no-connection-reuse and pool-too-small. Do not turn to net.ipv4.tcp_tw_reuse first: it hides the sockets and leaves the connects.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let view = &case.snapshot.time_wait;
    let peak = view.peak.max(view.current);
    if peak == 0 && view.namespaces_unseen != 0 {
        let text = "the sockets of a network namespace cannot be listed, so TIME_WAIT is not known";
        return Err(NotEvaluated::Because(text));
    }
    let open = case.group.connections.peak_open;
    let per_open = peak as f64 / open.max(1) as f64;
    if !case.reached(peak as f64, &SOCKETS) || !case.reached(per_open, &PER_OPEN) {
        return CLEAR;
    }
    let entered = case.group.tcp.time_wait_entered;
    found(Fault {
        severity: match case.reached(peak as f64, &MANY) {
            true => Severity::Warning,
            false => Severity::Info,
        },
        summary: format!(
            "{} closed connections were in TIME_WAIT at once, and at most {} were open",
            number::count(peak),
            number::count(open)
        ),
        evidence: vec![
            Evidence::count("time_wait_peak", peak),
            Evidence::count("time_wait_entered", entered),
            Evidence::count("open_peak", open),
        ],
        samples: entered,
        confidence: Confidence::Measured,
        saves: None,
        proposal: Proposal {
            count: Some(case.group.requests.in_flight.peak().max(1)),
            time_ns: None,
        },
        remedy: None,
        events: entered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::snapshot::Snapshot;

    const LOOK: Look = Look::of(Rule::TimeWaitPileup);

    fn sockets(peak: u64, open: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            snapshot.time_wait.peak = peak;
            let totals = std::sync::Arc::make_mut(&mut snapshot.totals);
            totals.connections.peak_open = open;
        }
    }

    #[test]
    fn limits() {
        let finding = LOOK.found_in(sockets(1_000, 200), "1,000 closed connections");
        assert_eq!(finding.severity, Severity::Info);
        LOOK.clear_in(sockets(999, 1));
        LOOK.clear_in(sockets(1_000, 201));
        LOOK.again().found_in(sockets(800, 200), "800 closed");
        LOOK.again().clear_in(sockets(799, 1));
        let finding = LOOK.found_in(sockets(5_000, 50), "at most 50 were open");
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[test]
    fn without_a_listing() {
        LOOK.not_in(
            |snapshot| snapshot.time_wait.namespaces_unseen = 1,
            "cannot be listed",
        );
    }
}
