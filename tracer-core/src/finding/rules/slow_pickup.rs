//! Slow pickup: responses have arrived and wait for the application to read them.

use tracer_text::number;

use crate::finding::{
    case::{CLEAR, Case, found, median_ns, percent},
    page::{Definition, Page},
    subject::Kind,
    threshold::Threshold,
    verdict::{Confidence, Evidence, Fault, Judgement, Proposal, Saves, Severity},
};

const RESPONSES: Threshold = Threshold::count("responses", 50, "fewer say little about a median");
const WAIT: Threshold = Threshold::ms(
    "pickup_p50",
    10,
    "1 ms is noise on a busy machine; a median of ten times that is the client itself",
);
const FOR_A_CPU: Threshold = Threshold::percent(
    "pickup_cpu_ratio",
    50.0,
    "the larger part of the wait decides what helps",
);
/// Least number of waits of which the part for a CPU is known.
const MEASURED: u64 = 10;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process],
    thresholds: &[RESPONSES, WAIT, FOR_A_CPU],
    page: Page {
        what: "Data of responses lies ready in the socket, and the client does not read it: it is busy with something else (parsing, garbage collection, a blocked event loop), or its threads wait for a CPU.",
        cost: "The client adds this time to every response, and the server looks slow although it is not.",
        told: "The median time from data ready in the socket until the application reads it. For reads that were late, the part in which the thread was ready to run and waited for a CPU is measured apart.",
        doubts: "A client that holds back on purpose (a limit of its own rate while it reads a large body) looks the same.",
        provoke: "An asyncio client that parses each page for 20 ms in its event loop, with 50 requests at once.",
        cured: "`phases.pickup.p50_ns` in the export is below 1 ms.",
        advice: "If the threads wait for a CPU: give the client more of them, or take other work off the machine. If the client is busy itself: move parsing out of the threads that read.",
    },
    judge,
};

/// Advice when threads wait for a CPU.
const WITHOUT_A_CPU: &str = "Give the client more processors: raise its limit (cgroup, container), or take other work off the machine. Fewer threads than processors help a client that has many.";

fn judge(case: &Case<'_>) -> Judgement {
    let pickup = &case.group.phases.pickup;
    case.needs(pickup.count(), &RESPONSES)?;
    let median = median_ns(pickup);
    if !case.reached(median, &WAIT) {
        return CLEAR;
    }
    let requests = &case.group.requests;
    let is_known = requests.slow_pickups_measured >= MEASURED;
    let for_a_cpu = requests.pickup_cpu_ratio().filter(|_| is_known);
    let why = match for_a_cpu {
        Some(part) if part >= FOR_A_CPU.value => {
            format!(
                ": {} of that time its threads waited for a CPU",
                percent(part)
            )
        }
        Some(part) => format!(
            ": the client is busy itself, its threads waited for a CPU {} of that time",
            percent(part)
        ),
        None => String::new(),
    };
    let basis = format!(
        "{} responses would have been read at once",
        number::count(pickup.count())
    );
    let mean_ns = pickup.sum_ns() / pickup.count() as f64;
    found(Fault {
        severity: Severity::Warning,
        summary: format!(
            "responses lie ready for {} before the client reads them, the median of {}{why}",
            number::time(median),
            number::count(pickup.count())
        ),
        evidence: vec![
            Evidence::time("pickup_p50", median),
            Evidence::time("pickup_p90", pickup.quantile(0.9).unwrap_or(0) as f64),
            Evidence::count("responses", pickup.count()),
            Evidence::count("slow_pickups", requests.slow_pickups),
            Evidence::share("pickup_cpu_ratio", for_a_cpu.unwrap_or(0.0)),
        ],
        samples: pickup.count(),
        confidence: Confidence::Measured,
        saves: Saves::of(pickup.count(), mean_ns, requests.count, basis),
        proposal: Proposal::default(),
        remedy: for_a_cpu
            .filter(|&part| part >= FOR_A_CPU.value)
            .map(|_| WITHOUT_A_CPU),
        events: requests.slow_pickups,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};
    use crate::group::Group;

    const LOOK: Look = Look::of(Rule::SlowPickup);

    fn waits(count: u64, each_us: u64, for_a_cpu_us: u64) -> impl Fn(&mut Group) {
        move |group| {
            group.requests.count = count;
            for _ in 0..count {
                group.phases.pickup.record(each_us * 1000);
                group.requests.pick_up(each_us * 1000, for_a_cpu_us * 1000);
            }
        }
    }

    #[test]
    fn limits() {
        LOOK.not(waits(49, 20_000, 0), "49 responses: 50 are needed");
        LOOK.found(waits(50, 10_000, 0), "responses lie ready for 10.0 ms");
        LOOK.clear(waits(50, 9_980, 0));
        LOOK.again().found(waits(50, 8_100, 0), "8.1");
        LOOK.again().clear(waits(50, 7_900, 0));
    }

    #[test]
    fn busy_or_without_a_cpu() {
        LOOK.found(
            waits(50, 20_000, 12_000),
            ": 60 % of that time its threads waited for a CPU",
        );
        LOOK.found(
            waits(50, 20_000, 4_000),
            ": the client is busy itself, its threads waited for a CPU 20 % of that time",
        );
    }
}
