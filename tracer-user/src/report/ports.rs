//! TIME_WAIT and the use of local ports.

use maud::{Markup, html};
use tracer_export::{Destination, Export, TimeWait};

use super::cell::{cell, count, figures, more, name, numbers, share, table, words};

/// Limit of the destinations that are listed.
const SHOWN: usize = 30;
/// Share of the ports from which on a meter is red: connects begin to fail when all are in use.
const NEARLY_ALL: f64 = 0.8;

/// Counts, and the destinations with the most ports in use.
pub(super) fn body(export: &Export) -> Option<Markup> {
    let of = &export.time_wait;
    let columns = [
        words("toward"),
        words("from"),
        numbers("TIME_WAIT"),
        numbers("ports used"),
        words("share of the range"),
    ];
    let shown = of.destinations.iter().take(SHOWN);
    let rows: Vec<Vec<Markup>> = shown.map(row).collect();
    Some(html! {
        div.lists { (figures("TIME_WAIT", &counts(of))) }
        @if !rows.is_empty() {
            (table("Destinations with the most local ports in use, whoever made the connections", &columns, &rows))
            (more(of.destinations.len(), SHOWN))
        }
    })
}

fn counts(of: &TimeWait) -> Vec<(&'static str, String)> {
    let mut lines: Vec<_> = [
        ("entered", of.entered),
        ("at the end", of.current),
        ("at once, at most", of.peak),
        ("in it at the start, whoever made them", of.at_start),
    ]
    .map(|(what, figure)| (what, count(figure)))
    .into();
    let range = of.port_range.map(|[low, high]| format!("{low} to {high}"));
    lines.push(("local ports", range.unwrap_or_else(|| count(None))));
    let rare = [
        ("may still enter it", of.orphans_now),
        ("gone before a listing", of.orphans_lost),
        ("namespaces not listed", of.namespaces_unseen),
    ];
    let some = rare
        .into_iter()
        .filter(|(_, figure)| figure.is_some_and(|it| it > 0));
    lines.extend(some.map(|(what, figure)| (what, count(figure))));
    lines
}

fn row(of: &Destination) -> Vec<Markup> {
    let toward = format!("{}:{}", name(&of.address), of.port);
    vec![
        html! { span.name { (toward) } },
        html! { span.name { (name(&of.source)) } },
        cell(count(of.time_wait)),
        cell(count(of.ports_used)),
        meter(of.ports_used_ratio),
    ]
}

fn meter(ratio: Option<f64>) -> Markup {
    let Some(ratio) = ratio else {
        return cell(share(None));
    };
    let class = match ratio >= NEARLY_ALL {
        true => "full",
        false => "used",
    };
    let wide = format!("{:.1}", (ratio * 100.0).clamp(0.0, 100.0));
    html! {
        svg.meter viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.room x="0" y="0" width="100" height="10" {}
            rect class=(class) x="0" y="0" width=(wide) height="10" {}
        }
        (share(Some(ratio)))
    }
}
