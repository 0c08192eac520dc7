//! A table: heads, rows, the cursor, and changes against the mark.

use tracer_text::number;

use super::canvas::Canvas;
use crate::tui::{
    model::{
        Model,
        columns::Table,
        figure::{Figure, Unit, Value},
        layout::Area,
        look::Look,
        table::{CHANGE_WIDTH, Tabular},
    },
    theme::Role,
};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let Some(table) = model.table() else { return };
    let look = model.look();
    let marked = look.compares();
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
        cells(canvas, line, table.table, &look, row as usize, &columns);
        if at == table.cursor {
            canvas.select(line);
        }
    }
}

/// Places of columns: index, first column of the terminal, and width of each.
type Columns = [(usize, u16, u16)];

/// Draws the cells of a row.
fn cells(
    canvas: &mut Canvas<'_>,
    line: Area,
    table: &Table,
    look: &Look<'_>,
    row: usize,
    columns: &Columns,
) {
    let marked = look.compares();
    for &(column, x, wide) in columns {
        let place = line.right_of(x).left(wide);
        match table.value(look, row, column) {
            Value::Text(text) => {
                canvas.put(place, &text, Role::Text);
            }
            Value::Figure(value) => {
                figure(canvas, place, &value, marked && value.unit != Unit::Number);
            }
        }
    }
}

/// Draws the busiest hosts below a heading, as many as there is room for.
pub(super) fn busiest_hosts(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let look = model.look();
    let room = usize::from(area.height.saturating_sub(2));
    let hosts = &look.snapshot().hosts;
    if room == 0 || hosts.is_empty() {
        return;
    }
    let mut rows: Vec<usize> = (0..hosts.len()).collect();
    let busy = |&row: &usize| {
        let pair = look.host(row);
        let count = pair.and_then(|pair| pair.count(|group| group.requests.count).value);
        std::cmp::Reverse(count.unwrap_or(0.0) as u64)
    };
    if rows.len() > room {
        rows.select_nth_unstable_by_key(room - 1, busy);
        rows.truncate(room);
    }
    rows.sort_by_cached_key(busy);
    canvas.heading(area.top(1), "Busiest hosts");
    let table = &model.hosts;
    let columns = table.layout(area.width, look.compares());
    let names = area.below(1).top(1);
    for &(column, x, wide) in &columns {
        let definition = table.table.columns[column];
        let place = names.right_of(x).left(wide);
        match definition.is_label() {
            true => canvas.put(place, definition.title, Role::Head),
            false => canvas.put_right(place, definition.title, Role::Head),
        };
    }
    for (line, &row) in rows.iter().enumerate() {
        let line = area.below(2 + line as u16).top(1);
        cells(canvas, line, table.table, &look, row, &columns);
    }
}

fn heads(canvas: &mut Canvas<'_>, line: Area, table: &Tabular, columns: &Columns) {
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
            let note = note(table, columns.len());
            canvas.put(place.right_of(taken + 1), &note, Role::Dim);
        } else if definition.is_label() {
            canvas.put(place, &head, role);
        } else {
            canvas.put_right(place, &head, role);
        }
    }
}

/// Position of the cursor among the rows, number of columns that do not fit, and the filter.
fn note(table: &Tabular, shown: usize) -> String {
    let total = table.order.len();
    let place = if total == 0 { 0 } else { table.cursor + 1 };
    let hidden = table
        .table
        .columns
        .len()
        .saturating_sub(shown + table.shift);
    let more = match hidden {
        0 => String::new(),
        hidden => format!(" +{hidden}>"),
    };
    match table.filter_text.as_str() {
        "" => format!("{place}/{total}{more}"),
        text => format!("{place}/{total}{more} /{text}"),
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
    let text = figure.text();
    canvas.put_right(place_of_value, &text, role_of_value(figure, value));
    let change = figure
        .before
        .and_then(|before| number::change(before, value));
    if let Some(change) = change.filter(|_| marked) {
        let place = place.right_of(place.width - place_of_change + 1);
        canvas.put(place, &change, role_of_change(figure, value));
    }
}

/// Role of a value: a zero is dim only where zero is good, because what is dim is not read.
fn role_of_value(figure: &Figure, value: f64) -> Role {
    match (figure.is_bad, figure.more_is_worse) {
        (true, _) => Role::Worse,
        (false, true) if value == 0.0 => Role::Dim,
        _ => Role::Text,
    }
}

/// Change below which a figure is neither better nor worse.
const SMALL_CHANGE: f64 = 0.05;

fn role_of_change(figure: &Figure, value: f64) -> Role {
    let is_small = |before: f64| (value / before - 1.0).abs() < SMALL_CHANGE;
    if figure.before.is_some_and(is_small) {
        return Role::Dim;
    }
    let more = figure.before.is_some_and(|before| value > before);
    match (figure.unit, figure.more_is_worse) {
        (Unit::Count, false) => Role::Head,
        (_, bad) if bad == more => Role::Worse,
        _ => Role::Better,
    }
}
