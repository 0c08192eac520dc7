//! The names of the screens.

use super::canvas::Canvas;
use crate::tui::{
    model::{Model, tabs::places},
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let area = model.layout().tabs;
    let mut end = 0;
    for (tab, here, text) in places(model.tab, area) {
        let role = if tab == model.tab {
            Role::Accent
        } else {
            Role::Dim
        };
        canvas.put(here, &text, role);
        if tab == model.tab {
            canvas.reverse(here);
        }
        end = here.x + here.width;
    }
    if model.layout().header.height == 0 {
        super::header::status(canvas, area.right_of(end + 1), model);
    }
}
