//! Ephemeral ports running out: toward one destination hardly a local port is free, or soon none will be.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, percent},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    trend::Trend,
    verdict::{Confidence, Evidence, Fault, Judgement, NotEvaluated, Proposal, Severity},
};
use crate::time_wait::Destination;

const USED: Threshold = Threshold::percent(
    "ports_used_ratio",
    50.0,
    "the kernel tries odd and even ports in turn and gets slower once half are taken",
);
const ALMOST_ALL: Threshold = Threshold::percent(
    "ports_used_critical",
    80.0,
    "connects begin to fail with EADDRNOTAVAIL when a burst finds no free port",
);
const RISING: Threshold = Threshold::percent(
    "ports_used_rising",
    20.0,
    "below it a straight line tells little about the minutes to come",
);
/// Time within which a forecast is a fault, seconds.
const SOON_S: f64 = 300.0;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All],
    thresholds: &[USED, ALMOST_ALL, RISING],
    page: Page {
        what: "A connection needs a local port that no other connection from the same address to the same destination uses, in TIME_WAIT or open. The range net.ipv4.ip_local_port_range has 28,232 of them by default.",
        cost: "Connects fail with EADDRNOTAVAIL (\"Cannot assign requested address\") when no port is free, and take longer before that, while the kernel looks for one.",
        told: "Every second, the ports of each local address in use toward each destination, against the range of its network namespace without net.ipv4.ip_local_reserved_ports. A straight line through the last five minutes gives the time until none is free, if the growth is even; a line that fits badly gives no forecast.",
        doubts: "The range and the reserved ports are those of the moment when the trace began in that namespace. A program that binds ports itself (IP_BIND_ADDRESS_NO_PORT unset, with a bind to an address) shares them among all its destinations, so that it runs out sooner.",
        provoke: "In a network namespace with `sysctl net.ipv4.ip_local_port_range=\"40000 40999\"`: 500 connections of one client that closes first.",
        cured: "The export's `time_wait.destinations[0].ports_used_ratio` falls below 0.5 and stays there for more than a minute.",
        advice: "Reuse connections; each one reused is a port less. A wider net.ipv4.ip_local_port_range, or more local addresses, comes last: it moves the limit and leaves the fault.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let view = &case.snapshot.time_wait;
    let busiest = view.destinations.first();
    let Some((destination, ratio)) =
        busiest.and_then(|busiest| Some((busiest, busiest.ports_used_ratio?)))
    else {
        let text = "no listing of sockets has shown a destination with its range of ports yet";
        return Err(NotEvaluated::Because(text));
    };
    let forecast = forecast(case, destination, ratio);
    let not_sent = case.group.connections.not_sent;
    let rises =
        case.reached(ratio, &RISING) && forecast.is_some_and(|(soonest, _)| soonest < SOON_S);
    if !case.reached(ratio, &USED) && !rises {
        return CLEAR;
    }
    let soon = forecast.map_or(String::new(), |(soonest, latest)| {
        format!("; at this pace none is free in {soonest:.0} to {latest:.0} s")
    });
    let is_critical = case.reached(ratio, &ALMOST_ALL) || not_sent != 0;
    found(Fault {
        severity: match is_critical {
            true => Severity::Critical,
            false => Severity::Warning,
        },
        summary: format!(
            "{} local ports of {} toward {} are taken, {} of the range{soon}",
            number::count(destination.ports_used),
            destination.source,
            destination.remote,
            percent(ratio)
        ),
        evidence: vec![
            Evidence::count("ports_used", destination.ports_used),
            Evidence::share("ports_used_ratio", ratio),
            Evidence::count("ports_in_time_wait", destination.time_wait),
            Evidence::count("connects_not_sent", not_sent),
        ],
        samples: destination.ports_used,
        confidence: Confidence::Measured,
        saves: None,
        proposal: Proposal {
            count: Some(case.group.requests.in_flight.peak().max(1)),
            time_ns: None,
        },
        remedy: None,
        events: case.group.connections.opened,
    })
}

/// Seconds until no port is free, the soonest and the latest.
fn forecast(case: &Case<'_>, destination: &Destination, ratio: f64) -> Option<(f64, f64)> {
    let trend = Trend::through(case.moments(), |moment| moment.ports_used)?;
    let all = destination.ports_used as f64 / ratio.max(f64::MIN_POSITIVE);
    trend.seconds_until((all - destination.ports_used as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{
        history::Moment,
        rule::Rule,
        tests::fixture::{Look, grow},
    };
    use crate::snapshot::Snapshot;

    const LOOK: Look = Look::of(Rule::EphemeralPortsRunningOut);

    fn used(ports: u64) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            snapshot.time_wait.destinations = vec![Destination {
                netns: 1,
                source: [192, 0, 2, 9].into(),
                remote: ([192, 0, 2, 1], 443).into(),
                time_wait: ports / 2,
                ports_used: ports,
                ports_used_ratio: Some(ports as f64 / 1000.0),
            }];
        }
    }

    #[test]
    fn limits() {
        let finding = LOOK.found_in(
            used(500),
            "500 local ports of 192.0.2.9 toward 192.0.2.1:443",
        );
        assert_eq!(finding.severity, Severity::Warning);
        LOOK.clear_in(used(499));
        LOOK.again().found_in(used(400), "40 % of the range");
        LOOK.again().clear_in(used(399));
        let finding = LOOK.found_in(used(800), "80 % of the range");
        assert_eq!(finding.severity, Severity::Critical);
    }

    #[test]
    fn a_forecast() {
        let rising = |step: u64| {
            move |snapshot: &mut Snapshot| {
                used(300)(snapshot);
                grow(snapshot, 20, |at| Moment {
                    ports_used: 300 - step * (20 - at),
                    ..Moment::default()
                });
            }
        };
        LOOK.found_in(rising(10), "at this pace none is free in 70 to 70 s");
        LOOK.clear_in(rising(2));
        LOOK.clear_in(|snapshot| {
            rising(10)(snapshot);
            used(190)(snapshot);
        });
    }

    #[test]
    fn connects_that_found_no_port() {
        let finding = LOOK.found_in(
            |snapshot| {
                used(600)(snapshot);
                std::sync::Arc::make_mut(&mut snapshot.totals)
                    .connections
                    .not_sent = 1;
            },
            "600",
        );
        assert_eq!(finding.severity, Severity::Critical);
    }

    #[test]
    fn nothing_listed() {
        LOOK.not_in(|_| {}, "no listing of sockets");
    }
}
