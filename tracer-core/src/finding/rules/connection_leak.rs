//! Connection leak: more and more connections stay open, far more than requests are ever under way.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found},
    history::Moment,
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    trend::{LEAST_MOMENTS, Trend},
    verdict::{Confidence, Evidence, Fault, Judgement, NotEvaluated, Proposal, Saves, Severity},
};

const REQUESTS: Threshold = Threshold::count("requests", 20, "each may have needed a connection");
const OPEN: Threshold = Threshold::count(
    "open_peak",
    20,
    "clients open a handful of spare connections for a host, and some keep ten",
);
const PER_REQUEST: Threshold = Threshold::times(
    "open_per_request_at_once",
    4.0,
    "connections in a handshake or on their way to the close are open without a request; four for each request are not",
);
/// Number of times that the open connections have to reach a new height, so that one burst is no leak.
const HEIGHTS: usize = 3;
/// Soft limit of descriptors that most systems give a process.
const DESCRIPTORS: f64 = 1024.0;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Host],
    thresholds: &[REQUESTS, OPEN, PER_REQUEST],
    page: Page {
        what: "Connections to a host stay open and are not used again: their number grows as requests are made. A response body that is never closed does this, and a client object for each request.",
        cost: "Each request pays for a connect and a handshake, and each connection holds a descriptor and memory here and at the server. At the limit of descriptors (often 1,024) every connect and every open() fails.",
        told: "A host had at least four times as many connections open as requests under way at once, and the number of open connections has reached a new height at least three times. What is closed when the program exits was still a leak.",
        doubts: "A client that opens connections in advance looks the same until it uses them. Connections of HTTP/2 are not judged.",
        provoke: "Go: `resp, _ := client.Get(url)` without `resp.Body.Close()`, in a loop.",
        cured: "`connections.peak_open` of the host in the export is about its `requests.in_flight_peak`.",
        advice: "Close or read to the end every response, on error paths too, and make one client object for all requests.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    case.needs_requests(&REQUESTS)?;
    let group = case.group;
    let open = group.connections.peak_open;
    if !case.reached(open as f64, &OPEN) || group.connections.http2 != 0 {
        return CLEAR;
    }
    let at_once = group.requests.in_flight.peak().max(1);
    let per_request = open as f64 / at_once as f64;
    if !case.reached(per_request, &PER_REQUEST) {
        return CLEAR;
    }
    let rising = rise(case);
    if rising.len() < LEAST_MOMENTS {
        return Err(NotEvaluated::Few {
            count: rising.len() as u64,
            name: "seconds_with_open_connections",
            least: LEAST_MOMENTS as u64,
        });
    }
    if heights(&rising) < HEIGHTS {
        return CLEAR;
    }
    let unused = open - at_once;
    let each_ns = case.opening_ns();
    let basis = format!(
        "{} connections of {} each to get ready would not have been opened",
        number::count(unused),
        number::time(each_ns)
    );
    let trend = Trend::through(rising.iter().copied(), |moment| moment.open);
    let soon = forecast(trend, open).map_or(String::new(), |(soonest, latest)| {
        format!("; at this pace 1,024 descriptors are used up in {soonest:.0} to {latest:.0} s")
    });
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} connections were open at once, for at most {} requests under way{soon}",
            number::count(open),
            number::count(at_once)
        ),
        evidence: vec![
            Evidence::count("open_peak", open),
            Evidence::count("open_now", group.connections.open_now),
            Evidence::count("requests_at_once", at_once),
            Evidence::count("requests", group.requests.count),
            Evidence::count("closed", case.closed()),
        ],
        samples: group.requests.count,
        confidence: Confidence::Inferred,
        saves: Saves::of(unused, each_ns, group.requests.count, basis),
        proposal: Proposal::default(),
        remedy: None,
        events: open,
    })
}

/// Moments up to the one with the most open connections.
fn rise<'a>(case: &'a Case<'_>) -> Vec<&'a Moment> {
    let all: Vec<&Moment> = case.moments().collect();
    let most = all.iter().map(|moment| moment.open).max().unwrap_or(0);
    let first = all.iter().position(|moment| moment.open == most);
    all.into_iter().take(first.map_or(0, |at| at + 1)).collect()
}

/// Number of times that the open connections reached a new height.
fn heights(moments: &[&Moment]) -> usize {
    let mut most = 0;
    let higher = moments.iter().filter(|moment| {
        let is_higher = moment.open > most;
        most = most.max(moment.open);
        is_higher
    });
    higher.count()
}

fn forecast(trend: Option<Trend>, open: u64) -> Option<(f64, f64)> {
    let room = DESCRIPTORS - open as f64;
    trend.filter(|_| room > 0.0)?.seconds_until(room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{
        rule::Rule,
        tests::fixture::{Look, grow},
    };
    use crate::{group::Group, snapshot::Snapshot};

    const LOOK: Look = Look::of(Rule::ConnectionLeak);

    fn leak(open: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = open;
            group.requests.connections = open;
            group.connections.peak_open = open;
            (0..5).for_each(|_| group.requests.in_flight.add(0, 10, 100));
            (0..open).for_each(|_| group.phases.connect.record(10_000_000));
        }
    }

    fn rising(open: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            grow(snapshot, 10, |at| Moment {
                open: open * at / 10,
                ..Moment::default()
            });
        }
    }

    #[test]
    fn forty_for_five() {
        let finding = LOOK
            .with(leak(40), rising(40))
            .found("40 connections were open at once, for at most 5");
        assert!(
            finding
                .summary
                .contains("1,024 descriptors are used up in 2"),
            "{}",
            finding.summary
        );
        // The program has ended, and with it all connections.
        LOOK.with(leak(40), |snapshot| {
            rising(40)(snapshot);
            snapshot_ends(snapshot);
        })
        .found("40 connections");
    }

    fn snapshot_ends(snapshot: &mut Snapshot) {
        let history = std::sync::Arc::make_mut(&mut snapshot.history);
        for at in 11..20 {
            history.push(Moment {
                at_ns: at * 1_000_000_000,
                ..Moment::default()
            });
        }
    }

    #[test]
    fn limits() {
        LOOK.with(leak(19), rising(19))
            .not("19 requests: 20 are needed");
        LOOK.with(leak(20), rising(20)).found("20 connections");
        LOOK.with(
            |group: &mut Group| {
                leak(20)(group);
                group.connections.peak_open = 19;
            },
            rising(19),
        )
        .clear();
        LOOK.with(
            |group: &mut Group| {
                leak(21)(group);
                group.requests.in_flight.add(0, 10, 100);
            },
            rising(21),
        )
        .clear();
        LOOK.again()
            .with(
                |group: &mut Group| {
                    leak(21)(group);
                    group.requests.in_flight.add(0, 10, 100);
                },
                rising(21),
            )
            .found("at most 6");
    }

    #[test]
    fn one_burst_is_no_leak() {
        LOOK.with(leak(40), |snapshot| {
            grow(snapshot, 10, |at| Moment {
                open: if at < 5 { 1 } else { 40 },
                ..Moment::default()
            });
        })
        .clear();
        LOOK.with(leak(40), |_| {})
            .not("0 seconds with open connections: 5 are needed");
    }
}
