//! TLS dominates: handshakes take far longer than the round trips they consist of.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, mean_ns, median_ns},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const HANDSHAKES: Threshold = Threshold::count("handshakes", 20, "fewer say little about a median");
const ROUND_TRIPS: Threshold = Threshold::times(
    "handshake_per_round_trip",
    4.0,
    "a full handshake takes one round trip with TLS 1.3 and two with TLS 1.2; four are no matter of the network",
);
const EXTRA: Threshold = Threshold::ms(
    "handshake_beyond_round_trips",
    50,
    "the arithmetic of a full handshake takes a few ms on either side",
);
/// Round trips of a full handshake of TLS 1.2, the slower one.
const NEEDED: f64 = 2.0;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process, Kind::Host],
    thresholds: &[HANDSHAKES, ROUND_TRIPS, EXTRA],
    page: Page {
        what: "A TLS handshake takes much longer than its round trips: one side computes or waits, or certificates are checked over the network meanwhile.",
        cost: "Every new connection waits for it, reused ones do not.",
        told: "The median of full handshakes, against the round trip (the median of connects) and two of those.",
        doubts: "With a proxy the connect leads to the proxy only, so hosts behind one are not judged. A client short of processor time has slow handshakes too: then slow-pickup is found as well.",
        provoke: "Many more handshakes at once than the server has processors, with a 4096-bit RSA key.",
        cured: "`phases.tls.p50_ns` in the export is about twice `phases.connect.p50_ns`.",
        advice: "Reuse connections and resume sessions, so that fewer handshakes are made. If only some hosts are slow, it is those servers: ask more hosts at once, not more of one.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let phases = &case.group.phases;
    case.needs(phases.tls.count(), &HANDSHAKES)?;
    let median = median_ns(&phases.tls);
    let round_trip = case.round_trip_ns();
    let extra = median - NEEDED * round_trip;
    if round_trip == 0.0
        || case.group.tunnels.total() != 0
        || !case.reached(median / round_trip, &ROUND_TRIPS)
        || !case.reached(extra, &EXTRA)
    {
        return CLEAR;
    }
    let each_ns = (mean_ns(&phases.tls) - NEEDED * round_trip).max(0.0);
    let count = phases.tls.count();
    let basis = format!(
        "{} handshakes would have been shorter by {}",
        number::count(count),
        number::time(each_ns)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "a handshake takes {}, the median of {}, and a round trip {}",
            number::time(median),
            number::count(count),
            number::time(round_trip)
        ),
        evidence: vec![
            Evidence::count("handshakes", count),
            Evidence::time("handshake_p50", median),
            Evidence::time("round_trip", round_trip),
        ],
        samples: count,
        confidence: Confidence::Measured,
        saves: Saves::of(count, each_ns, case.group.requests.count, basis),
        proposal: Proposal::default(),
        remedy: None,
        events: count,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::TlsDominates);

    fn handshakes(count: u64, each_ms: u64, round_trip_ms: u64) -> impl Fn(&mut Group) {
        move |group| {
            for _ in 0..count {
                group.phases.tls.record(each_ms * 1_000_000);
                group.phases.connect.record(round_trip_ms * 1_000_000);
            }
        }
    }

    #[test]
    fn limits() {
        LOOK.not(handshakes(19, 200, 10), "19 handshakes: 20 are needed");
        LOOK.found(
            handshakes(20, 200, 40),
            "a handshake takes 200 ms, the median of 20, and a round trip 40.0 ms",
        );
        LOOK.clear(handshakes(20, 195, 50));
        LOOK.again().found(handshakes(20, 195, 50), "195 ms");
        LOOK.clear(handshakes(20, 51, 1));
        LOOK.found(handshakes(20, 53, 1), "53");
    }

    #[test]
    fn behind_a_proxy_the_round_trip_is_not_known() {
        LOOK.clear(|group| {
            handshakes(20, 200, 1)(group);
            group.tunnels.opened = 20;
        });
    }
}
