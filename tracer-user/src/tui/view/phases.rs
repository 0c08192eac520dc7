//! The table of phases: counts, percentiles, and a plot of each.

use tracer_core::{latency::Latency, phase::Phase, series::Series};

use tracer_text::number;

use super::{canvas::Canvas, table::figure};
use crate::tui::{
    model::{
        figure::{Figure, Pair},
        layout::Area,
        phases::first,
    },
    theme::Role,
};

/// Columns of the name and of each figure.
const NAME: u16 = 12;
const WIDE: u16 = 8;
/// Least columns of a plot; a narrower one is left out.
const LEAST_SIDE: u16 = 8;

/// Plot at the right of each phase.
pub(super) enum Side<'a> {
    /// The 99th percentile over time.
    Trend(&'a Series),
    /// All samples on a logarithmic scale.
    Shape,
}

const HEADS: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// Draws the heads and rows.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    area: Area,
    pair: &Pair<'_>,
    chosen: usize,
    side: &Side<'_>,
    marked: bool,
) {
    let columns = columns(area.width, marked);
    heads(canvas, area.top(1), &columns, side);
    let first = first(area.height, chosen);
    for (at, phase) in Phase::ON_SCREEN.into_iter().enumerate().skip(first) {
        let line = area.below(1 + (at - first) as u16).top(1);
        if line.height == 0 {
            break;
        }
        row(canvas, line, pair, phase, &columns, side);
        if at == chosen {
            canvas.select(line.left(NAME));
        }
    }
}

/// Places of the figures, by their index in [`HEADS`]; None is the count.
struct Columns {
    figures: Vec<(Option<usize>, u16, u16)>,
    /// First column of the plot.
    side: u16,
}

fn columns(width: u16, marked: bool) -> Columns {
    let wide = if marked { WIDE + 6 } else { WIDE };
    // The most important first; those that do not fit are left out.
    let wanted = [Some(0), Some(2), None, Some(1), Some(3)];
    let fits = usize::from(width.saturating_sub(NAME) / wide).min(wanted.len());
    let mut chosen = wanted[..fits].to_vec();
    chosen.sort_unstable();
    let place = |(at, which): (usize, Option<usize>)| (which, NAME + wide * at as u16, wide);
    Columns {
        figures: chosen.into_iter().enumerate().map(place).collect(),
        side: NAME + wide * fits as u16 + 2,
    }
}

fn heads(canvas: &mut Canvas<'_>, line: Area, columns: &Columns, side: &Side<'_>) {
    canvas.put(line.left(NAME), "phase", Role::Head);
    for &(which, x, wide) in &columns.figures {
        let head = which.map_or("count", |at| HEADS[at].0);
        canvas.put_right(line.right_of(x).left(wide), head, Role::Head);
    }
    let place = line.right_of(columns.side);
    if place.width < LEAST_SIDE {
        return;
    }
    match side {
        Side::Trend(series) => {
            let shown = u64::from(place.width).min(series.points.len() as u64);
            let span = number::short_time(shown * series.interval_ns);
            let text = match shown {
                0 => "p99 over time".to_owned(),
                _ => format!("p99, last {span}"),
            };
            canvas.put(place, &text, Role::Head);
        }
        Side::Shape => {
            canvas.put(place, "from min to max, log scale", Role::Head);
        }
    }
}

fn row(
    canvas: &mut Canvas<'_>,
    line: Area,
    pair: &Pair<'_>,
    phase: Phase,
    columns: &Columns,
    side: &Side<'_>,
) {
    let window = pair.window(phase);
    let empty = window.is_empty();
    let role = if empty { Role::Dim } else { Role::Text };
    canvas.put(line.left(NAME), phase.title(), role);
    let shares = HEADS.map(|(_, share)| share);
    let now = window.quantiles(shares);
    let before = pair.before(phase);
    let old = before.and_then(|latency| latency.quantiles(shares));
    for &(which, x, wide) in &columns.figures {
        let place = line.right_of(x).left(wide);
        let value = match which {
            None => pair.count(|group| group.phases.get(phase).count()),
            Some(at) => Figure {
                before: old.map(|old| old[at] as f64),
                ..Figure::ns(now.map(|now| now[at]))
            },
        };
        if empty {
            canvas.put_right(place, "-", Role::Dim);
        } else {
            figure(canvas, place, &value, before.is_some());
        }
    }
    let place = line.right_of(columns.side);
    if place.width < LEAST_SIDE {
        return;
    }
    match side {
        Side::Trend(series) => trend(canvas, place, series, phase),
        Side::Shape => shape(canvas, place, &window),
    }
}

fn trend(canvas: &mut Canvas<'_>, place: Area, series: &Series, phase: Phase) {
    let from = series.points.len().saturating_sub(usize::from(place.width));
    let points = series.points[from..].iter();
    let values: Vec<Option<f64>> = points
        .map(|point| point.p99(phase).map(|ns| ns as f64))
        .collect();
    canvas.sparkline(place, &values);
}

fn shape(canvas: &mut Canvas<'_>, place: Area, latency: &Latency) {
    let (Some(first), Some(last)) = (latency.bars().next(), latency.bars().last()) else {
        return;
    };
    let low = (first.low_ns.max(1) as f64).ln();
    let span = ((last.high_ns + 1) as f64).ln() - low;
    let width = usize::from(place.width.min(40));
    if width == 0 || span <= 0.0 {
        return;
    }
    let mut counts = vec![0u64; width];
    for bar in latency.bars() {
        let at = ((bar.low_ns.max(1) as f64).ln() - low) / span * width as f64;
        counts[(at as usize).min(width - 1)] += bar.count;
    }
    let values: Vec<Option<f64>> = counts
        .iter()
        .map(|&count| (count != 0).then_some(count as f64))
        .collect();
    canvas.sparkline(place.left(width as u16), &values);
}
