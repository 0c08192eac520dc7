//! Connect retries: the first SYN gets no answer, and the kernel waits a second before the next.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, percent, share},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const CONNECTS: Threshold = Threshold::count("connects", 20, "fewer say little about a share");
const AGAIN: Threshold = Threshold::count(
    "syn_sent_again",
    5,
    "a packet is lost now and then on every network",
);
const AGAIN_SHARE: Threshold = Threshold::percent(
    "syn_sent_again_ratio",
    1.0,
    "one connect in a hundred that takes a second adds ten ms to the mean of all",
);
/// Time before the kernel sends a SYN again, ns (RFC 6298 2.1: one second; it doubles each time).
const WAIT_NS: f64 = 1e9;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Host],
    thresholds: &[CONNECTS, AGAIN, AGAIN_SHARE],
    page: Page {
        what: "The server, or something on the way, does not answer the SYN of a connect. The kernel sends it again after one second, then after two more.",
        cost: "A second or more for each of these connects, whatever the round trip is. A client with a shorter connect timeout fails instead.",
        told: "SYN segments that the kernel sent again, against the connects that began.",
        doubts: "A host that does not exist any more is found too, as long as it is tried again and again.",
        provoke: "`tracer-testbed origin --reach black-hole`; or a listen queue that is full because the server accepts too slowly.",
        cured: "`tcp.syn_retransmits` in the export stays 0.",
        advice: "Open fewer connections at once to the same host: its listen queue overflows, or a firewall drops. Reuse connections. A connect timeout below one second turns the wait into a failure.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let connects = case.group.connections.opened;
    case.needs(connects, &CONNECTS)?;
    let again = case.group.tcp.syn_retransmits;
    let ratio = share(again, connects);
    if !case.reached(again as f64, &AGAIN) || !case.reached(ratio, &AGAIN_SHARE) {
        return CLEAR;
    }
    let basis = format!(
        "{} waits of a second for the next SYN would not have been",
        number::count(again)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} SYN segments had to be sent again for {} connects ({}), each after a second",
            number::count(again),
            number::count(connects),
            percent(ratio)
        ),
        evidence: vec![
            Evidence::count("syn_sent_again", again),
            Evidence::count("connects", connects),
            Evidence::count(
                "connects_timed_out",
                case.group.connections.failed.timed_out,
            ),
        ],
        samples: connects,
        confidence: Confidence::Measured,
        saves: Saves::of(again, WAIT_NS, case.group.requests.count, basis),
        proposal: Proposal::default(),
        remedy: None,
        events: again,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ConnectRetries);

    fn again(count: u64, connects: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.connections.opened = connects;
            group.tcp.syn_retransmits = count;
        }
    }

    #[test]
    fn limits() {
        LOOK.not(again(9, 19), "19 connects: 20 are needed");
        let finding = LOOK.found(
            again(5, 500),
            "5 SYN segments had to be sent again for 500 connects (1.0 %)",
        );
        assert_eq!(finding.saves.unwrap().total_ns, 5e9);
        LOOK.clear(again(4, 100));
        LOOK.clear(again(5, 501));
        LOOK.again().found(again(5, 625), "0.8 %");
        LOOK.again().clear(again(5, 626));
    }
}
