//! The course of the totals over time.

use maud::{Markup, html};
use tracer_export::{Phase, Samples, Series};
use tracer_text::number;

use super::chart;

/// Values of a chart.
struct Course {
    title: String,
    values: Vec<Option<f64>>,
    print: fn(f64) -> String,
}

/// A chart for each list of the series; None without one.
pub(super) fn body(series: &Series) -> Option<Markup> {
    let interval_ns = series.interval_ns.filter(|ns| *ns > 0)? as f64;
    let plots = courses(series, interval_ns / 1e9).into_iter();
    let plots = plots.filter_map(
        |Course {
             title,
             values,
             print,
         }| {
            let end = number::time(values.len() as f64 * interval_ns);
            let chart = chart::line(&format!("Course of {title}"), &values, print, &end)?;
            Some((title, chart))
        },
    );
    let plots: Vec<(String, Markup)> = plots.collect();
    if plots.is_empty() {
        return None;
    }
    Some(html! {
        p.dim { "One point for each " (number::time(interval_ns)) "; the number at the upper left is the largest value. Where nothing was measured the line is broken." }
        div.plots {
            @for (title, chart) in plots {
                figure { figcaption { strong { (title) } } (chart) }
            }
        }
    })
}

/// Lists that the series has; an interval takes so many seconds.
fn courses(series: &Series, seconds: f64) -> Vec<Course> {
    let rates = [
        ("requests a second", &series.requests),
        ("connects a second", &series.connections_opened),
        ("records a second", &series.events),
    ];
    let levels = [
        ("connections open", &series.open),
        ("in TIME_WAIT", &series.time_wait),
    ];
    let rates = rates.map(|(title, list)| course(title, list.as_ref(), 1.0 / seconds, a_second));
    let levels = levels.map(|(title, list)| course(title, list.as_ref(), 1.0, a_count));
    let percentiles = Phase::ALL.map(|phase| {
        let title = format!("{} p99", phase.title());
        course(&title, series.p99.get(phase), 1.0, number::time)
    });
    let all = rates.into_iter().chain(levels).chain(percentiles);
    all.flatten().collect()
}

/// Course of a list, each value times a factor.
fn course(
    title: &str,
    list: Option<&Samples>,
    factor: f64,
    print: fn(f64) -> String,
) -> Option<Course> {
    let values = list?.iter().map(|it| it.map(|it| it as f64 * factor));
    Some(Course {
        title: title.to_owned(),
        values: values.collect(),
        print,
    })
}

fn a_second(value: f64) -> String {
    match value {
        value if value < 100.0 => format!("{value:.1} /s"),
        value => format!("{} /s", a_count(value)),
    }
}

fn a_count(value: f64) -> String {
    number::count(value.round() as u64)
}
