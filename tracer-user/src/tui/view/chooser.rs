//! The list of columns to sort by, over the right part of a table.

use ratatui::style::Style;

use super::canvas::Canvas;
use crate::tui::{
    model::{Model, layout::Area},
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let (Some(list), Some(table)) = (model.chooser_list(), model.table()) else {
        return;
    };
    for row in 0..list.area.height {
        clear(canvas, list.area.below(row).top(1));
    }
    let inner = list.area.right_of(1);
    canvas.heading(inner.top(1), "Sort by");
    let columns = table.table.columns.iter().enumerate();
    let room = usize::from(inner.height.saturating_sub(1));
    for (row, (at, column)) in columns.skip(list.first).take(room).enumerate() {
        let line = inner.below(1 + row as u16).top(1);
        let sign = match (at == table.sort, table.descending) {
            (false, _) => ' ',
            (true, true) => canvas.theme.glyphs.down,
            (true, false) => canvas.theme.glyphs.up,
        };
        canvas.put(line, &format!("{sign} {}", column.title), Role::Text);
        if at == list.cursor {
            canvas.select(line);
        }
    }
}

/// Empties a row and draws the wall at its left.
fn clear(canvas: &mut Canvas<'_>, line: Area) {
    let blank = " ".repeat(usize::from(line.width));
    canvas.put_styled(line, &blank, Style::reset());
    let (wall, style) = (canvas.theme.glyphs.wall, canvas.theme.style(Role::Dim));
    canvas.put_char(line.x, line.y, wall, style);
}
