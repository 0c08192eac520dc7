//! A table: heads, rows, the cursor, and changes against the mark.

use tracer_text::number;

use super::canvas::Canvas;
use crate::tui::{
    model::{
        Model,
        figure::{Figure, Unit, Value},
        layout::Area,
        table::{CHANGE_WIDTH, Tabular},
    },
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let Some(table) = model.table() else { return };
    let look = model.look();
    let marked = look.mark.is_some();
    let columns = table.layout(area.width, marked);
    heads(canvas, area.top(1), table, &columns);
    let rows = area.below(1);
    if table.order.is_empty() {
        let text = match table.filter_text.is_empty() {
            true => table.table.nothing,
            false => "no row passes the filter; Esc takes it away",
        };
        canvas.put(rows.below(1).right_of(1), text, Role::Dim);
        return;
    }
    let shown = table.order.iter().enumerate().skip(table.offset);
    for (line, (at, &row)) in shown.take(usize::from(rows.height)).enumerate() {
        let line = rows.below(line as u16).top(1);
        for &(column, x, wide) in &columns {
            let place = line.right_of(x).left(wide);
            match table.table.value(&look, row as usize, column) {
                Value::Text(text) => {
                    canvas.put(place, &text, Role::Text);
                }
                Value::Figure(value) => {
                    figure(canvas, place, &value, marked && value.unit != Unit::Number);
                }
            }
        }
        if at == table.cursor {
            canvas.select(line);
        }
    }
}

fn heads(canvas: &mut Canvas<'_>, line: Area, table: &Tabular, columns: &[(usize, u16, u16)]) {
    let glyphs = canvas.theme.glyphs;
    for &(column, x, wide) in columns {
        let place = line.right_of(x).left(wide);
        let definition = table.table.columns[column];
        let sorted = column == table.sort;
        let role = if sorted { Role::Accent } else { Role::Head };
        let sign = match (sorted, table.descending) {
            (false, _) => String::new(),
            (true, true) => glyphs.down.to_string(),
            (true, false) => glyphs.up.to_string(),
        };
        let head = format!("{}{sign}", definition.title);
        if column == 0 {
            let taken = canvas.put(place, &head, role);
            canvas.put(place.right_of(taken + 1), &note(table), Role::Dim);
        } else if definition.is_label() {
            canvas.put(place, &head, role);
        } else {
            canvas.put_right(place, &head, role);
        }
    }
}

/// Position of the cursor among the rows, and the filter.
fn note(table: &Tabular) -> String {
    let total = table.order.len();
    let place = if total == 0 { 0 } else { table.cursor + 1 };
    match table.filter_text.as_str() {
        "" => format!("{place}/{total}"),
        text => format!("{place}/{total} /{text}"),
    }
}

/// Draws a figure at the right of its area, followed by its change since the mark.
pub(super) fn figure(canvas: &mut Canvas<'_>, place: Area, figure: &Figure, marked: bool) {
    let place_of_change = if marked {
        CHANGE_WIDTH.min(place.width)
    } else {
        0
    };
    let place_of_value = place.left(place.width - place_of_change);
    let Some(value) = figure.value else {
        canvas.put_right(place_of_value, "-", Role::Dim);
        return;
    };
    let text = match figure.unit {
        Unit::Count => number::short_count(value as u64),
        Unit::Ns => number::short_time(value as u64),
        Unit::Share => number::share(value),
        Unit::Number => value.to_string(),
    };
    let role = if value == 0.0 { Role::Dim } else { Role::Text };
    canvas.put_right(place_of_value, &text, role);
    let change = figure
        .before
        .and_then(|before| number::change(before, value));
    if let Some(change) = change.filter(|_| marked) {
        let place = place.right_of(place.width - place_of_change + 1);
        canvas.put(place, &change, role_of_change(figure, value));
    }
}

fn role_of_change(figure: &Figure, value: f64) -> Role {
    let more = figure.before.is_some_and(|before| value > before);
    match (figure.unit, figure.more_is_worse) {
        (Unit::Count, false) => Role::Head,
        (_, bad) if bad == more => Role::Worse,
        _ => Role::Better,
    }
}
