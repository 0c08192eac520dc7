//! Client timeout cluster: requests are given up after nearly the same time each.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, median_ns, percent, share},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const GIVEN_UP: Threshold = Threshold::count(
    "requests_given_up",
    10,
    "fewer may lie close together by chance",
);
const TOGETHER: Threshold = Threshold::percent(
    "given_up_together",
    80.0,
    "a timeout of the client ends nearly all of them after the same time",
);
const TIMEOUT: Threshold = Threshold::ms(
    "given_up_after",
    50,
    "nobody sets a shorter timeout; what ends sooner ends for another reason",
);
/// Distance from the median within which times are the same, as a part of it.
const SAME: f64 = 0.05;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process, Kind::Host],
    thresholds: &[GIVEN_UP, TOGETHER, TIMEOUT],
    page: Page {
        what: "The client gives up requests after nearly the same time each: a timeout of its own, shorter than these servers need.",
        cost: "The time until the timeout is lost, and so is the connection, which has to be closed. A retry costs both again.",
        told: "Requests whose connection the client closed before there was a response, by their age at that moment; in clear also those whose response was not whole, if it is the first one of its connection and says its length. At least four in five lie within 5 % of the median.",
        doubts: "Inside TLS, and for later requests of a connection, a total timeout that ends a download in its middle is not seen: nothing there tells that the response was not whole.",
        provoke: "Go's `http.Client{Timeout: 500 * time.Millisecond}` against `tracer-testbed origin --slow-first-byte 2s`.",
        cured: "`requests.aborted` in the export stays near 0.",
        advice: "Tell the timeouts apart: a short one for the connect, a longer one for the first byte, and one for the whole download that fits its size.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let aborted = &case.group.phases.aborted;
    if aborted.count() == 0 {
        return CLEAR;
    }
    case.needs(aborted.count(), &GIVEN_UP)?;
    let median = median_ns(aborted);
    let near = |value: u64| (value as f64 - median).abs() <= SAME * median;
    let together: u64 = aborted
        .bars()
        .filter(|bar| near(bar.low_ns) || near(bar.high_ns))
        .map(|bar| bar.count)
        .sum();
    let part = share(together, aborted.count());
    if !case.reached(part, &TOGETHER) || !case.reached(median, &TIMEOUT) {
        return CLEAR;
    }
    let count = case.group.requests.count;
    let basis = format!(
        "{} requests were given up after {}, for nothing",
        number::count(aborted.count()),
        number::time(median)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} requests were given up, {} of them after about {}",
            number::count(aborted.count()),
            percent(part),
            number::time(median)
        ),
        evidence: vec![
            Evidence::count("requests_given_up", aborted.count()),
            Evidence::share("given_up_together", part),
            Evidence::time("given_up_after", median),
            Evidence::count("cut_short", case.group.requests.cut_short),
            Evidence::count("requests", count),
            Evidence::time("first_byte_p50", median_ns(&case.group.phases.ttfb)),
        ],
        samples: aborted.count(),
        confidence: Confidence::Inferred,
        saves: Saves::of(aborted.count(), median, count, basis),
        proposal: Proposal {
            count: None,
            time_ns: Some(4.0 * median),
        },
        remedy: None,
        events: aborted.count(),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ClientTimeoutCluster);

    fn given_up(times_ms: &[(u64, u64)]) -> impl Fn(&mut Group) + '_ {
        move |group| {
            group.requests.count = 100;
            for &(count, ms) in times_ms {
                group.requests.aborted += count;
                (0..count).for_each(|_| group.phases.aborted.record(ms * 1_000_000));
            }
        }
    }

    #[test]
    fn limits() {
        LOOK.clear(|_| {});
        LOOK.not(given_up(&[(9, 500)]), "9 requests given up: 10 are needed");
        LOOK.found(
            given_up(&[(10, 500)]),
            "10 requests were given up, 100 % of them after about 500 ms",
        );
        LOOK.found(given_up(&[(8, 500), (2, 900)]), "80 % of them");
        LOOK.clear(given_up(&[(7, 500), (3, 900)]));
        LOOK.again()
            .found(given_up(&[(7, 500), (3, 900)]), "70 % of them");
        LOOK.clear(given_up(&[(20, 49)]));
    }

    #[test]
    fn times_all_over_the_place() {
        LOOK.clear(given_up(&[(5, 100), (5, 300), (5, 700), (5, 1500)]));
    }
}
