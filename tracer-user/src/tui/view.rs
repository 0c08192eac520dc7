//! Draws a model: equal models give equal frames.

mod canvas;
mod chooser;
mod detail;
mod findings;
mod footer;
mod header;
mod overview;
mod phases;
mod plot;
mod table;
mod tabs;
mod text;

use ratatui::Frame;

use self::canvas::Canvas;
use super::{
    model::{Model, Tab},
    theme::{Role, Theme},
};

/// Draws the whole screen.
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
        Tab::Findings => findings::draw(canvas, area, model),
        Tab::Output => text::output(canvas, area, model),
        Tab::Help => text::help(canvas, area, model),
        _ => {
            table::draw(canvas, area, model);
            chooser::draw(canvas, model);
        }
    }
}
