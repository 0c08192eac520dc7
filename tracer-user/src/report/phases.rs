//! Percentiles and histograms of each phase of the totals.

use maud::{Markup, html};
use tracer_export::{Export, Histogram, Phase};

use super::{
    cell::{cell, count, numbers, table, time, words},
    chart,
    samples::Samples,
};

/// Table and charts. Phases without samples, and those that were not measured, are named below.
pub(super) fn body(export: &Export, samples: &Samples) -> Option<Markup> {
    let measured = |phase: &Phase| export.phase(*phase).and_then(Histogram::measured);
    let with_samples: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|it| measured(it).is_some())
        .collect();
    let (empty, unmeasured): (Vec<Phase>, Vec<Phase>) = Phase::ALL
        .into_iter()
        .filter(|it| measured(it).is_none())
        .partition(|it| export.phase(*it).is_some_and(|it| it.count.is_some()));
    let rows = with_samples.iter();
    let rows = rows.filter_map(|phase| Some(row(*phase, measured(phase)?)));
    let rows: Vec<Vec<Markup>> = rows.collect();
    Some(html! {
        @if !rows.is_empty() { (table("Percentiles of the durations of each phase", &COLUMNS, &rows)) }
        (list("Without a sample: ", &empty))
        (list("Not measured: ", &unmeasured))
        div.plots {
            @for phase in with_samples { (plot(phase, samples)) }
        }
    })
}

const COLUMNS: [super::cell::Column; 10] = [
    words("phase"),
    numbers("count"),
    numbers("mean"),
    numbers("p50"),
    numbers("p75"),
    numbers("p90"),
    numbers("p95"),
    numbers("p99"),
    numbers("p99.9"),
    numbers("max"),
];

fn row(phase: Phase, of: &Histogram) -> Vec<Markup> {
    let times = [
        of.mean_ns.map(|ns| ns as u64),
        of.p50_ns,
        of.p75_ns,
        of.p90_ns,
        of.p95_ns,
        of.p99_ns,
        of.p999_ns,
        of.max_ns,
    ];
    let head = [cell(phase.title()), cell(count(of.count))];
    let times = times.map(|ns| cell(time(ns)));
    head.into_iter().chain(times).collect()
}

fn list(head: &str, phases: &[Phase]) -> Markup {
    let titles: Vec<&str> = phases.iter().map(|phase| phase.title()).collect();
    html! {
        @if !titles.is_empty() { p.dim { (head) (titles.join(", ")) "." } }
    }
}

fn plot(phase: Phase, samples: &Samples) -> Markup {
    let label = format!("Histogram of {}", phase.title());
    let chart = chart::histogram(&label, None, samples.get(phase));
    html! {
        figure {
            figcaption {
                strong { (phase.title()) }
                div.dim { (phase.from()) " until " (phase.to()) }
            }
            @if let Some(chart) = chart {
                (chart)
            } @else {
                p.dim { "The histogram of this phase cannot be read." }
            }
        }
    }
}
