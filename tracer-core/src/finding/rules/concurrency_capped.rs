//! Concurrency capped: the number of requests at once is flat, at the default of the client.

use tracer_text::number;

use crate::{
    client::Client,
    finding::{
        case::{CLEAR, Case, found},
        page::{Definition, Page},
        subject::Kind,
        threshold::Threshold,
        verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Severity},
    },
};

const REQUESTS: Threshold = Threshold::count(
    "requests",
    200,
    "the number of requests at once has to have had time to settle",
);
const FLAT: Threshold = Threshold::percent(
    "mean_of_peak",
    70.0,
    "a client that waits for itself, not for a cap, is below its peak most of the time",
);

/// Caps that clients have without being told.
const CAPS: [(Client, u64, &str); 5] = [
    (Client::Aiohttp, 100, "TCPConnector(limit=100)"),
    (Client::Httpx, 100, "Limits(max_connections=100)"),
    (Client::Scrapy, 16, "CONCURRENT_REQUESTS = 16"),
    (Client::Scrapy, 8, "CONCURRENT_REQUESTS_PER_DOMAIN = 8"),
    (Client::Curl, 50, "--parallel-max 50"),
];

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Process],
    thresholds: &[REQUESTS, FLAT],
    page: Page {
        what: "The client never has more requests under way than a default of its library allows, and has nearly that many all the time.",
        cost: "Requests wait inside the client for their turn, where no trace of the network can see them. The crawl takes longer than its servers and the link need.",
        told: "The most requests under way at once equals a known default of the recognised client, and the mean (the time of all requests by the time of the crawl) is at least 70 % of it. Another number may be meant, and is no finding.",
        doubts: "Whoever has chosen the same number on purpose is told so too. A limit of streams that a server sets on HTTP/2 is not known yet.",
        provoke: "aiohttp with 200 tasks and its default connector.",
        cured: "`requests.in_flight_peak` in the export is above the default.",
        advice: "Raise the cap, if the servers agree: a polite crawler has a limit for each host and a high one for all.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    case.needs_requests(&REQUESTS)?;
    let peak = case.group.requests.in_flight.peak();
    let [client] = case.client.clients else {
        return CLEAR;
    };
    let cap = CAPS
        .iter()
        .find(|(of, cap, _)| of == client && *cap == peak);
    let Some((_, _, setting)) = cap else {
        return CLEAR;
    };
    let phases = &case.group.phases;
    let busy_ns = phases.ttfb.sum_ns() + phases.transfer.sum_ns();
    let mean = busy_ns / active_ns(case);
    if !case.reached(mean / peak as f64, &FLAT) {
        return CLEAR;
    }
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "never more than {} requests are under way, and {mean:.1} on average: that is the default {setting}",
            number::count(peak)
        ),
        evidence: vec![
            Evidence::count("requests_at_once_peak", peak),
            Evidence {
                name: "requests_at_once_mean",
                value: mean,
                unit: crate::finding::threshold::Unit::Count,
            },
            Evidence::count("requests", case.group.requests.count),
        ],
        samples: case.group.requests.count,
        confidence: Confidence::Inferred,
        saves: None,
        proposal: Proposal {
            count: Some(2 * peak),
            time_ns: None,
        },
        remedy: None,
        events: case.group.requests.count,
    })
}

/// Time in which requests were made, ns: the seconds of the series that have some, or the whole trace.
fn active_ns(case: &Case<'_>) -> f64 {
    let series = &case.snapshot.series;
    let active = series.points.iter().filter(|point| point.requests != 0);
    let active_ns = active.count() as u64 * series.interval_ns;
    match active_ns {
        0 => case.elapsed_ns.max(1) as f64,
        _ => active_ns as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Sign;
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ConcurrencyCapped).of_client(Sign::Named(Client::Scrapy));

    /// Requests of 100 ms each within the ten seconds of the fixture.
    fn capped(requests: u64, peak: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = requests;
            (0..peak).for_each(|_| group.requests.in_flight.add(0, 10, 1000));
            (0..requests).for_each(|_| group.phases.ttfb.record(100_000_000));
        }
    }

    #[test]
    fn limits() {
        LOOK.not(capped(199, 16), "199 requests: 200 are needed");
        LOOK.found(capped(1500, 16), "never more than 16 requests are under way, and 15.0 on average: that is the default CONCURRENT_REQUESTS = 16");
        LOOK.clear(capped(1500, 17));
        LOOK.found(capped(560 + 4, 8), "CONCURRENT_REQUESTS_PER_DOMAIN = 8");
        LOOK.clear(capped(556, 8));
        LOOK.again().found(capped(500, 8), "5.0 on average");
    }

    #[test]
    fn another_client_has_another_default() {
        let unknown = Look::of(Rule::ConcurrencyCapped);
        unknown.clear(capped(1500, 16));
    }
}
