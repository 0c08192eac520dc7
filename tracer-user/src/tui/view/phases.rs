//! The table of phases: counts, percentiles, and a plot of each.

use tracer_core::{
    cost::{Part, SLOW_READ_NS},
    latency::Latency,
    phase::Phase,
    series::Series,
};

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
/// Columns of the maximum before a trend.
pub(super) const MAXIMUM: u16 = 6;
/// Least columns of a plot; a narrower one is left out.
const LEAST_SIDE: u16 = 8 + MAXIMUM;

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
            axis(canvas, place, series);
        }
        Side::Shape => {
            canvas.put(place, "from min to max, log scale", Role::Head);
        }
    }
}

/// Draws the time axis of the trends: the maximum's column, how long ago the first column is, and now.
fn axis(canvas: &mut Canvas<'_>, place: Area, series: &Series) {
    canvas.put_right(place.left(MAXIMUM), "p99max", Role::Head);
    let place = place.right_of(MAXIMUM + 1);
    let shown = place
        .width
        .min(series.points.len().min(usize::from(u16::MAX)) as u16);
    let span = number::short_time(u64::from(shown) * series.interval_ns);
    let text = format!("{span} ago");
    let taken = canvas.put(place, &text, Role::Head);
    if shown > taken + 4 {
        canvas.put_right(place.left(shown), "now", Role::Head);
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
    let style = match Part::of(phase) {
        _ if empty => canvas.theme.style(Role::Dim),
        Some(part) => canvas.theme.part(part).1,
        None => canvas.theme.style(Role::Text),
    };
    canvas.put_styled(line.left(NAME), phase.title(), style);
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
                is_bad: is_slow_read(phase, now.map(|now| now[0])) && at == 0,
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

/// True if the median of a phase says that the application is slow to read.
fn is_slow_read(phase: Phase, median_ns: Option<u64>) -> bool {
    phase == Phase::Pickup && median_ns.is_some_and(|ns| ns >= SLOW_READ_NS)
}

fn trend(canvas: &mut Canvas<'_>, place: Area, series: &Series, phase: Phase) {
    let graph = place.right_of(MAXIMUM + 1);
    let from = series.points.len().saturating_sub(usize::from(graph.width));
    let points = series.points[from..].iter();
    let values: Vec<Option<f64>> = points
        .map(|point| point.p99(phase).map(|ns| ns as f64))
        .collect();
    if let Some(most) = canvas.sparkline(graph, &values) {
        let text = number::short_time(most as u64);
        canvas.put_right(place.left(MAXIMUM), &text, Role::Dim);
    }
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
