//! Draws a model: the same model gives the same frame.

mod canvas;
mod detail;
mod footer;
mod header;
mod overview;
mod phases;
mod plot;
mod table;
pub(super) mod tabs;
mod text;

use ratatui::Frame;

use self::canvas::Canvas;
use super::{
    model::{Model, Tab},
    theme::{Role, Theme},
};

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, theme: &Theme) {
    let mut canvas = Canvas::new(frame.buffer_mut(), *theme);
    let layout = model.layout();
    if layout.is_tiny() {
        let area = canvas.area();
        canvas.put(area, "tracer: needs 20x5", Role::Text);
        return;
    }
    header::draw(&mut canvas, model);
    tabs::draw(&mut canvas, model);
    body(&mut canvas, model);
    footer::draw(&mut canvas, model);
}

fn body(canvas: &mut Canvas<'_>, model: &Model) {
    let area = model.layout().body;
    if let Some(plot) = &model.plot {
        plot::draw(canvas, area, plot);
        return;
    }
    if let Some(detail) = &model.detail {
        detail::draw(canvas, area, model, detail);
        return;
    }
    match model.tab {
        Tab::Overview => overview::draw(canvas, area, model),
        Tab::Findings => text::findings(canvas, area),
        Tab::Output => text::output(canvas, area, model),
        Tab::Help => text::help(canvas, area, model),
        _ => table::draw(canvas, area, model),
    }
}

/// Rows of the text screen that is open.
pub(super) fn text_rows(model: &Model) -> usize {
    match model.tab {
        Tab::Help => text::HELP_ROWS,
        _ => 0,
    }
}

/// The phase at a row of the body.
pub(super) fn phase_at(model: &Model, row: usize) -> Option<usize> {
    let body = model.layout().body;
    let (above, chosen) = match &model.detail {
        Some(detail) => (detail::ROWS_ABOVE, detail.cursor),
        None => (overview::rows_above(body), model.phase),
    };
    let line = row.checked_sub(usize::from(above) + 1)?;
    Some(line + phases::first(body.height.saturating_sub(above), chosen))
}
