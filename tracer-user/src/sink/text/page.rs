//! Phases of a page, with the time of each that could have been avoided.

use std::fmt::Write;

use tracer_core::{
    cost::{Cost, Part, needless_connections},
    group::{Group, Requests},
    phase::Phase,
    snapshot::Snapshot,
};
use tracer_text::number;

use super::{
    lines::{self, count},
    tables::Paint,
};

/// Adds the sentences and the table.
pub(super) fn page(text: &mut String, snapshot: &Snapshot, paint: &Paint) {
    let group = &snapshot.totals;
    let cost = Cost::of(group, needless_connections(snapshot));
    text.push('\n');
    if let Some(cost) = &cost {
        sentences(text, cost, &group.requests, paint);
    }
    table(text, group, cost.as_ref(), paint);
}

fn sentences(text: &mut String, cost: &Cost, requests: &Requests, paint: &Paint) {
    let avoidable = cost.avoidable();
    let head = format!("A page takes {}", number::time(cost.total_ns()));
    let share = match avoidable < 0.01 {
        true => "none of it avoidable".to_owned(),
        false => format!("{} of it avoidable", percent(avoidable)),
    };
    let _ = writeln!(text, "{}", paint.bold(&format!("{head}, {share}")));
    for (share, cause) in cost.causes() {
        lines::words(text, "  ", 4, &format!("{} {cause}", percent(share)));
    }
    if requests.slow_pickups != 0 {
        lines::words(text, "  ", 4, &slow_reads(requests));
    }
}

/// Sentence about the answers that waited for the client.
fn slow_reads(requests: &Requests) -> String {
    let slow = format!(
        "slow reads: {} of {}, 1 ms or more",
        number::count(requests.slow_pickups),
        number::count(requests.count.max(requests.slow_pickups))
    );
    match requests.pickup_cpu_ratio() {
        None => slow,
        Some(ratio) => {
            let who = match ratio >= 0.5 {
                true => "the machine is busy",
                false => "the crawler is busy with something else",
            };
            let share = percent(ratio);
            format!("{slow}; {share} of that wait was for a CPU: {who}")
        }
    }
}

fn table(text: &mut String, group: &Group, cost: Option<&Cost>, paint: &Paint) {
    let header = format!(
        "{:<14}{:>9}{:>10}{:>11}{:>9}{:>9}{:>9}{:>9}",
        "phase", "count", "a page", "avoidable", "p50", "p90", "p99", "max"
    );
    let _ = writeln!(text, "{}", paint.bold(&header));
    for phase in Phase::IN_SUMMARY {
        let s = group.phases.get(phase).summary();
        if s.count == 0 {
            continue;
        }
        let (each, avoidable) = match cost {
            Some(cost) => each(group, cost, phase),
            None => Default::default(),
        };
        let time = |ns: u64| number::time(ns as f64);
        let _ = writeln!(
            text,
            "{:<14}{:>9}{:>10}{:>11}{:>9}{:>9}{:>9}{:>9}",
            phase.title(),
            count(s.count, 9),
            each,
            avoidable,
            time(s.p50_ns),
            time(s.p90_ns),
            time(s.p99_ns),
            time(s.max_ns)
        );
    }
}

/// Time that a page spends in a phase, and the avoidable part of it; nothing for phases that are no part of a page.
fn each(group: &Group, cost: &Cost, phase: Phase) -> (String, String) {
    let Some(part) = Part::of(phase) else {
        return Default::default();
    };
    let spent_ns = group.phases.get(phase).sum_ns() / group.requests.count.max(1) as f64;
    let avoidable_ns = match cost.spent_ns(part) > 0.0 {
        true => spent_ns * cost.avoidable_ns(part) / cost.spent_ns(part),
        false => 0.0,
    };
    let avoidable = match avoidable_ns < 1.0 {
        true => String::new(),
        false => number::time(avoidable_ns),
    };
    (number::time(spent_ns), avoidable)
}

/// A share of 1 in text, with a blank before the sign.
pub(super) fn percent(ratio: f64) -> String {
    number::share(ratio).replace('%', " %")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn slow_reads_name_who_is_busy() {
        let mut requests = Requests {
            count: 2_674,
            slow_pickups: 801,
            ..Requests::default()
        };
        assert_eq!(
            slow_reads(&requests),
            "slow reads: 801 of 2,674, 1 ms or more"
        );
        (requests.slow_pickup_ns, requests.slow_pickup_run_queue_ns) = (100, 93);
        let expected = "slow reads: 801 of 2,674, 1 ms or more; 93 % of that wait was for a CPU: the machine is busy";
        assert_eq!(slow_reads(&requests), expected);
    }

    #[test]
    fn a_crawler_that_reads_late() {
        let mut snapshot = Snapshot::default();
        let totals = Arc::make_mut(&mut snapshot.totals);
        totals.requests.count = 82;
        totals.phases.ttfb.record_n(24_000_000, 82);
        totals.phases.ttfb_first.record_n(24_000_000, 82);
        totals.phases.pickup.record_n(1_080_000_000, 82);
        let mut text = String::new();
        page(&mut text, &snapshot, &Paint::new(false));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "A page takes 1.10 s, 98 % of it avoidable");
        assert_eq!(lines[2], "  98 % slow reads, unread for 1.08 s");
        let pickup = lines.last().unwrap();
        assert!(pickup.contains("1.08 s     1.08 s"), "{text}");
    }
}
