//! Proxy not reused: a new tunnel for nearly every request.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, mean_ns},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const TUNNELS: Threshold = Threshold::count(
    "tunnels",
    20,
    "each host behind the proxy needs one of its own",
);
const REQUESTS: Threshold = Threshold::count(
    "requests",
    50,
    "with fewer, the tunnels that any client needs at its start are most of all",
);
const AVOIDABLE: Threshold = Threshold::count(
    "avoidable_tunnels",
    20,
    "fewer cost a crawler about a second, which is not worth a change",
);
const REUSED: Threshold = Threshold::percent(
    "reuse_ratio",
    50.0,
    "clients that keep tunnels reuse them for nine requests of ten and more",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::Proxy],
    thresholds: &[TUNNELS, REQUESTS, AVOIDABLE, REUSED],
    page: Page {
        what: "The client asks its proxy for a new tunnel for nearly every request, although it had one to the same host before.",
        cost: "A connect to the proxy, the exchange with it, its connect to the target and a TLS handshake, for each request.",
        told: "Connections with requests through each proxy, beyond the most that were open at once and beyond one for each host behind it.",
        doubts: "A proxy that changes its outgoing address for each tunnel is used like this on purpose.",
        provoke: "A loop of `curl -x http://PROXY https://NAME/`.",
        cured: "`proxies[].requests.reuse_ratio` in the export is above 0.9.",
        advice: "Make one client object with the proxy in it when the program starts, and use it for every request.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let (requests, tunnels) = (&case.group.requests, &case.group.tunnels);
    case.needs(tunnels.opened, &TUNNELS)?;
    case.needs_requests(&REQUESTS)?;
    let avoidable = case
        .avoidable()
        .min(tunnels.opened)
        .saturating_sub(hosts_behind(case));
    if !case.reached(avoidable as f64, &AVOIDABLE) || !case.undercut(case.reuse_ratio(), &REUSED) {
        return CLEAR;
    }
    let each_ns = case.opening_ns() + mean_ns(&case.group.phases.tunnel);
    let basis = format!(
        "{} tunnels of {} each to get ready would not have been made",
        number::count(avoidable),
        number::time(each_ns)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "{} tunnels for {} requests: {} of them could have been reused",
            number::count(tunnels.opened),
            number::count(requests.count),
            number::count(avoidable)
        ),
        evidence: vec![
            Evidence::count("tunnels", tunnels.opened),
            Evidence::count("requests", requests.count),
            Evidence::count("avoidable_tunnels", avoidable),
            Evidence::share("reuse_ratio", case.reuse_ratio()),
        ],
        samples: requests.count,
        confidence: Confidence::Measured,
        saves: Saves::of(avoidable, each_ns, requests.count, basis),
        proposal: Proposal {
            count: Some(requests.in_flight.peak().max(1)),
            time_ns: None,
        },
        remedy: None,
        events: avoidable,
    })
}

/// Number of hosts behind the proxy, less the one that every proxy has.
fn hosts_behind(case: &Case<'_>) -> u64 {
    let name = case.subject.name();
    let hosts = case.snapshot.hosts.iter();
    let behind = hosts.filter(|host| host.via.proxies.iter().any(|key| key.to_string() == name));
    (behind.count() as u64).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::ProxyNotReused);

    fn tunnels(opened: u64, requests: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.tunnels.opened = opened;
            group.requests.count = requests;
            group.requests.connections = opened;
            group.connections.peak_open = 1;
            (0..opened).for_each(|_| group.phases.tunnel.record(100_000_000));
        }
    }

    #[test]
    fn limits() {
        LOOK.not(tunnels(19, 60), "19 tunnels: 20 are needed");
        LOOK.not(tunnels(30, 49), "49 requests: 50 are needed");
        LOOK.found(
            tunnels(60, 60),
            "60 tunnels for 60 requests: 59 of them could have been reused",
        );
        LOOK.found(tunnels(40, 79), "40 tunnels");
        LOOK.clear(tunnels(40, 80));
        LOOK.again().found(tunnels(40, 80), "40 tunnels");
        LOOK.clear(|group| {
            tunnels(60, 60)(group);
            group.connections.peak_open = 41;
        });
    }
}
