//! Charts as SVG: their colours come from the style of the page, so that they are readable on light and on dark paper.

mod histogram;
mod line;

pub(super) use histogram::histogram;
pub(super) use line::line;

/// Width of a chart in its own units.
const WIDTH: f64 = 320.0;
/// Height of a chart with its labels.
const HEIGHT: f64 = 122.0;
/// Upper edge of what is drawn.
const TOP: f64 = 14.0;
/// Lower edge of what is drawn, where zero is.
const BOTTOM: f64 = 104.0;
/// Base line of the labels below.
const LABELS: f64 = 117.0;

/// Visible region of a chart.
fn view_box() -> String {
    format!("0 0 {WIDTH} {HEIGHT}")
}

/// Height above the lower edge for a part (0 to 1) of the largest value.
fn height(part: f64) -> f64 {
    part.clamp(0.0, 1.0) * (BOTTOM - TOP)
}

/// Number in the path of a shape.
fn place(value: f64) -> String {
    format!("{value:.1}")
}
