//! CLOSE_WAIT leak: the server has closed connections long ago, and the client keeps them.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Severity},
};

const ESTABLISHED: Threshold = Threshold::count(
    "established",
    20,
    "fewer connections cannot reach the limit below",
);
const WAITING: Threshold = Threshold::count(
    "close_wait_peak",
    20,
    "urllib3 keeps up to ten such connections of a host until its next request there, and closes them then",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Host, Kind::Process],
    thresholds: &[ESTABLISHED, WAITING],
    page: Page {
        what: "The server has closed its half of connections and the client has not closed its own: they stay in CLOSE_WAIT for ever, because no timeout ends this state.",
        cost: "Each one holds a descriptor. At the limit of descriptors (often 1,024) every connect and every open() fails. A request on one of them fails.",
        told: "Once a second the sockets of traced connections are listed; counted are those that have been in CLOSE_WAIT for ten seconds and more, at the worst moment.",
        doubts: "A process that is stopped, or busy for more than ten seconds, looks the same until it goes on.",
        provoke: "A server that closes after each response, and a client that keeps the response object of each request without reading or closing it.",
        cured: "`ss -tn state close-wait` shows no lasting line for the process.",
        advice: "Close each response on every path, on error paths too; what is read to its end goes back to the pool, which notices the server's close.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let connections = &case.group.connections;
    case.needs(connections.established + connections.adopted, &ESTABLISHED)?;
    let peak = connections.close_wait_peak;
    if !case.reached(peak as f64, &WAITING) {
        return CLEAR;
    }
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} connections that the server had closed were still held 10 s later and longer, {} of them now",
            number::count(peak),
            number::count(connections.close_wait_now)
        ),
        evidence: vec![
            Evidence::count("close_wait_peak", peak),
            Evidence::count("close_wait_now", connections.close_wait_now),
            Evidence::count("open_now", connections.open_now),
        ],
        samples: connections.established,
        confidence: Confidence::Measured,
        saves: None,
        proposal: Proposal::default(),
        remedy: None,
        events: peak,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::CloseWaitLeak);

    fn held(peak: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.connections.established = 30;
            group.connections.close_wait_peak = peak;
        }
    }

    #[test]
    fn limits() {
        LOOK.found(held(20), "20 connections that the server had closed");
        LOOK.clear(held(19));
        LOOK.again().found(held(16), "16 connections");
        LOOK.again().clear(held(15));
        LOOK.not(
            |group| group.connections.established = 19,
            "19 established: 20 are needed",
        );
    }
}
