//! DNS not cached: names are looked up again while the answer before still holds.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, mean_ns, percent, share},
    page::{Definition, Page},
    subject::{Kind, Subject},
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const LOOKUPS: Threshold = Threshold::count(
    "lookups",
    20,
    "each name needs two lookups, for IPv4 and IPv6, before any cache can help",
);
const REPEATED: Threshold = Threshold::count(
    "repeated_lookups",
    20,
    "fewer cost less than a second, even with a slow resolver",
);
const REPEATED_SHARE: Threshold = Threshold::percent(
    "repeated_ratio",
    30.0,
    "with a cache in the process the share is near 0, whatever the number of names",
);
const PROCESSES: Threshold = Threshold::count(
    "processes_with_lookups",
    20,
    "a pool of worker processes has fewer, and each of them looks a name up once, with reason",
);
/// Lookups by one process of a tree in which no process lives long enough to have a use for its answers.
const EACH: u64 = 4;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process],
    thresholds: &[LOOKUPS, REPEATED, REPEATED_SHARE, PROCESSES],
    page: Page {
        what: "A process asks for a name although the answer it has got is still valid (its TTL is not over). Most client libraries have no cache: they look the name up for each new connection.",
        cost: "A round trip to the resolver before each connect, twice if the resolver asks for IPv4 and IPv6 one after the other, and load on the resolver, which may begin to drop queries.",
        told: "Lookups of a process that had an answer with time left, on the wire. A local resolver that answers at once (nscd, systemd-resolved) is asked too, but costs little: see what it would save. Many short processes that ask for the same name once each are found by their number.",
        doubts: "A program that resolves on purpose for each connection, to spread its load, is found too. Lookups over TLS (port 853) and HTTPS are not seen.",
        provoke: "A client that makes a new connection for each request, or `for i in $(seq 100); do curl -s http://NAME/; done`.",
        cured: "`dns.repeated_within_ttl` in the export is near 0.",
        advice: "Keep connections, which saves the lookups with them; or run a caching resolver on this machine.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let dns = &case.group.dns;
    case.needs(dns.queries, &LOOKUPS)?;
    let repeated = share(dns.repeated_within_ttl, dns.queries);
    if case.reached(dns.repeated_within_ttl as f64, &REPEATED)
        && case.reached(repeated, &REPEATED_SHARE)
    {
        let summary = format!(
            "{} of {} lookups asked for a name whose answer still held",
            number::count(dns.repeated_within_ttl),
            number::count(dns.queries)
        );
        return fault(case, dns.repeated_within_ttl, summary, Confidence::Measured);
    }
    match by_processes(case) {
        Some((processes, name)) => {
            let summary = format!(
                "{} processes looked up {name} {} times: each begins without an answer",
                number::count(processes),
                number::count(dns.queries)
            );
            let again = dns.queries - dns.queries / processes.max(1);
            fault(case, again, summary, Confidence::Inferred)
        }
        None => CLEAR,
    }
}

/// Number of short processes that asked for the same name, and the name.
fn by_processes(case: &Case<'_>) -> Option<(u64, String)> {
    let Subject::All = case.subject else {
        return None;
    };
    let processes = case.snapshot.processes.iter();
    let asked = processes.filter(|process| (1..=EACH).contains(&process.group.dns.queries));
    let count = asked.count() as u64;
    let top = case.snapshot.dns_names.first()?;
    let is_shared = top.queries >= count && 2 * top.queries >= case.group.dns.queries;
    (case.reached(count as f64, &PROCESSES) && is_shared).then(|| (count, top.name.to_string()))
}

fn fault(case: &Case<'_>, again: u64, summary: String, confidence: Confidence) -> Judgement {
    let dns = &case.group.dns;
    let each_ns = mean_ns(&case.group.phases.dns);
    let basis = format!(
        "{} lookups of {} would not have been made",
        number::count(again),
        number::time(each_ns)
    );
    found(Fault {
        severity: Severity::Warning,
        summary: format!("{summary} ({})", percent(share(again, dns.queries))),
        evidence: vec![
            Evidence::count("lookups", dns.queries),
            Evidence::count("repeated_lookups", again),
            Evidence::time("lookup_mean", each_ns),
        ],
        samples: dns.queries,
        confidence,
        saves: Saves::of(again, each_ns, case.group.requests.count, basis),
        proposal: Proposal::default(),
        remedy: None,
        events: again,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::figures::NameFigures;
    use crate::finding::{
        rule::Rule,
        tests::fixture::{Look, process},
    };
    use crate::{group::Group, snapshot::Snapshot};

    const LOOK: Look = Look::of(Rule::DnsNotCached);

    fn lookups(queries: u64, repeated: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.dns.queries = queries;
            group.dns.answered = queries;
            group.dns.repeated_within_ttl = repeated;
            (0..queries).for_each(|_| group.phases.dns.record(10_000_000));
        }
    }

    #[test]
    fn limits() {
        LOOK.not(lookups(19, 19), "19 lookups: 20 are needed");
        LOOK.found(
            lookups(66, 20),
            "20 of 66 lookups asked for a name whose answer still held (30 %)",
        );
        LOOK.clear(lookups(60, 19));
        LOOK.clear(lookups(67, 20));
        LOOK.again().found(lookups(83, 20), "20 of 83");
        LOOK.again().clear(lookups(84, 20));
    }

    fn tree(processes: u32) -> impl Fn(&mut Snapshot) {
        move |snapshot| {
            let queries = 2 * u64::from(processes);
            let one = |pid| process(pid, "curl", lookups(2, 0));
            snapshot.processes = (0..processes).map(one).collect();
            let totals = std::sync::Arc::make_mut(&mut snapshot.totals);
            lookups(queries, 0)(totals);
            snapshot.dns_names = vec![NameFigures {
                name: "a.example".into(),
                queries,
                failures: 0,
                answered: Default::default(),
            }];
        }
    }

    #[test]
    fn a_loop_of_processes() {
        let finding = LOOK.found_in(tree(249), "249 processes looked up a.example 498 times");
        assert_eq!(finding.confidence, Confidence::Inferred);
        LOOK.found_in(tree(20), "20 processes");
        LOOK.clear_in(tree(19));
        LOOK.not_in(tree(8), "16 lookups: 20 are needed");
    }
}
