//! The first lines of the summary: how much was done, how fast, and whether any of it failed or is missing here.

use std::fmt::Write;

use tracer_core::snapshot::{Events, Snapshot};
use tracer_text::{columns::shorten, number, printable::printable};

use super::{
    lines::{self, named, number_of},
    tables::Paint,
};

/// Most columns that the target takes, so that the verdict has room on the same line.
const TARGET: usize = 24;

/// Adds the verdict; `duration_ns` is the length of the trace.
pub(super) fn verdict(
    text: &mut String,
    snapshot: &Snapshot,
    target: &str,
    duration_ns: u64,
    paint: &Paint,
) {
    let totals = &snapshot.totals;
    let requests = &totals.requests;
    let target = shorten(&printable(target), TARGET);
    let mut pieces = vec![format!(
        "{} in {}",
        number_of(requests.count, "request", "requests"),
        number::time(duration_ns as f64)
    )];
    if let Some(rate) = rate(requests.count, duration_ns) {
        pieces.push(rate);
        let most = requests.in_flight.peak().max(requests.in_flight_now);
        pieces.push(format!("at most {} at once", number::count(most)));
    }
    pieces.push(match totals.failures() {
        0 => "none failed".to_owned(),
        count => number_of(count, "failure", "failures"),
    });
    if snapshot.events.losses() == 0 {
        pieces.push(format!("nothing lost{}", totals_only(snapshot)));
    }
    let mut head = String::new();
    lines::pieces(&mut head, &format!("{target}: "), 2, &pieces);
    text.push_str(&match target.is_empty() {
        true => head,
        false => head.replacen(&target, &paint.bold(&target), 1),
    });
    for loss in losses(&snapshot.events) {
        let mut line = String::new();
        lines::words(&mut line, "LOST ", 5, &loss);
        let _ = write!(text, "{}{}", paint.alarm("LOST"), &line["LOST".len()..]);
    }
}

/// Requests per second; None without a request.
pub(super) fn rate(requests: u64, duration_ns: u64) -> Option<String> {
    let rate = requests as f64 * 1e9 / duration_ns.max(1) as f64;
    (requests != 0).then(|| match rate {
        rate if rate < 100.0 => format!("{rate:.1}/s"),
        rate => format!("{}/s", number::count(rate.round() as u64)),
    })
}

/// A sentence for each kind of loss: what is missing, and which figures are too small by it.
fn losses(events: &Events) -> Vec<String> {
    let all = [
        (
            events.lost,
            "records: every count may be too small by that much",
        ),
        (
            events.undecodable,
            "undecodable records: every count may be too small by that much",
        ),
        (
            events.map_full,
            "sockets or processes not traced (map full): their connections and requests are missing",
        ),
        (
            events.evicted,
            "connections evicted: their requests and closes are missing from then on",
        ),
        (
            events.not_recorded,
            "entries not recorded: every count may be too small by that much",
        ),
        (
            events.negative_durations,
            "durations that end before they begin: the counts of phases are too small by that much",
        ),
    ];
    named(&all)
}

/// Remark on connections and records that are counted in the totals but in no host or process.
fn totals_only(snapshot: &Snapshot) -> String {
    let parts = named(&[
        (snapshot.events.overflowed, "records"),
        (snapshot.hosts_folded, "hosts"),
        (snapshot.processes_folded, "processes"),
    ]);
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({} in the totals only)", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(snapshot: &Snapshot) -> String {
        let mut text = String::new();
        let paint = Paint::new(false);
        verdict(&mut text, snapshot, "crawl.sh", 2_000_000_000, &paint);
        text
    }

    #[test]
    fn every_loss_is_named() {
        #[track_caller]
        fn check(change: fn(&mut Events), expected: &str) {
            let mut snapshot = Snapshot::default();
            change(&mut snapshot.events);
            let text = head(&snapshot);
            assert!(text.contains(expected), "{text}");
            assert_eq!(text.contains("nothing lost"), expected == "nothing lost");
        }
        check(|_| {}, "nothing lost");
        check(|events| events.overflowed = 3, "nothing lost");
        check(|events| events.lost = 2, "LOST 2 records: every count");
        check(|events| events.undecodable = 2, "LOST 2 undecodable");
        check(|events| events.map_full = 2, "LOST 2 sockets or processes");
        check(|events| events.not_recorded = 4, "LOST 4 entries not");
        check(|events| events.negative_durations = 5, "LOST 5 durations");
        check(
            |events| (events.evicted, events.negative_durations) = (1, 5),
            "LOST 1 connections evicted",
        );
    }

    #[test]
    fn how_much_and_how_fast() {
        let mut snapshot = Snapshot::default();
        let totals = std::sync::Arc::make_mut(&mut snapshot.totals);
        totals.requests.count = 2_674;
        totals.requests.in_flight_now = 12;
        let expected = "crawl.sh: 2,674 requests in 2.00 s, 1,337/s, at most 12 at once, none failed,\n  nothing lost\n";
        assert_eq!(head(&snapshot), expected);
    }
}
