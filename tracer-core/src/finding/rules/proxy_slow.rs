//! Proxy slow: tunnels take much longer than the way to the proxy.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, mean_ns, median_ns, percent, share},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const TUNNELS: Threshold = Threshold::count("tunnels", 20, "fewer say little about a median");
const WAIT: Threshold = Threshold::ms(
    "tunnel_p50",
    200,
    "the proxy has to connect to the target, which takes one round trip of the world at most",
);
const ROUND_TRIPS: Threshold = Threshold::times(
    "tunnel_per_round_trip",
    4.0,
    "one round trip to the proxy for the question and its answer; the rest is the proxy's",
);
const FAILED: Threshold = Threshold::percent(
    "tunnels_failed_ratio",
    5.0,
    "a target that is down refuses now and then; one in twenty is more",
);
const FAILED_COUNT: Threshold = Threshold::count(
    "tunnels_failed",
    5,
    "one target that is down is no fault of the proxy",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Proxy],
    thresholds: &[TUNNELS, WAIT, ROUND_TRIPS, FAILED_COUNT, FAILED],
    page: Page {
        what: "A proxy takes long to make a tunnel (CONNECT, SOCKS), or refuses many.",
        cost: "Each new connection waits for its tunnel before its TLS handshake can begin.",
        told: "The median time of tunnels through each proxy, against the connect to it; and the share of exchanges without a tunnel.",
        doubts: "A proxy that connects to slow targets looks slow itself.",
        provoke: "A proxy that waits 300 ms before it answers CONNECT.",
        cured: "`proxies[].phases.tunnel.p50_ns` in the export falls.",
        advice: "Keep tunnels open and reuse them. Take a proxy nearer to the targets, or more than one.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let (tunnels, phases) = (&case.group.tunnels, &case.group.phases);
    case.needs(tunnels.total(), &TUNNELS)?;
    // What the client gives up, such as a spare connection at its end, is not the proxy's doing.
    let failed = tunnels.failed.total() - tunnels.failed.given_up;
    let failed_share = share(failed, tunnels.total());
    let median = median_ns(&phases.tunnel);
    let round_trip = case.round_trip_ns();
    let fails = case.reached(failed as f64, &FAILED_COUNT) && case.reached(failed_share, &FAILED);
    let is_slow = case.reached(median, &WAIT) && median >= ROUND_TRIPS.value * round_trip;
    if !fails && !is_slow {
        return CLEAR;
    }
    let each_ns = (mean_ns(&phases.tunnel) - round_trip).max(0.0);
    let count = phases.tunnel.count();
    let basis = format!(
        "{} tunnels would have been made {} sooner",
        number::count(count),
        number::time(each_ns)
    );
    let summary = match fails {
        true => format!(
            "{} of {} tunnels were refused or failed ({})",
            number::count(failed),
            number::count(tunnels.total()),
            percent(failed_share)
        ),
        false => format!(
            "a tunnel takes {}, the median of {}, and the connect to the proxy {}",
            number::time(median),
            number::count(count),
            number::time(round_trip)
        ),
    };
    found(Fault {
        severity: Severity::Warning,
        summary,
        evidence: vec![
            Evidence::count("tunnels", tunnels.total()),
            Evidence::count("tunnels_failed", failed),
            Evidence::time("tunnel_p50", median),
            Evidence::time("round_trip", round_trip),
        ],
        samples: tunnels.total(),
        confidence: Confidence::Measured,
        saves: Saves::of(count, each_ns, case.group.requests.count, basis).filter(|_| is_slow),
        proposal: Proposal::default(),
        remedy: None,
        events: tunnels.total(),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ProxySlow);

    fn tunnels(count: u64, each_ms: u64, round_trip_ms: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.tunnels.opened = count;
            group.phases.connect.record(round_trip_ms * 1_000_000);
            (0..count).for_each(|_| group.phases.tunnel.record(each_ms * 1_000_000));
        }
    }

    #[test]
    fn limits() {
        LOOK.not(tunnels(19, 300, 1), "19 tunnels: 20 are needed");
        LOOK.found(
            tunnels(20, 200, 1),
            "a tunnel takes 200 ms, the median of 20",
        );
        LOOK.clear(tunnels(20, 199, 1));
        LOOK.again().found(tunnels(20, 161, 1), "161 ms");
        LOOK.clear(tunnels(20, 300, 80));
    }

    #[test]
    fn refusals() {
        let refused = |failed: u64, opened: u64| {
            move |group: &mut Group| {
                tunnels(opened, 1, 1)(group);
                group.tunnels.failed.refused = failed;
            }
        };
        LOOK.found(
            refused(5, 95),
            "5 of 100 tunnels were refused or failed (5.0 %)",
        );
        LOOK.clear(refused(4, 50));
        LOOK.clear(|group| {
            refused(4, 95)(group);
            group.tunnels.failed.given_up = 50;
        });
        LOOK.clear(refused(5, 96));
    }
}
