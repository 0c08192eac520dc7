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

/// Remedy for the limit of a server.
const SECOND_CONNECTION: &str = "Open a second connection to the server, if it agrees: a client object of its own for half of the work. A client has one connection of HTTP/2 for each host, and the server allows no more requests on it.";

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Process],
    thresholds: &[REQUESTS, FLAT],
    page: Page {
        what: "The client never has more requests under way than a default of its library allows, and has nearly that many all the time.",
        cost: "Requests wait inside the client for their turn, where no trace of the network can see them. The crawl takes longer than its servers and the link need.",
        told: "The most requests under way at once equals a known default of the recognised client, or the most streams at once on a connection of HTTP/2 equals the server's limit, and the mean (the time of all requests by the time of the crawl) is at least 70 % of it. Another number may be meant, and is no finding.",
        doubts: "Whoever has chosen the same number on purpose is told so too. The limit of a server is known only where the frames of HTTP/2 are read.",
        provoke: "aiohttp with 200 tasks and its default connector.",
        cured: "`requests.in_flight_peak` in the export is above the default.",
        advice: "Raise the cap, if the servers agree: a polite crawler has a limit for each host and a high one for all.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    case.needs_requests(&REQUESTS)?;
    let peak = case.group.requests.in_flight.peak();
    let http2 = &case.group.http2;
    if let Some(limit) = http2.max_concurrent_streams
        && http2.in_flight_peak == u64::from(limit)
        && peak == http2.in_flight_peak
    {
        let setting = "limit of streams on a connection of HTTP/2, which the server has set";
        return capped(case, peak, setting, Some(SECOND_CONNECTION));
    }
    let [client] = case.client.clients else {
        return CLEAR;
    };
    let cap = CAPS
        .iter()
        .find(|(of, cap, _)| of == client && *cap == peak);
    let Some((_, _, setting)) = cap else {
        return CLEAR;
    };
    capped(case, peak, &format!("default {setting}"), None)
}

/// Verdict on a cap that the most requests at once have reached.
fn capped(case: &Case<'_>, peak: u64, cap: &str, remedy: Option<&'static str>) -> Judgement {
    let phases = &case.group.phases;
    let busy_ns = phases.ttfb.sum_ns() + phases.transfer.sum_ns();
    let mean = busy_ns / active_ns(case);
    if !case.reached(mean / peak as f64, &FLAT) {
        return CLEAR;
    }
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "never more than {} requests are under way, and {mean:.1} on average: that is the {cap}",
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
        remedy,
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
    fn many(requests: u64, peak: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = requests;
            (0..peak).for_each(|_| group.requests.in_flight.add(0, 10, 1000));
            (0..requests).for_each(|_| group.phases.ttfb.record(100_000_000));
        }
    }

    #[test]
    fn limits() {
        LOOK.not(many(199, 16), "199 requests: 200 are needed");
        LOOK.found(many(1500, 16), "never more than 16 requests are under way, and 15.0 on average: that is the default CONCURRENT_REQUESTS = 16");
        LOOK.clear(many(1500, 17));
        LOOK.found(many(560 + 4, 8), "CONCURRENT_REQUESTS_PER_DOMAIN = 8");
        LOOK.clear(many(556, 8));
        LOOK.again().found(many(500, 8), "5.0 on average");
    }

    #[test]
    fn another_client_has_another_default() {
        let unknown = Look::of(Rule::ConcurrencyCapped);
        unknown.clear(many(1500, 16));
    }

    #[test]
    fn the_limit_of_a_server() {
        let unknown = Look::of(Rule::ConcurrencyCapped);
        let limited = |limit: u32| {
            move |group: &mut Group| {
                many(1500, 16)(group);
                group.http2.in_flight_peak = 16;
                group.http2.max_concurrent_streams = Some(limit);
            }
        };
        unknown.found(limited(16), "never more than 16 requests are under way, and 15.0 on average: that is the limit of streams on a connection of HTTP/2");
        unknown.clear(limited(128));
    }
}
