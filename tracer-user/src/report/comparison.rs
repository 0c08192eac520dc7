//! Sections about two exports: every figure with its change, findings, time of a request, histograms, hosts.

use maud::{Markup, html};
use tracer_export::{Export, Histogram, Host, Phase};

use super::{
    cell::{cell, count, more, name, numbers, share, table, time, words},
    chart, cost,
    frame::Section,
    samples::Samples,
};
use crate::diff::{Comparison, Row};

/// Limit of the hosts that are listed.
const HOSTS: usize = 50;

/// Sections in their order.
pub(super) fn sections(comparison: &Comparison) -> Vec<Section> {
    let [a, b] = comparison.exports();
    let samples = [Samples::of(a), Samples::of(b)];
    let names = comparison.names().each_ref().map(|it| name(it));
    let all = [
        ("change", "What changed", Some(changes(comparison, &names))),
        ("findings", "Findings of both", findings(comparison)),
        (
            "time",
            "Where the time goes in both",
            times(&names, [a, b], &samples),
        ),
        ("phases", "Phases of both", phases(&names, [a, b], &samples)),
        ("hosts", "Hosts of both", hosts(comparison, &names)),
    ];
    all.into_iter()
        .filter_map(|(id, title, body)| Some(Section::new("both-", id, title, body?)))
        .collect()
}

/// Headline and the table of all figures. Rows that are empty or zero on both sides are left out.
fn changes(comparison: &Comparison, names: &[String; 2]) -> Markup {
    let rows = shown(comparison.rows());
    html! {
        p.lead { (comparison.headline_parts().join("; ")) }
        div.scroll role="group" aria-label="Every figure of both" tabindex="0" {
            table {
                caption { "Every figure of both, its change, and what the change means" }
                thead { tr {
                    th.text scope="col" { "figure" }
                    th scope="col" { (names[0]) }
                    th scope="col" { (names[1]) }
                    th scope="col" { "change" }
                    th.text scope="col" { "what it means" }
                } }
                tbody {
                    @for (row, begins_group) in rows { (change(row, begins_group)) }
                }
            }
        }
    }
}

/// Rows with something to show, and whether a group begins with them: its first row may have nothing to show.
fn shown(rows: &[Row]) -> Vec<(&Row, bool)> {
    let mut begins = false;
    let mut shown = Vec::new();
    for row in rows {
        begins |= row.begins_group;
        if !row.is_empty() {
            shown.push((row, std::mem::take(&mut begins)));
        }
    }
    shown
}

fn change(row: &Row, begins_group: bool) -> Markup {
    let word = match row.verdict() {
        1 => "better: ",
        -1 => "worse: ",
        _ => "",
    };
    html! {
        tr class=[begins_group.then_some("group")] {
            th scope="row" { (row.title) }
            td { (dashed(row.unit.print(row.a))) }
            td { (dashed(row.unit.print(row.b))) }
            td class=[class_of(row.verdict())] { (dashed(row.change().print())) }
            td.text { (word) (row.explanation()) }
        }
    }
}

/// Text of a figure with the dash of this page.
fn dashed(text: String) -> String {
    match text.as_str() {
        "-" => super::cell::ABSENT.to_owned(),
        _ => text,
    }
}

/// Faults that are gone, new or still there; None when there are none, or an export has no findings.
fn findings(comparison: &Comparison) -> Option<Markup> {
    let lines = comparison.finding_lines();
    (!lines.is_empty()).then(|| {
        html! {
            ul {
                @for (verdict, fate, line) in lines {
                    li { strong class=[class_of(verdict)] { (fate) } ": " (line) }
                }
            }
        }
    })
}

fn class_of(verdict: i8) -> Option<&'static str> {
    match verdict {
        1 => Some("good"),
        -1 => Some("bad"),
        _ => None,
    }
}

/// Bars of both on one scale; None when a request of neither is known.
fn times(names: &[String; 2], exports: [&Export; 2], samples: &[Samples; 2]) -> Option<Markup> {
    let sides = [0, 1].map(|at| cost::spent(exports[at], &samples[at]));
    let totals = sides.iter().flatten().map(|spent| spent.cost.total_ns());
    let longest = totals.reduce(f64::max)?;
    Some(html! {
        @for (name, spent) in names.iter().zip(&sides) {
            @if let Some(spent) = spent {
                h3 { (name) }
                p { (cost::headline(spent)) }
                (cost::bar(spent, longest, &format!("Time of a request by its parts: {name}")))
            } @else {
                h3 { (name) }
                p.dim { "No request is known." }
            }
        }
        p {
            @for part in tracer_core::cost::Part::ALL { (cost::named(part)) " " }
        }
    })
}

/// Histograms of the phases that either has samples of, both on one axis; None without any.
fn phases(names: &[String; 2], exports: [&Export; 2], samples: &[Samples; 2]) -> Option<Markup> {
    let [before, now] = samples;
    let plot = |phase: Phase| {
        let label = format!("Histograms of {}", phase.title());
        let chart = chart::histogram(&label, before.get(phase), now.get(phase))?;
        let caption = exports.map(|export| percentiles(export, phase));
        Some((phase, caption, chart))
    };
    let plots: Vec<_> = Phase::ON_SCREEN.into_iter().filter_map(plot).collect();
    (!plots.is_empty()).then(|| {
        html! {
            p {
                span class="swatch before" {} (names[0]) ", as a line; "
                span class="swatch now" {} (names[1]) ", as bars. Heights are shares of the samples."
            }
            div.plots {
                @for (phase, [a, b], chart) in plots {
                    figure {
                        figcaption {
                            strong { (phase.title()) }
                            div.dim { (names[0]) ": " (a) }
                            div.dim { (names[1]) ": " (b) }
                        }
                        (chart)
                    }
                }
            }
        }
    })
}

fn percentiles(export: &Export, phase: Phase) -> String {
    let Some(of) = export.phase(phase).and_then(Histogram::measured) else {
        return "no sample".to_owned();
    };
    format!(
        "{} samples, p50 {}, p99 {}",
        count(of.count),
        time(of.p50_ns),
        time(of.p99_ns)
    )
}

/// Table of the hosts of both, those with the most requests first; None without any.
fn hosts(comparison: &Comparison, names: &[String; 2]) -> Option<Markup> {
    let pairs = comparison.hosts();
    let columns = [
        words("host"),
        numbers("requests"),
        numbers("reuse"),
        numbers("ttfb p50"),
        numbers("ttfb p99"),
    ];
    let rows = pairs.iter().take(HOSTS).map(|((host, port), sides)| {
        let pair = |of: fn(&Host) -> String| {
            let of = |host: &Option<&Host>| host.map_or_else(|| count(None), of);
            cell(format!("{} → {}", of(&sides[0]), of(&sides[1])))
        };
        vec![
            html! { span.name { (name(host)) ":" (port) } },
            pair(|host| count(host.group.requests.count)),
            pair(|host| share(host.group.requests.reuse_ratio)),
            pair(|host| time(first_byte(host).and_then(|it| it.p50_ns))),
            pair(|host| time(first_byte(host).and_then(|it| it.p99_ns))),
        ]
    });
    let rows: Vec<Vec<Markup>> = rows.collect();
    let caption = format!(
        "Hosts of {} → {}, those with the most requests first",
        names[0], names[1]
    );
    (!rows.is_empty()).then(|| {
        html! {
            (table(&caption, &columns, &rows))
            (more(pairs.len(), HOSTS))
        }
    })
}

fn first_byte(host: &Host) -> Option<&Histogram> {
    host.group.phases.get(Phase::Ttfb)?.measured()
}
