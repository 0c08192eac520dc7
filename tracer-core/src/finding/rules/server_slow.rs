//! Server slow: responses begin long after their requests could have arrived.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, median_ns},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const REQUESTS: Threshold = Threshold::count(
    "requests",
    50,
    "a cold cache at the server makes the first requests slow",
);
const WAIT: Threshold = Threshold::ms(
    "first_byte_p50",
    200,
    "what people and crawlers notice; on a fast network a ratio to the round trip alone would find every server",
);
const ROUND_TRIPS: Threshold = Threshold::times(
    "first_byte_per_round_trip",
    4.0,
    "a request and its answer take one round trip; three more may be a slow start of TCP",
);
const POLLING: Threshold = Threshold::ms(
    "first_byte_of_polling",
    10_000,
    "a server that regularly waits for ten seconds does so on purpose (long polling)",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Host],
    thresholds: &[REQUESTS, WAIT, ROUND_TRIPS, POLLING],
    page: Page {
        what: "Most of the time until the first byte of a response is neither connect, handshake nor network: the server, or what is behind it, takes it.",
        cost: "Each request waits for it; so does each worker of the client.",
        told: "The median time to the first byte on reused connections (on all, if few are reused) is at least 200 ms and at least four round trips, the median of connects.",
        doubts: "A server that slows down crawlers on purpose looks the same, and so does long polling up to ten seconds. Behind a proxy the round trip is that to the proxy.",
        provoke: "`tracer-testbed origin --think-time 300ms`.",
        cured: "`phases.ttfb_reused.p50_ns` in the export falls towards `phases.connect.p50_ns`.",
        advice: "More requests at once to the same host make a busy server slower still; ask more hosts at once instead. If it is your server, look there.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    case.needs_requests(&REQUESTS)?;
    let phases = &case.group.phases;
    let is_reused = phases.ttfb_reused.count() as f64 >= REQUESTS.value;
    let waits = if is_reused {
        &phases.ttfb_reused
    } else {
        &phases.ttfb
    };
    case.needs(waits.count(), &REQUESTS)?;
    let median = median_ns(waits);
    let round_trip = case.round_trip_ns();
    if !case.reached(median, &WAIT)
        || median < ROUND_TRIPS.value * round_trip
        || median >= POLLING.value
    {
        return CLEAR;
    }
    let each_ns = median - round_trip;
    let basis = format!(
        "{} responses would have begun {} sooner, after one round trip",
        number::count(waits.count()),
        number::time(each_ns)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "the first byte comes after {}, the median of {}, and a round trip takes {}",
            number::time(median),
            number::count(waits.count()),
            number::time(round_trip)
        ),
        evidence: vec![
            Evidence::time("first_byte_p50", median),
            Evidence::time("first_byte_p90", waits.quantile(0.9).unwrap_or(0) as f64),
            Evidence::time("round_trip", round_trip),
            Evidence::count("requests", waits.count()),
        ],
        samples: waits.count(),
        confidence: Confidence::Measured,
        saves: Saves::of(waits.count(), each_ns, case.group.requests.count, basis),
        proposal: Proposal::default(),
        remedy: None,
        events: waits.count(),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ServerSlow);

    fn answers(count: u64, after_ms: u64, round_trip_ms: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = count;
            group.phases.connect.record(round_trip_ms * 1_000_000);
            for _ in 0..count {
                group.phases.ttfb.record(after_ms * 1_000_000);
                group.phases.ttfb_reused.record(after_ms * 1_000_000);
            }
        }
    }

    #[test]
    fn limits() {
        LOOK.not(answers(49, 300, 1), "49 requests: 50 are needed");
        LOOK.found(
            answers(50, 200, 20),
            "the first byte comes after 200 ms, the median of 50, and a round trip takes 20.0 ms",
        );
        LOOK.clear(answers(50, 199, 1));
        LOOK.again().found(answers(50, 161, 1), "161 ms");
        LOOK.again().clear(answers(50, 159, 1));
        LOOK.clear(answers(50, 300, 85));
    }

    #[test]
    fn long_polling_is_meant() {
        LOOK.clear(answers(50, 25_000, 20));
    }
}
