//! TLS not resumed: new connections to known hosts shake hands from the beginning.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, mean_ns, percent, share},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const HANDSHAKES: Threshold = Threshold::count(
    "handshakes",
    20,
    "the first handshake with each host is a full one with any client",
);
const AVOIDABLE: Threshold = Threshold::count(
    "avoidable_handshakes",
    20,
    "fewer cost a crawler about a second, which is not worth a change",
);
const RESUMED: Threshold = Threshold::percent(
    "resumed_ratio",
    20.0,
    "a client that keeps sessions resumes nearly all but the first handshakes",
);
/// Least number of resumed handshakes that tell what one takes.
const TELLING: u64 = 5;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process, Kind::Host],
    thresholds: &[HANDSHAKES, AVOIDABLE, RESUMED],
    page: Page {
        what: "The client does not keep the sessions (tickets) that servers give it, so every new connection does the key exchange and checks the certificate again.",
        cost: "With TLS 1.2 a round trip for each new connection. With TLS 1.3 no round trip, but the certificate's bytes, and computing on both sides.",
        told: "Full handshakes with each host beyond the most connections it had open at once, against resumed ones. Where TLS 1.3 prevails and no resumed handshake shows a gain, it is for information, and so it is while the connections themselves are avoidable: see no-connection-reuse.",
        doubts: "A server that gives no tickets cannot be resumed by any client, and what it gives is inside TLS. One address with many servers behind it may not share its keys.",
        provoke: "`tracer-testbed origin --no-resumption --keep-alive off --tls-versions 1.2`; or Go's net/http, which keeps no sessions unless told.",
        cured: "`tls.resumed` in the export is close to the number of new connections.",
        advice: "Reuse connections first, which saves the whole handshake. Keep the sessions in one TLS configuration that all connections share.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let tls = &case.group.tls;
    let all = tls.full + tls.resumed;
    case.needs(all, &HANDSHAKES)?;
    let avoidable = case.avoidable_handshakes();
    let resumed = share(tls.resumed, all);
    if !case.reached(avoidable as f64, &AVOIDABLE) || !case.undercut(resumed, &RESUMED) {
        return CLEAR;
    }
    let (each_ns, reason) = gain(case);
    let connections_first = 2 * case.avoidable() > avoidable && case.reuse_ratio() < 0.5;
    let is_gain = each_ns > 0.0;
    let basis = format!(
        "{} handshakes would have been shorter by {}{reason}",
        number::count(avoidable),
        number::time(each_ns)
    );
    found(Fault {
        severity: match is_gain && !connections_first {
            true => Severity::Warning,
            false => Severity::Info,
        },
        summary: format!(
            "{} of {} handshakes were full ones ({} resumed), {} of them with a host known before",
            number::count(tls.full),
            number::count(all),
            percent(resumed),
            number::count(avoidable)
        ),
        evidence: vec![
            Evidence::count("full_handshakes", tls.full),
            Evidence::count("resumed_handshakes", tls.resumed),
            Evidence::count("avoidable_handshakes", avoidable),
            Evidence::share("resumed_ratio", resumed),
            Evidence::count("handshakes_of_tls_1_2", tls.versions.v1_2),
            Evidence::time("full_mean", mean_ns(&case.group.phases.tls)),
        ],
        samples: all,
        confidence: Confidence::Inferred,
        saves: Saves::of(avoidable, each_ns, case.group.requests.count, basis),
        proposal: Proposal {
            count: Some((case.snapshot.hosts.len() as u64).max(1)),
            time_ns: None,
        },
        remedy: None,
        events: avoidable,
    })
}

/// Time by which a resumed handshake is shorter, ns, and how that is known.
fn gain(case: &Case<'_>) -> (f64, &'static str) {
    let phases = &case.group.phases;
    if phases.tls_resumed.count() >= TELLING {
        let shorter_ns = mean_ns(&phases.tls) - mean_ns(&phases.tls_resumed);
        return (shorter_ns.max(0.0), ", as those that were resumed");
    }
    match 2 * case.group.tls.versions.v1_2 > case.group.tls.full {
        // The key exchange and the check of the certificate fall away too; only a round trip stays.
        true => {
            let shorter_ns = mean_ns(&phases.tls) - case.round_trip_ns();
            (shorter_ns.max(0.0), ", down to a round trip")
        }
        false => (0.0, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::TlsNotResumed);

    /// Handshakes of TLS 1.2, one after the other, of connections that are reused.
    fn handshakes(full: u64, resumed: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = 20 * (full + resumed);
            group.requests.connections = full + resumed;
            group.connections.peak_open = 1;
            (group.tls.full, group.tls.resumed) = (full, resumed);
            group.tls.versions.v1_2 = full + resumed;
            for _ in 0..full {
                group.phases.connect.record(40_000_000);
                group.phases.tls.record(90_000_000);
            }
            (0..resumed).for_each(|_| group.phases.tls_resumed.record(50_000_000));
        }
    }

    #[test]
    fn down_to_a_round_trip_each() {
        let finding = LOOK.found(handshakes(101, 0), "101 of 101 handshakes were full ones");
        let saves = finding.saves.unwrap();
        assert!((saves.total_ns / 1e9 - 5.0).abs() < 0.1, "{saves:?}");
        assert!(saves.basis.ends_with("down to a round trip"));
        assert_eq!(finding.severity, Severity::Warning);
        let finding = LOOK.found(handshakes(101, 10), "101 of 111");
        assert!(
            finding
                .saves
                .unwrap()
                .basis
                .ends_with("as those that were resumed")
        );
    }

    #[test]
    fn limits() {
        LOOK.not(handshakes(19, 0), "19 handshakes: 20 are needed");
        LOOK.found(handshakes(21, 0), "20 of them with a host known before");
        LOOK.clear(handshakes(20, 0));
        LOOK.found(handshakes(81, 20), "20 % resumed");
        LOOK.clear(handshakes(80, 20));
        LOOK.again().found(handshakes(76, 24), "24 % resumed");
        LOOK.again().clear(handshakes(75, 25));
    }

    #[test]
    fn without_a_gain_it_is_for_information() {
        let finding = LOOK.found(
            |group| {
                handshakes(50, 0)(group);
                (group.tls.versions.v1_2, group.tls.versions.v1_3) = (0, 50);
            },
            "50 of 50",
        );
        assert_eq!((finding.severity, finding.saves), (Severity::Info, None));
        let finding = LOOK.found(
            |group| {
                handshakes(50, 0)(group);
                group.requests.count = 50;
            },
            "50 of 50",
        );
        assert_eq!(
            finding.severity,
            Severity::Info,
            "the connections come first"
        );
    }
}
