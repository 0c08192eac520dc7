//! A histogram as large as the screen, or two on the same scale one above the other.

use tracer_text::number;

use super::canvas::Canvas;
use crate::tui::{
    model::{
        layout::Area,
        look::Subject,
        plot::{Against, Bin, Curve, Plot},
    },
    theme::Role,
};

/// Columns between the numbers of a scale.
const STEP: u16 = 16;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, plot: &Plot) {
    let whose = match &plot.subject {
        Subject::All => "all connections".to_owned(),
        Subject::Host(key) | Subject::Proxy(key) => format!("{}:{}", key.host, key.port),
        Subject::Process(pid, comm) => format!("{comm} {pid}"),
    };
    let names: Vec<&str> = plot
        .curves
        .iter()
        .map(|curve| curve.name.as_str())
        .collect();
    let title = format!("{} of {whose}", names.join(" against "));
    canvas.heading(area.top(1), &title);
    if plot.curves.iter().all(|curve| curve.total == 0) {
        let text = match plot.against {
            Against::Nothing => "no sample yet; c compares with a related phase",
            _ => "neither has a sample",
        };
        canvas.put(area.below(2).right_of(1), text, Role::Dim);
        return;
    }
    let each = area.below(1).height / plot.curves.len().max(1) as u16;
    for (at, curve) in plot.curves.iter().enumerate() {
        let place = area.below(1 + each * at as u16).top(each);
        draw_curve(canvas, place, curve, plot);
    }
}

/// Draws the bin under the cursor, the bars, a scale, and the percentiles.
fn draw_curve(canvas: &mut Canvas<'_>, area: Area, curve: &Curve, plot: &Plot) {
    reading(canvas, area.top(1), curve, plot.cursor);
    if area.height < 4 {
        return;
    }
    let inner = area.right_of(1);
    draw_bars(canvas, inner.below(1).top(area.height - 3), curve, plot);
    draw_scale(canvas, inner.below(area.height - 2).top(1), curve, plot);
    draw_marks(canvas, inner.below(area.height - 1).top(1), curve, plot);
}

fn reading(canvas: &mut Canvas<'_>, line: Area, curve: &Curve, cursor: usize) {
    let Some(bin) = curve.bins.get(cursor) else {
        return;
    };
    let total = curve.total.max(1) as f64;
    let range = format!(
        "{} to {}",
        number::short_time(bin.low_ns as u64),
        number::short_time(bin.high_ns as u64)
    );
    let counts = format!(
        "{} of {}, {}; {} at or below",
        number::short_count(bin.count),
        number::short_count(curve.total),
        number::share(bin.count as f64 / total),
        number::share(bin.below as f64 / total)
    );
    let name = format!("{:<12} ", curve.name);
    let pieces = [
        (name.as_str(), Role::Head),
        (&range, Role::Accent),
        ("  ", Role::Text),
        (&counts, Role::Text),
    ];
    canvas.line(line, &pieces);
}

fn draw_bars(canvas: &mut Canvas<'_>, area: Area, curve: &Curve, plot: &Plot) {
    let counts = curve.bins.iter().map(|bin| bin.count);
    let most = counts.max().unwrap_or(0).max(1);
    for (at, bin) in curve.bins.iter().enumerate() {
        let role = if at == plot.cursor {
            Role::Worse
        } else {
            Role::Plot
        };
        let share = bin.count as f64 / most as f64;
        for column in at * plot.bar..(at + 1) * plot.bar {
            let place = area.right_of(column as u16).left(1);
            draw_bar(canvas, place, share, role);
        }
    }
}

/// Draws a bar in eighths of a row; every share above zero gets at least one.
fn draw_bar(canvas: &mut Canvas<'_>, area: Area, share: f64, role: Role) {
    if area.width == 0 {
        return;
    }
    let (ramp, style) = (canvas.theme.glyphs.ramp, canvas.theme.style(role));
    let eighths = (share * f64::from(area.height) * 8.0).ceil() as usize;
    for row in 0..area.height {
        let level = eighths.saturating_sub(usize::from(row) * 8).min(8);
        if level != 0 {
            let y = area.y + area.height - 1 - row;
            canvas.put_char(area.x, y, ramp[level - 1], style);
        }
    }
}

/// Column of a value.
fn column_of(ns: f64, curve: &Curve, plot: &Plot) -> u16 {
    let at = curve.bin_of(ns);
    let Some(Bin {
        low_ns, high_ns, ..
    }) = curve.bins.get(at)
    else {
        return 0;
    };
    let within = ((ns.max(1.0) / low_ns).ln() / (high_ns / low_ns).ln()).clamp(0.0, 0.999);
    ((at as f64 + within) * plot.bar as f64) as u16
}

/// Value at a column, ns.
fn value_at(column: u16, curve: &Curve, plot: &Plot) -> Option<u64> {
    let (at, within) = (
        usize::from(column) / plot.bar,
        usize::from(column) % plot.bar,
    );
    let bin = curve.bins.get(at)?;
    let share = within as f64 / plot.bar as f64;
    Some((bin.low_ns * (bin.high_ns / bin.low_ns).powf(share)) as u64)
}

fn draw_scale(canvas: &mut Canvas<'_>, line: Area, curve: &Curve, plot: &Plot) {
    let glyphs = canvas.theme.glyphs;
    let (dim, key) = (canvas.theme.style(Role::Dim), canvas.theme.style(Role::Key));
    let width = ((curve.bins.len() * plot.bar) as u16).min(line.width);
    for x in 0..width {
        canvas.put_char(line.x + x, line.y, glyphs.rule, dim);
    }
    let pointer = (plot.cursor * plot.bar + plot.bar / 2) as u16;
    for step in (0..width).step_by(usize::from(STEP)) {
        let Some(ns) = value_at(step, curve, plot) else {
            return;
        };
        let text = number::short_time(ns);
        let end = step + text.chars().count() as u16;
        canvas.put_char(line.x + step, line.y, glyphs.wall, dim);
        if end < width && !(step..=end).contains(&pointer) {
            canvas.put(line.right_of(step + 1), &text, Role::Dim);
        }
    }
    if pointer < width {
        canvas.put_char(line.x + pointer, line.y, glyphs.pointer, key);
    }
}

/// Draws p50, p90 and p99 below their places, moved apart where they would overlap.
fn draw_marks(canvas: &mut Canvas<'_>, line: Area, curve: &Curve, plot: &Plot) {
    if curve.total == 0 {
        return;
    }
    let mut free = 0;
    for (name, ns) in ["p50", "p90", "p99"].iter().zip(curve.marks_ns) {
        let text = format!("{name} {}", number::short_time(ns));
        let width = text.chars().count() as u16;
        let at = column_of(ns as f64, curve, plot);
        let x = at.min(line.width.saturating_sub(width + 1)).max(free);
        if x + width + 1 > line.width {
            return;
        }
        let (glyph, style) = (canvas.theme.glyphs.up, canvas.theme.style(Role::Key));
        canvas.put_char(line.x + x, line.y, glyph, style);
        free = x + 1 + canvas.put(line.right_of(x + 1), &text, Role::Text) + 1;
    }
}
