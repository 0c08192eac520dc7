//! Packet loss: segments that the client sends, or that the server sends to it, do not arrive and are sent again.

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
const LOST: Threshold = Threshold::count(
    "segments_lost_in",
    20,
    "networks lose single segments now and then",
);
const LOST_SHARE: Threshold = Threshold::percent(
    "segments_lost_in_ratio",
    1.0,
    "networks without a fault lose less than one in a thousand",
);
/// Payload of a full segment, and the segments of a connection without payload of its own: ACK, hellos, FIN.
const SEGMENT_BYTES: u64 = 1448;
const EACH_CONNECTION: u64 = 3;
/// Least time after which a segment is sent again when nothing came back, ns (TCP_RTO_MIN of Linux).
const WAIT_NS: f64 = 200e6;

/// Phases in which a segment may be waited for.
const WAITING: [Phase; 5] = [
    Phase::Tunnel,
    Phase::Tls,
    Phase::TlsResumed,
    Phase::Ttfb,
    Phase::Transfer,
];

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Host],
    thresholds: &[SEGMENTS, AGAIN, AGAIN_SHARE, LOST, LOST_SHARE],
    page: Page {
        what: "Segments from the client or to it are lost, and are sent again.",
        cost: "A lost request waits 200 ms or more until it is sent again, since small requests have no later segments that would show the loss sooner. A lost piece of a response holds back all that comes after it for a round trip or more.",
        told: "From the client: segments sent again on closed connections, without SYN segments, against an estimate of the segments sent (bytes, requests and connections). To the client: gaps in the server's bytes that were not closed within a millisecond, against all segments received.",
        doubts: "The loss of the last segment of a response leaves no gap, nor does that of a segment which is sent again, so the figure for the way to the client is too small: hardly for large responses, much for responses of a few segments, where loss shows as longer transfers only. Open connections are not in it.",
        provoke: "`tracer-testbed link` with a loss of 5 %.",
        cured: "`tcp.retransmits` in the export is near `tcp.syn_retransmits`, and `tcp.segments_lost_in` near 0.",
        advice: "Find out where the loss is (mtr to the host): a link or a rate limit that is exceeded. Fewer requests at once to the same host help where a limit drops.",
    },
    judge,
};

/// Loss in one direction.
struct Way {
    lost: u64,
    of: u64,
    is_found: bool,
}

impl Way {
    fn share(&self) -> f64 {
        share(self.lost, self.of)
    }
}

fn judge(case: &Case<'_>) -> Judgement {
    let (out, back) = (sent(case), received(case));
    case.needs(out.of.max(back.of), &SEGMENTS)?;
    if !out.is_found && !back.is_found {
        return CLEAR;
    }
    let mut parts = Vec::new();
    let mut evidence = Vec::new();
    if out.is_found {
        parts.push(format!(
            "{} segments of about {} had to be sent again ({})",
            number::count(out.lost),
            number::count(out.of),
            percent(out.share())
        ));
        evidence.extend([
            Evidence::count("segments_sent_again", out.lost),
            Evidence::count("segments_estimated", out.of),
            Evidence::share("segments_sent_again_ratio", out.share()),
        ]);
    }
    if back.is_found {
        parts.push(format!(
            "{} of {} segments were lost on the way to the client ({})",
            number::count(back.lost),
            number::count(back.of),
            percent(back.share())
        ));
        evidence.extend([
            Evidence::count("segments_lost_in", back.lost),
            Evidence::count("segments_in", case.group.tcp.segments_in),
            Evidence::share("segments_lost_in_ratio", back.share()),
        ]);
    }
    found(Fault {
        severity: Severity::Warning,
        summary: parts.join("; "),
        evidence,
        samples: out.of.max(back.of),
        confidence: Confidence::Measured,
        saves: saves(case, &out, &back),
        proposal: Proposal::default(),
        remedy: None,
        events: out.lost.max(back.lost),
    })
}

/// Loss on the way from the client.
fn sent(case: &Case<'_>) -> Way {
    let group = case.group;
    let of = (group.tcp.bytes_sent / SEGMENT_BYTES).max(group.requests.count)
        + EACH_CONNECTION * group.connections.established;
    let again = &group.tcp.retransmits;
    let lost = again.saturating_sub(group.tcp.syn_retransmits);
    let reached = case.reached(lost as f64, &AGAIN) && case.reached(share(lost, of), &AGAIN_SHARE);
    Way {
        lost,
        of,
        is_found: reached && of as f64 >= SEGMENTS.value,
    }
}

/// Loss on the way to the client.
fn received(case: &Case<'_>) -> Way {
    let tcp = &case.group.tcp;
    let (lost, of) = (tcp.segments_lost_in, tcp.segments_in + tcp.segments_lost_in);
    let reached = case.reached(lost as f64, &LOST) && case.reached(share(lost, of), &LOST_SHARE);
    Way {
        lost,
        of,
        is_found: reached && of as f64 >= SEGMENTS.value,
    }
}

/// Waits that a network without loss would not have caused. A segment from the client waits for a timer at most; one to the
/// client is followed by others, which tell the server after a round trip. Segments that were lost together share a wait, so
/// it is at most what the phases took in which such waits are.
fn saves(case: &Case<'_>, out: &Way, back: &Way) -> Option<Saves> {
    let requests = case.group.requests.count;
    let round_trip_ns = case.round_trip_ns();
    let (lost, each_ns) = match out.is_found {
        true => (out.lost, WAIT_NS.max(round_trip_ns)),
        false => (back.lost, round_trip_ns),
    };
    let beyond = WAITING.map(|phase| beyond_quickest_ns(case.group.phases.get(phase)));
    let beyond_ns: f64 = beyond.iter().sum();
    if lost as f64 * each_ns > beyond_ns {
        let basis = "handshakes, requests and transfers would have been as fast as the quickest tenth of them";
        return Saves::of(1, beyond_ns, requests, basis.into());
    }
    let basis = format!(
        "{} waits of {} for a segment to be sent again would not have been",
        number::count(lost),
        number::time(each_ns)
    );
    Saves::of(lost, each_ns, requests, basis)
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

    /// The saving is never larger than the time that the requests took.
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
    fn lost_in(lost: u64, received: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.tcp.segments_lost_in = lost;
            group.tcp.segments_in = received;
            group.phases.connect.record(20_000_000);
        }
    }

    #[test]
    fn on_the_way_to_the_client() {
        LOOK.not(lost_in(50, 149), "199 segments: 200 are needed");
        LOOK.found(
            lost_in(42, 958),
            "42 of 1,000 segments were lost on the way to the client (4.2 %)",
        );
        LOOK.clear(lost_in(19, 500));
        LOOK.clear(lost_in(20, 2000));
        LOOK.again().found(lost_in(16, 1984), "0.8 %");
    }

    #[test]
    fn both_ways() {
        LOOK.found(
            |group| {
                lost(50, 1000)(group);
                lost_in(60, 940)(group);
            },
            "50 segments of about 1,000 had to be sent again (5.0 %); 60 of 1,000 segments were lost",
        );
    }
}
