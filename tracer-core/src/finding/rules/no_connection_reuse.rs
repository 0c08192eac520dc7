//! No connection reuse: a new connection for each request, although the host had just served another.

use tracer_text::number;

use super::pool_too_small::throws_away;
use crate::finding::{
    case::{CLEAR, Case, found, median_ns},
    page::{Definition, Page},
    subject::{Kind, Subject},
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const REQUESTS: Threshold = Threshold::count(
    "requests",
    50,
    "with fewer, the connections that any client needs at its start are most of all",
);
const AVOIDABLE: Threshold = Threshold::count(
    "avoidable_connections",
    20,
    "fewer cost a crawler about a second, which is not worth a change",
);
const REUSED: Threshold = Threshold::percent(
    "reuse_ratio",
    50.0,
    "clients that keep connections reuse them for nine requests of ten and more; half of that leaves room for servers that close",
);
const BY_SERVER: Threshold = Threshold::percent(
    "closed_by_server",
    10.0,
    "a server that keeps connections closes none of them at once; a client that is quicker to close them, since the response has asked for it, hides the others",
);
/// A connection that was idle for longer when the server closed it had outlived the server's keep-alive.
const KEPT: Threshold = Threshold::ms(
    "idle_at_server_close",
    200,
    "servers that keep connections do so for seconds; one that does not closes at once",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process, Kind::Host],
    thresholds: &[REQUESTS, AVOIDABLE, REUSED, BY_SERVER, KEPT],
    page: Page {
        what: "The client opens a connection for nearly every request and gives it up after the response, although more requests to the same host follow.",
        cost: "Each connection costs one round trip for the connect, one or two more for the TLS handshake, and its first response is slower, because TCP has to find its speed again. The side that closes keeps the port in TIME_WAIT for a minute.",
        told: "For each host: connections with requests, less the most that were open at once, are avoidable, since that many could have served all. It is a fault when they are many and fewer than half of the requests were on a reused connection. Connections through a proxy are judged by proxy-not-reused, and a client that gives up most of its requests by client-timeout-cluster. If the client asks for the close in clear (`Connection: close`, HTTP/1.0), the fault is the client's. If it does not and the server says so in its responses or closes at once, it is the server's, and the finding is for information. Inside TLS that head cannot be read, so the finding is inferred there.",
        doubts: "Inside TLS, a server that asks for the close in its responses, to a client that is nearly always the quicker one to close, looks like a client that does not reuse, and a server that never keeps a connection looks like a client that asks for the close, unless the same client reuses connections to other hosts. Many processes that make one request each (a loop of curl) are found too, with reason: one process would do. Requests over HTTP/2 count as far as they are known.",
        provoke: "`tracer crawl --profile default --idle-per-host 0`, or `tracer demo`, of which the first half does it.",
        cured: "`tracer diff before.json after.json`: `connections opened, per request` falls towards 0, `on a reused connection` rises above 90 %.",
        advice: "Make one client object when the program starts, use it for every request, and read each response to its end before the next.",
    },
    judge,
};

/// Advice when the client can do nothing.
const AT_THE_SERVER: &str = "No setting of the client helps: the server, or a proxy before it, has keep-alive turned off or speaks HTTP/1.0. If it is yours, turn keep-alive on there.";

/// Side that wants each connection closed.
enum Doing {
    /// The client asks for it, or closes itself.
    Client,
    /// The server says in its responses that it will close, and was not asked to.
    ServerSays,
    /// The server closes without being asked.
    Server,
    /// The server closes, and what it was asked for is inside TLS.
    Unknown,
}

fn judge(case: &Case<'_>) -> Judgement {
    case.needs_requests(&REQUESTS)?;
    let avoidable = case.avoidable();
    if !case.reached(avoidable as f64, &AVOIDABLE)
        || !case.undercut(case.reuse_ratio(), &REUSED)
        || throws_away(case)
        || gives_up(case)
        || outlives_keep_alive(case)
    {
        return CLEAR;
    }
    let requests = &case.group.requests;
    let (severity, confidence, who, remedy) = match doing(case) {
        Doing::Client => (Severity::Warning, Confidence::Measured, "", None),
        Doing::Unknown => (
            Severity::Warning,
            Confidence::Inferred,
            "; the server is often the first to close, and whether the client asks for it cannot be read inside TLS",
            None,
        ),
        Doing::ServerSays => (
            Severity::Info,
            Confidence::Measured,
            "; the server asks for the close of each connection",
            Some(AT_THE_SERVER),
        ),
        Doing::Server => (
            Severity::Info,
            Confidence::Inferred,
            "; the server closes without being asked to",
            Some(AT_THE_SERVER),
        ),
    };
    let each_ns = case.opening_ns();
    let basis = format!(
        "{} connections of {} each to get ready would not have been opened",
        number::count(avoidable),
        number::time(each_ns)
    );
    found(Fault {
        severity,
        summary: format!(
            "{} connections for {} requests: {} of them could have been reused{who}",
            number::count(requests.connections),
            number::count(requests.count),
            number::count(avoidable)
        ),
        evidence: vec![
            Evidence::count("requests", requests.count),
            Evidence::count("connections", requests.connections),
            Evidence::count("avoidable_connections", avoidable),
            Evidence::share("reuse_ratio", case.reuse_ratio()),
            Evidence::count("closed_by_client", case.closed_by_client()),
            Evidence::count("closed_by_server", case.closed_by_server()),
            Evidence::count("asked_to_close", case.group.connections.asks_close),
            Evidence::count(
                "server_asks_close",
                case.group.connections.server_asks_close,
            ),
            Evidence::time("opening_mean", each_ns),
        ],
        samples: requests.count,
        confidence,
        saves: Saves::of(avoidable, each_ns, requests.count, basis),
        proposal: Proposal {
            count: Some(requests.in_flight.peak().max(1)),
            time_ns: None,
        },
        remedy,
        events: avoidable,
    })
}

/// True if the client ends most connections because it gives up the response: then no connection is left to reuse, and
/// client-timeout-cluster says why.
fn gives_up(case: &Case<'_>) -> bool {
    let requests = &case.group.requests;
    2 * (requests.cut_short + requests.aborted) > requests.connections
}

/// True if the server ends most connections after they were idle for a while: its keep-alive is over before the next
/// request comes.
fn outlives_keep_alive(case: &Case<'_>) -> bool {
    let idle = &case.group.phases.idle_at_server_close;
    is_by_server(case) && median_ns(idle) >= KEPT.value
}

fn is_by_server(case: &Case<'_>) -> bool {
    2 * case.closed_by_server() > case.closed()
}

/// True if the server is the first to close a part of the connections.
fn closes_some(case: &Case<'_>) -> bool {
    case.closed_by_server() as f64 > BY_SERVER.value * case.closed() as f64
}

fn doing(case: &Case<'_>) -> Doing {
    let group = case.group;
    if 2 * group.connections.server_asks_close >= group.requests.connections
        && 2 * group.connections.asks_close < group.requests.connections
    {
        return Doing::ServerSays;
    }
    if !closes_some(case) || 2 * group.connections.asks_close >= group.requests.connections {
        return Doing::Client;
    }
    let is_clear = group.tls.full + group.tls.resumed == 0;
    let reuses_elsewhere = case.sums.hosts_reused != 0 && matches!(case.subject, Subject::Host(_));
    match is_clear || reuses_elsewhere {
        true => Doing::Server,
        false => Doing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::NoConnectionReuse);

    /// Requests, each on a connection of its own, one after the other.
    fn fresh(requests: u64, group: &mut Group) {
        group.requests.count = requests;
        group.requests.connections = requests;
        group.connections.established = requests;
        group.connections.peak_open = 1;
        group.connections.closed_by.client = requests;
        (0..requests).for_each(|_| group.phases.connect.record(85_000_000));
    }

    #[test]
    fn each_request_on_a_new_connection() {
        let finding = LOOK.found(
            |group| fresh(100, group),
            "100 connections for 100 requests: 99 of them could have been reused",
        );
        assert_eq!(finding.severity, Severity::Warning);
        let saves = finding.saves.unwrap();
        assert!((saves.total_ns / 1e9 - 99.0 * 0.085).abs() < 0.1);
        assert!(saves.basis.starts_with("99 connections of 85"));
    }

    #[test]
    fn too_few_requests() {
        LOOK.not(|group| fresh(49, group), "49 requests: 50 are needed");
    }

    #[test]
    fn limits() {
        // 21 connections one at a time: 20 avoidable, of 51 requests.
        let few = |connections| {
            move |group: &mut Group| {
                fresh(60, group);
                group.requests.connections = connections;
                group.requests.count = 2 * connections - 1;
            }
        };
        LOOK.clear(|group| {
            fresh(60, group);
            group.requests.connections = 20;
        });
        LOOK.found(few(40), "39 of them");
        LOOK.clear(|group| {
            few(40)(group);
            group.requests.count = 80;
        });
        LOOK.again().found(
            |group| {
                few(40)(group);
                group.requests.count = 80;
            },
            "39 of them",
        );
        LOOK.again().clear(|group| {
            few(40)(group);
            group.requests.count = 120;
        });
    }

    /// A server that asks for the close in its responses, and a client that is often quicker to close.
    #[test]
    fn the_server_closes_some() {
        for (by_server, severity) in [(10, Severity::Warning), (11, Severity::Info)] {
            let finding = LOOK.found(
                |group| {
                    fresh(100, group);
                    group.connections.closed_by.client = 100 - by_server;
                    group.connections.closed_by.server = by_server;
                },
                "99 of them",
            );
            assert_eq!(finding.severity, severity, "{by_server} by the server");
        }
    }

    #[test]
    fn responses_that_are_given_up_leave_no_connection() {
        for (cut_short, is_found) in [(50, true), (51, false)] {
            let given_up = |group: &mut Group| {
                fresh(100, group);
                group.requests.cut_short = cut_short;
            };
            match is_found {
                true => drop(LOOK.found(given_up, "99 of them")),
                false => LOOK.clear(given_up),
            }
        }
    }

    #[test]
    fn many_at_once_need_many() {
        LOOK.clear(|group| {
            fresh(100, group);
            group.connections.peak_open = 90;
        });
    }

    #[test]
    fn whose_doing_it_is() {
        let by_server = |group: &mut Group| {
            fresh(100, group);
            group.connections.closed_by.client = 0;
            group.connections.closed_by.server = 100;
        };
        let finding = LOOK.found(by_server, "the server closes without being asked to");
        assert_eq!(finding.severity, Severity::Info);
        let finding = LOOK.found(
            |group| {
                by_server(group);
                group.connections.asks_close = 100;
            },
            "99 of them could have been reused",
        );
        assert_eq!(finding.severity, Severity::Warning);
        let finding = LOOK.found(
            |group| {
                by_server(group);
                group.tls.full = 100;
            },
            "cannot be read inside TLS",
        );
        assert_eq!(finding.confidence, Confidence::Inferred);
    }

    #[test]
    fn a_server_that_asks_for_the_close_and_a_quicker_client() {
        let asked = |group: &mut Group| {
            fresh(100, group);
            group.connections.server_asks_close = 100;
        };
        let finding = LOOK.found(asked, "asks for the close of each connection");
        assert_eq!(
            (finding.severity, finding.confidence),
            (Severity::Info, Confidence::Measured)
        );
        let finding = LOOK.found(
            |group| {
                asked(group);
                group.connections.asks_close = 100;
            },
            "99 of them could have been reused",
        );
        assert_eq!(
            finding.severity,
            Severity::Warning,
            "the client has asked for it"
        );
    }

    #[test]
    fn a_slow_crawler_of_a_server_with_a_short_keep_alive() {
        LOOK.clear(|group| {
            fresh(100, group);
            group.connections.closed_by.client = 0;
            group.connections.closed_by.server = 100;
            (0..100).for_each(|_| group.phases.idle_at_server_close.record(5_000_000_000));
        });
    }

    #[test]
    fn one_page_of_each_of_many_hosts() {
        let finding = Look::of(Rule::NoConnectionReuse).hosts(200, |group| fresh(1, group));
        assert!(finding.is_clear(), "{finding:?}");
    }
}
