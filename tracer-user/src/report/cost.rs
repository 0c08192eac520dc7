//! The time of a request by its parts, as the overview of the live screen shows it.

use maud::{Markup, html};
use tracer_core::cost::{Cost, Counts, Part};
use tracer_export::{Export, Host};
use tracer_text::number;

use super::{
    cell::{ABSENT, cell, numbers, share, table, words},
    samples::Samples,
};

/// Width of the bar in its own units.
const WIDTH: f64 = 1000.0;
/// Height of the bar.
const HEIGHT: f64 = 40.0;
/// Height of the strip that marks the avoidable time.
const STRIP: f64 = 12.0;

/// Mean time of a request.
pub(super) struct Spent {
    pub(super) cost: Cost,
    /// True if the export has all counts that tell what could have been avoided.
    pub(super) tells_avoidable: bool,
}

/// Mean time of a request of an export; None when no request is known.
pub(super) fn spent(export: &Export, samples: &Samples) -> Option<Spent> {
    let totals = &export.totals;
    let requests = totals.requests.count?;
    let counts = counts(export, requests);
    let known = counts.unwrap_or(Counts {
        requests,
        ..Counts::default()
    });
    let cost = Cost::new(known, |phase| samples.for_sums(export, phase))?;
    Some(Spent {
        cost,
        tells_avoidable: counts.is_some(),
    })
}

/// Counts of an export; None when it lacks one of them.
fn counts(export: &Export, requests: u64) -> Option<Counts> {
    let totals = &export.totals;
    let needless: Option<Vec<u64>> = export.hosts.iter().map(needless).collect();
    // The export has the ratio of both times and not the times; no more than their ratio is shown.
    let slow_ns = totals.requests.pickup_cpu_ratio.map_or(0, |_| SLOW_NS);
    let cpu_ratio = totals.requests.pickup_cpu_ratio.unwrap_or_default();
    Some(Counts {
        requests,
        connections: totals.requests.connections?,
        established: totals.connections.established?,
        needless: needless?.into_iter().fold(0, u64::saturating_add),
        lookups: totals.dns.answered?,
        repeated: totals.dns.repeated_within_ttl?,
        slow_ns,
        slow_cpu_ns: (cpu_ratio * SLOW_NS as f64) as u64,
    })
}

/// Any time, of which the ratio of two times is taken, ns.
const SLOW_NS: u64 = 1_000_000;

/// Connections of a host beyond the most that were open at once, as `tracer_core::cost` counts them.
fn needless(host: &Host) -> Option<u64> {
    let group = &host.group;
    let is_direct = host.via.as_ref().is_none_or(Vec::is_empty);
    if !is_direct && group.tunnels.opened == Some(0) {
        return Some(0);
    }
    let needed = group.connections.peak_open?.max(1);
    Some(group.requests.connections?.saturating_sub(needed))
}

/// Sentences, bar and table; None when no request is known.
pub(super) fn body(export: &Export, samples: &Samples) -> Option<Markup> {
    let spent = spent(export, samples)?;
    Some(html! {
        p.lead { (headline(&spent)) }
        (causes(&spent))
        (bar(&spent, spent.cost.total_ns(), "Time of a request by its parts"))
        (parts(&spent))
    })
}

/// Sentence about the time and its avoidable part.
pub(super) fn headline(spent: &Spent) -> String {
    let cost = &spent.cost;
    let head = format!("A request takes {}", number::time(cost.total_ns()));
    match (spent.tells_avoidable, cost.avoidable()) {
        (false, _) => format!("{head}; the export does not tell what of it is avoidable"),
        (true, avoidable) if avoidable < 0.01 => format!("{head}, none of it avoidable"),
        (true, avoidable) => format!("{head}, {} of it avoidable", share(Some(avoidable))),
    }
}

/// List of the causes of avoidable time.
fn causes(spent: &Spent) -> Markup {
    let causes = match spent.tells_avoidable {
        true => spent.cost.causes(),
        false => Vec::new(),
    };
    html! {
        @if !causes.is_empty() {
            ul {
                @for (part, cause) in causes { li { (share(Some(part))) ": " (cause) } }
            }
        }
    }
}

/// Bar whose segments are the parts; `scale_ns` is the time of its whole width. The strip at the bottom of a segment is
/// its avoidable part.
pub(super) fn bar(spent: &Spent, scale_ns: f64, label: &str) -> Markup {
    let width = |ns: f64| (ns / scale_ns * WIDTH).clamp(0.0, WIDTH);
    let mut at = 0.0;
    let mut segments = Vec::new();
    for part in Part::ALL {
        let wide = width(spent.cost.spent_ns(part));
        let avoidable = match spent.tells_avoidable {
            true => width(spent.cost.avoidable_ns(part)),
            false => 0.0,
        };
        if wide > 0.0 {
            segments.push((part, at, wide, avoidable));
        }
        at += wide;
    }
    html! {
        svg.stack viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (part, at, wide, avoidable) in segments {
                rect class=(part.name()) x=(rounded(at)) y="0" width=(rounded(wide)) height=(HEIGHT) {
                    title { (part.name()) " " (number::time(spent.cost.spent_ns(part))) }
                }
                @if avoidable > 0.0 {
                    rect.avoidable x=(rounded(at)) y=(HEIGHT - STRIP) width=(rounded(avoidable)) height=(STRIP) {}
                }
            }
        }
    }
}

fn rounded(value: f64) -> String {
    format!("{value:.2}")
}

/// Table of the parts, which is the legend of the bar, too.
fn parts(spent: &Spent) -> Markup {
    let columns = [
        words("part"),
        numbers("a request"),
        numbers("share"),
        numbers("avoidable"),
        words("from, to"),
    ];
    let cost = &spent.cost;
    let parts = Part::ALL.into_iter();
    let parts = parts.filter(|part| cost.spent_ns(*part) > 0.0);
    let rows: Vec<Vec<Markup>> = parts
        .map(|part| {
            let phase = part.phases()[0];
            vec![
                named(part),
                cell(number::time(cost.spent_ns(part))),
                cell(share(Some(cost.spent_ns(part) / cost.total_ns()))),
                cell(avoidable(spent, part)),
                cell(format!("{} until {}", phase.from(), phase.to())),
            ]
        })
        .collect();
    let caption = "Mean time of a request by its parts; the strip at the foot of the bar is what could have been avoided";
    table(caption, &columns, &rows)
}

/// Name of a part behind a square of its colour.
pub(super) fn named(part: Part) -> Markup {
    html! { span class={ "swatch " (part.name()) } {} (part.name()) }
}

/// Avoidable time of a part; nothing for one of which a client can avoid nothing.
fn avoidable(spent: &Spent, part: Part) -> String {
    match (spent.tells_avoidable, spent.cost.avoidable_ns(part)) {
        (false, _) => ABSENT.to_owned(),
        (true, ns) if ns < 1.0 => String::new(),
        (true, ns) => number::time(ns),
    }
}
