//! Packet loss: segments that the client sends do not arrive and are sent again.

use tracer_text::number;

use crate::{
    finding::{
        case::{CLEAR, Case, beyond_quickest_ns, found, percent, share},
        page::{Definition, Page},
        subject::Kind,
        threshold::Threshold,
        verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
    },
    phase::Phase,
};

const SEGMENTS: Threshold =
    Threshold::count("segments", 200, "one percent of fewer is a segment or two");
const AGAIN: Threshold = Threshold::count(
    "segments_sent_again",
    20,
    "probes at the end of a burst send a segment again now and then, without a loss",
);
const AGAIN_SHARE: Threshold = Threshold::percent(
    "segments_sent_again_ratio",
    1.0,
    "networks without a fault lose less than one in a thousand",
);
/// Payload of a full segment, and the segments of a connection without payload of its own: ACK, hellos, FIN.
const SEGMENT_BYTES: u64 = 1448;
const EACH_CONNECTION: u64 = 3;
/// Least time after which a segment is sent again when nothing came back, ns (TCP_RTO_MIN of Linux).
const WAIT_NS: f64 = 200e6;

/// Phases in which a segment of the client may be waited for.
const WAITING: [Phase; 5] = [
    Phase::Tunnel,
    Phase::Tls,
    Phase::TlsResumed,
    Phase::Ttfb,
    Phase::Transfer,
];

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Host],
    thresholds: &[SEGMENTS, AGAIN, AGAIN_SHARE],
    page: Page {
        what: "Segments from the client are lost and the kernel sends them again.",
        cost: "A lost request waits 200 ms or more until it is sent again, since small requests have no later segments that would show the loss sooner.",
        told: "Segments sent again on closed connections, without SYN segments, against an estimate of the segments sent: bytes, requests and connections.",
        doubts: "Only the way from the client to the server is seen. What is lost on the way back, where most of a crawler's bytes go, is sent again by the server and shows here only as longer transfers. Open connections are not in it.",
        provoke: "`tracer-testbed link` with a loss of 5 %.",
        cured: "`tcp.retransmits` in the export is near `tcp.syn_retransmits`.",
        advice: "Find out where the loss is (mtr to the host): a link or a rate limit that is exceeded. Fewer requests at once to the same host help where a limit drops.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let group = case.group;
    let segments = (group.tcp.bytes_sent / SEGMENT_BYTES).max(group.requests.count)
        + EACH_CONNECTION * group.connections.established;
    case.needs(segments, &SEGMENTS)?;
    let again = group
        .tcp
        .retransmits
        .saturating_sub(group.tcp.syn_retransmits);
    let ratio = share(again, segments);
    if !case.reached(again as f64, &AGAIN) || !case.reached(ratio, &AGAIN_SHARE) {
        return CLEAR;
    }
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} segments of about {} had to be sent again ({})",
            number::count(again),
            number::count(segments),
            percent(ratio)
        ),
        evidence: vec![
            Evidence::count("segments_sent_again", again),
            Evidence::count("segments_estimated", segments),
            Evidence::share("segments_sent_again_ratio", ratio),
        ],
        samples: segments,
        confidence: Confidence::Measured,
        saves: saves(case, again),
        proposal: Proposal::default(),
        remedy: None,
        events: again,
    })
}

/// A wait for each segment that was sent again. Segments that were lost together share a wait, and those with others behind
/// them are sent again sooner, so it is at most what the phases took in which such waits are.
fn saves(case: &Case<'_>, again: u64) -> Option<Saves> {
    let requests = case.group.requests.count;
    let each_ns = WAIT_NS.max(case.round_trip_ns());
    let beyond_ns: f64 = WAITING
        .iter()
        .map(|&phase| beyond_quickest_ns(case.group.phases.get(phase)))
        .sum();
    if again as f64 * each_ns > beyond_ns {
        let basis = "handshakes, requests and transfers would have been as fast as the quickest tenth of them";
        return Saves::of(1, beyond_ns, requests, basis.into());
    }
    let basis = format!(
        "{} waits of {} for a segment to be sent again would not have been",
        number::count(again),
        number::time(each_ns)
    );
    Saves::of(again, each_ns, requests, basis)
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::PacketLoss);

    fn lost(again: u64, requests: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = requests;
            group.tcp.retransmits = again + 3;
            group.tcp.syn_retransmits = 3;
        }
    }

    /// What is saved is never more than there is to save.
    #[test]
    fn waits_take_no_more_than_the_requests() {
        let of = |slow_ns| {
            LOOK.found(
                move |group: &mut Group| {
                    lost(20, 2000)(group);
                    group.phases.ttfb.record_n(10_000_000, 1900);
                    group.phases.ttfb.record_n(slow_ns, 100);
                },
                "had to be sent again",
            )
        };
        let waits = of(1_010_000_000).saves.unwrap();
        assert_eq!(waits.total_ns, 20.0 * 200e6);
        assert!(waits.basis.starts_with("20 waits of 200 ms"));
        let capped = of(20_000_000).saves.unwrap();
        assert!((capped.total_ns / 1e9 - 1.0).abs() < 0.01, "{capped:?}");
        assert!((capped.per_request_ns.unwrap() / 5e5 - 1.0).abs() < 0.01);
    }

    #[test]
    fn limits() {
        LOOK.not(lost(50, 199), "199 segments: 200 are needed");
        LOOK.found(
            lost(20, 2000),
            "20 segments of about 2,000 had to be sent again (1.0 %)",
        );
        LOOK.clear(lost(19, 1000));
        LOOK.clear(lost(20, 2001));
        LOOK.again().found(lost(16, 2000), "0.8 %");
        LOOK.again().clear(lost(15, 1000));
        LOOK.clear(|group| {
            lost(20, 1000)(group);
            group.tcp.bytes_sent = 10_000_000;
        });
    }
}
