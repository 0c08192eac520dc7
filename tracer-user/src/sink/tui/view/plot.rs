//! A histogram as large as the screen, or two on the same scale one above the other.

use super::canvas::Canvas;
use crate::sink::tui::{
    format,
    model::{
        layout::Area,
        look::Subject,
        plot::{Against, Curve, Plot},
    },
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, plot: &Plot) {
    let whose = match &plot.subject {
        Subject::All => "all connections".to_owned(),
        Subject::Host(key) => format!("{}:{}", key.host, key.port),
        Subject::Process(pid, comm) => format!("{comm} {pid}"),
    };
    let names: Vec<&str> = plot
        .curves
        .iter()
        .map(|curve| curve.name.as_str())
        .collect();
    canvas.heading(
        area.top(1),
        &format!("{} of {whose}", names.join(" against ")),
    );
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
        draw_curve(canvas, place, curve, plot.cursor);
    }
}

/// Bars, a scale with percentiles below, and what the cursor points at above.
fn draw_curve(canvas: &mut Canvas<'_>, area: Area, curve: &Curve, cursor: usize) {
    if area.height < 4 {
        reading(canvas, area.top(1), curve, cursor);
        return;
    }
    reading(canvas, area.top(1), curve, cursor);
    let bars = area.below(1).top(area.height - 3).right_of(1);
    draw_bars(canvas, bars, curve, cursor);
    let scale = area.below(area.height - 2).top(1).right_of(1);
    draw_scale(canvas, scale, curve, cursor);
    draw_marks(
        canvas,
        area.below(area.height - 1).top(1).right_of(1),
        curve,
    );
}

fn reading(canvas: &mut Canvas<'_>, line: Area, curve: &Curve, cursor: usize) {
    let Some(bin) = curve.bins.get(cursor) else {
        return;
    };
    let total = curve.total.max(1) as f64;
    let range = format!(
        "{} to {}",
        format::duration(bin.low_ns as u64),
        format::duration(bin.high_ns as u64)
    );
    let counts = format!(
        "{} of {}, {}; {} at or below",
        format::count(bin.count),
        format::count(curve.total),
        format::share(bin.count as f64 / total),
        format::share(bin.below as f64 / total)
    );
    let name = format!("{:<12} ", curve.name);
    canvas.line(
        line,
        &[
            (&name, Role::Head),
            (&range, Role::Accent),
            ("  ", Role::Text),
            (&counts, Role::Text),
        ],
    );
}

fn draw_bars(canvas: &mut Canvas<'_>, area: Area, curve: &Curve, cursor: usize) {
    let most = curve
        .bins
        .iter()
        .map(|bin| bin.count)
        .max()
        .unwrap_or(0)
        .max(1);
    let ramp = canvas.theme.glyphs.ramp;
    let (plain, chosen) = (
        canvas.theme.style(Role::Plot),
        canvas.theme.style(Role::Worse),
    );
    for (at, bin) in curve.bins.iter().enumerate().take(usize::from(area.width)) {
        let style = if at == cursor { chosen } else { plain };
        let eighths = (bin.count as f64 / most as f64 * f64::from(area.height) * 8.0).ceil() as u32;
        for row in 0..area.height {
            let level = eighths.saturating_sub(u32::from(row) * 8).min(8);
            if level != 0 {
                let y = area.y + area.height - 1 - row;
                canvas.put_char(area.x + at as u16, y, ramp[level as usize - 1], style);
            }
        }
    }
}

fn draw_scale(canvas: &mut Canvas<'_>, line: Area, curve: &Curve, cursor: usize) {
    let glyphs = canvas.theme.glyphs;
    let (dim, key) = (canvas.theme.style(Role::Dim), canvas.theme.style(Role::Key));
    let width = curve.bins.len().min(usize::from(line.width)) as u16;
    for x in 0..width {
        canvas.put_char(line.x + x, line.y, glyphs.rule, dim);
    }
    let mut free = 0;
    for step in (0..width).step_by(16) {
        let Some(bin) = curve.bins.get(usize::from(step)) else {
            return;
        };
        let text = format::duration(bin.low_ns as u64);
        if step >= free {
            canvas.put_char(line.x + step, line.y, glyphs.wall, dim);
            free = step + 1 + canvas.put(line.right_of(step + 1), &text, Role::Dim) + 1;
        }
    }
    if (cursor as u16) < width {
        canvas.put_char(line.x + cursor as u16, line.y, glyphs.pointer, key);
    }
}

/// p50, p90 and p99 below their bins, moved where they would meet.
fn draw_marks(canvas: &mut Canvas<'_>, line: Area, curve: &Curve) {
    if curve.total == 0 {
        return;
    }
    let mut free = 0;
    for (name, ns) in ["p50", "p90", "p99"].iter().zip(curve.marks_ns) {
        let text = canvas
            .theme
            .text(&format!("{name} {}", format::duration(ns)));
        let width = text.chars().count() as u16;
        let at = curve.bin_of(ns as f64) as u16;
        let glyph = canvas.theme.glyphs.up;
        let x = at.min(line.width.saturating_sub(width + 1)).max(free);
        if x + width + 1 > line.width {
            return;
        }
        let style = canvas.theme.style(Role::Key);
        canvas.put_char(line.x + x, line.y, glyph, style);
        free = x + 1 + canvas.put(line.right_of(x + 1), &text, Role::Text) + 1;
    }
}
