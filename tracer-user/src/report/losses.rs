//! Losses: records and figures that an export lacks.

use maud::{Markup, html};
use tracer_export::{Events, Export};
use tracer_text::number;

use super::cell::{count, figures, more, name};

/// Notice at the top of the page: nothing lost, something lost, or nothing said about it.
pub(super) fn banner(called: Option<&str>, export: &Export) -> Markup {
    let of = called.map_or(String::new(), |called| format!("{called}: "));
    let notes = notes(export);
    let (class, head) = match export.events.losses() {
        None => (
            "banner doubt",
            "The export does not say whether something was lost.".to_owned(),
        ),
        Some(0) => ("banner fine", "Nothing was lost.".to_owned()),
        Some(lost) => (
            "banner",
            format!(
                "{} records were lost: counts are too small.",
                number::count(lost)
            ),
        ),
    };
    html! {
        div class=(class) {
            p { strong { (of) (head) } }
            @if !notes.is_empty() {
                ul {
                    @for note in notes { li { (note) } }
                }
            }
        }
    }
}

/// Sentences about each kind of loss, and about figures that are in the totals alone.
fn notes(export: &Export) -> Vec<String> {
    let events = &export.events;
    let all = [
        (
            events.lost,
            "records found the ring buffer full, or their program was skipped, and are in no figure",
        ),
        (
            events.undecodable,
            "records had a wrong kind, version or length",
        ),
        (
            events.map_full,
            "sockets, processes and segments found a kernel map full",
        ),
        (
            events.evicted,
            "connections, lookups and names were dropped from full tables",
        ),
        (
            events.negative_durations,
            "durations end before they begin, and were left out",
        ),
        (
            events.overflowed,
            "records found the ring buffer full, and are in the totals only",
        ),
        (events.not_recorded, "entries are missing in the recording"),
        (
            export.hosts_folded,
            "hosts gave way to others, and are in the totals only",
        ),
        (
            export.processes_folded,
            "processes gave way to others, and are in the totals only",
        ),
        (
            export.proxies_folded,
            "proxies gave way to others, and are in the totals only",
        ),
        (
            export.dns_names_folded,
            "lookups were of names that found no place in the table",
        ),
    ];
    let some = all.into_iter().filter_map(|(figure, what)| {
        let figure = figure.filter(|figure| *figure > 0)?;
        Some(format!("{} {what}", number::count(figure)))
    });
    some.collect()
}

/// Numbers of records, and the counters of the kernel programs.
pub(super) fn records(export: &Export) -> Option<Markup> {
    let events = &export.events;
    Some(html! {
        div.lists {
            (figures("Records", &of_events(events)))
            (figures("Counters of the kernel programs", &counters(events)))
        }
        (parts(export))
    })
}

fn of_events(events: &Events) -> Vec<(&'static str, String)> {
    let all = [
        ("received", events.received),
        ("lost", events.lost),
        ("in the totals only", events.overflowed),
        ("not understood", events.undecodable),
        ("no room in a kernel map", events.map_full),
        ("dropped from full tables", events.evicted),
        ("of unknown connections", events.unmatched),
        ("missing in the recording", events.not_recorded),
        ("negative durations", events.negative_durations),
    ];
    all.map(|(what, figure)| (what, count(figure))).into()
}

fn counters(events: &Events) -> Vec<(String, String)> {
    let all = events.by_counter.iter();
    all.map(|(counter, figure)| (name(counter), count(Some(*figure))))
        .collect()
}

/// Parts of a merged export with what each has lost and found.
fn parts(export: &Export) -> Markup {
    let parts = export.merged.as_ref().map(|merged| merged.parts.as_slice());
    let parts = parts.unwrap_or_default();
    html! {
        @if !parts.is_empty() {
            h3 { "Parts" }
            ul {
                @for part in parts.iter().take(PARTS) {
                    li {
                        (name(&part.machine.hostname)) ", " (name(&part.window.started_at)) ": "
                        (count(part.received)) " records, " (count(part.lost)) " lost"
                        @for finding in &part.findings { ", " (name(&finding.id)) " (" (finding.severity) ")" }
                    }
                }
            }
            (more(parts.len(), PARTS))
        }
    }
}

/// Limit of the parts that are listed.
const PARTS: usize = 100;
