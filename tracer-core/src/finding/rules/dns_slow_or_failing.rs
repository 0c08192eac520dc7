//! DNS slow or failing: lookups take long, get no answer, or end at names that do not exist.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, mean_ns, median_ns, percent, share},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const LOOKUPS: Threshold = Threshold::count("lookups", 20, "fewer say little about a resolver");
const SLOW: Threshold = Threshold::ms(
    "lookup_p50",
    100,
    "a resolver with a warm cache answers within a few ms, one that has to ask around the world within 100",
);
const FAILED: Threshold = Threshold::percent(
    "failed_ratio",
    5.0,
    "each one delays a request by seconds, the timeout of the resolver library",
);
const FAILED_COUNT: Threshold =
    Threshold::count("failed_lookups", 5, "one lost packet is no fault");
const NO_SUCH_NAME: Threshold = Threshold::percent(
    "nxdomain_ratio",
    50.0,
    "with a search list of one domain and ndots:5, half of the lookups are for names that do not exist",
);

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process],
    thresholds: &[LOOKUPS, SLOW, FAILED_COUNT, FAILED, NO_SUCH_NAME],
    page: Page {
        what: "Lookups take long, stay without an answer, or most of them are for names that do not exist, because the resolver library tries the search domains of /etc/resolv.conf first (ndots:5, as in Kubernetes).",
        cost: "Each new connection waits for its lookup. A query without an answer is sent again after seconds (5 s is the default of glibc). Search domains multiply the number of lookups.",
        told: "Three signs, each apart: many answers NXDOMAIN while others succeed, queries without an answer or with SERVFAIL, and the median time of answered lookups.",
        doubts: "A crawler that is given names which do not exist has many NXDOMAIN, with reason: `dns_names` in the export tells which. Lookups over TLS and HTTPS are not seen.",
        provoke: "`options ndots:5` and `search a.example b.example` in /etc/resolv.conf; or `tracer-testbed dns` with a delay.",
        cured: "`phases.dns.p50_ns` and `dns.failed` in the export fall.",
        advice: "Run a caching resolver on this machine, and name two in its configuration. Where search domains are tried, write names with a dot at the end, or set `options ndots:1`.",
    },
    judge,
};

fn judge(case: &Case<'_>) -> Judgement {
    let dns = &case.group.dns;
    case.needs(dns.queries, &LOOKUPS)?;
    let unanswered = dns.failed.timeout + dns.failed.servfail;
    let phases = &case.group.phases;
    let median = median_ns(&phases.dns);
    if case.reached(unanswered as f64, &FAILED_COUNT)
        && case.reached(share(unanswered, dns.queries), &FAILED)
    {
        let summary = format!(
            "{} of {} lookups got no answer or SERVFAIL ({})",
            number::count(unanswered),
            number::count(dns.queries),
            percent(share(unanswered, dns.queries))
        );
        return fault(
            case,
            Severity::Critical,
            summary,
            unanswered,
            mean_ns(&phases.dns_failed),
        );
    }
    if dns.answered != 0 && case.reached(share(dns.failed.nxdomain, dns.queries), &NO_SUCH_NAME) {
        let summary = format!(
            "{} of {} lookups were for names that do not exist: the resolver tries search domains first",
            number::count(dns.failed.nxdomain),
            number::count(dns.queries)
        );
        let each_ns = mean_ns(&phases.dns_failed);
        return fault(
            case,
            Severity::Warning,
            summary,
            dns.failed.nxdomain,
            each_ns,
        );
    }
    if case.reached(median, &SLOW) {
        let summary = format!(
            "a lookup takes {}, the median of {}",
            number::time(median),
            number::count(phases.dns.count())
        );
        return fault(
            case,
            Severity::Warning,
            summary,
            phases.dns.count(),
            mean_ns(&phases.dns),
        );
    }
    CLEAR
}

/// Advice for lookups of names that do not exist.
const SEARCH_DOMAINS: &str = "Write names with a dot at the end, or set `options ndots:1` in /etc/resolv.conf, so that search domains are not tried first. In Kubernetes that is the pod's dnsConfig.";

fn fault(
    case: &Case<'_>,
    severity: Severity,
    summary: String,
    count: u64,
    each_ns: f64,
) -> Judgement {
    let dns = &case.group.dns;
    let basis = format!(
        "{} lookups of {} would have been answered at once",
        number::count(count),
        number::time(each_ns)
    );
    found(Fault {
        severity,
        summary,
        evidence: vec![
            Evidence::count("lookups", dns.queries),
            Evidence::count("nxdomain", dns.failed.nxdomain),
            Evidence::count("unanswered", dns.failed.timeout),
            Evidence::count("servfail", dns.failed.servfail),
            Evidence::count("queries_sent_again", dns.retries),
            Evidence::time("lookup_p50", median_ns(&case.group.phases.dns)),
        ],
        samples: dns.queries,
        confidence: Confidence::Measured,
        saves: Saves::of(count, each_ns, case.group.requests.count, basis),
        proposal: Proposal::default(),
        remedy: (severity == Severity::Warning && count == dns.failed.nxdomain)
            .then_some(SEARCH_DOMAINS),
        events: count,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::DnsSlowOrFailing);

    fn lookups(queries: u64, each_ms: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.dns.queries = queries;
            group.dns.answered = queries;
            (0..queries).for_each(|_| group.phases.dns.record(each_ms * 1_000_000));
        }
    }

    #[test]
    fn slow_ones() {
        LOOK.not(lookups(19, 500), "19 lookups: 20 are needed");
        LOOK.found(lookups(20, 100), "a lookup takes 100 ms, the median of 20");
        LOOK.clear(lookups(20, 99));
        LOOK.again().found(lookups(20, 81), "81");
        LOOK.again().clear(lookups(20, 79));
    }

    #[test]
    fn unanswered_ones() {
        let failing = |timeout: u64, queries: u64| {
            move |group: &mut Group| {
                lookups(queries, 1)(group);
                group.dns.failed.timeout = timeout;
                (0..timeout).for_each(|_| group.phases.dns_failed.record(5_000_000_000));
            }
        };
        let finding = LOOK.found(failing(5, 100), "5 of 100 lookups got no answer");
        assert!(finding.saves.unwrap().total_ns > 24e9);
        LOOK.clear(failing(4, 50));
        LOOK.clear(failing(5, 101));
    }

    #[test]
    fn search_domains() {
        let storm = |nxdomain: u64| {
            move |group: &mut Group| {
                lookups(100, 1)(group);
                group.dns.failed.nxdomain = nxdomain;
            }
        };
        LOOK.found(
            storm(50),
            "50 of 100 lookups were for names that do not exist",
        );
        LOOK.clear(storm(49));
    }
}
