//! State of a table: which rows are shown, in which order, and which one is chosen.

use std::{cmp::Ordering, sync::Arc};

use super::{
    columns::{Column, Table},
    figure::Value,
    look::{Look, Since},
};
use crate::{
    trace::live::Moment,
    tui::filter::{Filter, Subject as Row},
};

/// Columns that a change against the mark takes beside a figure.
pub(in super::super) const CHANGE_WIDTH: u16 = 6;
/// The first column has at least this part of the width, and so many columns.
const NAME_PART: u16 = 4;
const NAME_WIDTHS: (u16, u16) = (12, 40);

/// The state of one table.
pub(in super::super) struct Tabular {
    /// The table shown.
    pub(in super::super) table: &'static Table,
    /// Index of the column that rows are sorted by.
    pub(in super::super) sort: usize,
    /// True if the largest comes first.
    pub(in super::super) descending: bool,
    /// Filter as typed.
    pub(in super::super) filter_text: String,
    /// Fault of the filter, in words.
    pub(in super::super) filter_error: Option<String>,
    filter: Filter,
    /// Rows of the snapshot in the order shown.
    pub(in super::super) order: Vec<u32>,
    /// Place of the chosen row in the order.
    pub(in super::super) cursor: usize,
    /// Index of the first row shown.
    pub(in super::super) offset: usize,
    /// Number of columns after the first that are scrolled out.
    pub(in super::super) shift: usize,
    /// The row that the cursor follows; None: the cursor stays at the top.
    followed: Option<u64>,
    /// Moment and origin that the order was made for.
    arranged: Option<Arranged>,
    /// Key by which each row of that moment is sorted; None: the row does not pass the filter.
    keys: Vec<Option<Key>>,
}

/// A moment, and the origin of its figures.
struct Arranged {
    moment: Arc<Moment>,
    origin: Option<Since>,
}

/// Key by which a row is sorted.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    /// A figure; rows without one come last in both orders.
    Number(Option<f64>),
    Text(String),
}

impl Key {
    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Number(Some(one)), Self::Number(Some(two))) => one.total_cmp(two),
            (Self::Number(one), Self::Number(two)) => return two.is_some().cmp(&one.is_some()),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if descending { order.reverse() } else { order }
    }
}

impl Tabular {
    pub(super) fn new(table: &'static Table) -> Self {
        Self {
            table,
            sort: table.sort,
            descending: true,
            filter_text: String::new(),
            filter_error: None,
            filter: Filter::default(),
            order: Vec::new(),
            cursor: 0,
            offset: 0,
            shift: 0,
            followed: None,
            arranged: None,
            keys: Vec::new(),
        }
    }

    /// Filters and sorts the rows when the moment, the origin, the filter or the column has changed. Then keeps the
    /// cursor on its row and that row on the screen.
    pub(super) fn arrange(&mut self, look: &Look<'_>, page: usize) {
        let origin = look.origin();
        let is_done = self
            .arranged
            .as_ref()
            .is_some_and(|done| done.origin == origin && done.moment.number == look.moment.number);
        if !is_done {
            self.rate(look, origin);
            self.sort();
            self.arranged = Some(Arranged {
                moment: Arc::clone(look.moment),
                origin,
            });
            self.follow(look);
        }
        self.cursor = self.cursor.min(self.order.len().saturating_sub(1));
        let first = (self.cursor + 1).saturating_sub(page);
        let last = self.order.len().saturating_sub(page);
        self.offset = self.offset.clamp(first, self.cursor).min(last.max(first));
    }

    /// Finds the key of each row. A row whose figures are still the same object keeps its key: percentiles of ten
    /// thousand hosts four times a second would cost too much.
    fn rate(&mut self, look: &Look<'_>, origin: Option<Since>) {
        let (table, filter, sort) = (self.table, &self.filter, self.sort);
        let before = self.arranged.take();
        let before = before.filter(|before| before.origin == origin);
        let before = before.map(|before| before.moment);
        if before.is_none() {
            self.keys.clear();
        }
        self.keys.resize(table.rows(look.snapshot()), None);
        for (row, key) in self.keys.iter_mut().enumerate() {
            let known = before.as_deref();
            if known.is_some_and(|known| table.is_same(&known.snapshot, look.snapshot(), row)) {
                continue;
            }
            let admitted = filter.is_empty() || filter.admits(&Cells { look, table, row });
            *key = admitted.then(|| match table.value(look, row, sort) {
                Value::Figure(figure) => Key::Number(figure.value),
                Value::Text(text) => Key::Text(text.to_lowercase()),
            });
        }
    }

    fn sort(&mut self) {
        let (keys, descending) = (&self.keys, self.descending);
        let rows = keys.iter().enumerate();
        let mut rated: Vec<(&Key, u32)> = rows
            .filter_map(|(row, key)| Some((key.as_ref()?, row as u32)))
            .collect();
        rated.sort_unstable_by(|(one, a), (two, b)| one.compare(two, descending).then(a.cmp(b)));
        self.order.clear();
        self.order.extend(rated.into_iter().map(|(_, row)| row));
    }

    /// Drops the moment that the order was made for, while the table is not shown.
    pub(super) fn forget(&mut self) {
        self.arranged = None;
    }

    fn follow(&mut self, look: &Look<'_>) {
        let Some(followed) = self.followed else {
            self.cursor = 0;
            return;
        };
        let snapshot = look.snapshot();
        let is_it = |row: &u32| self.table.identity(snapshot, *row as usize) == followed;
        // In most cases the row is still in its place.
        let here = self.order.get(self.cursor).is_some_and(is_it);
        if !here && let Some(at) = self.order.iter().position(is_it) {
            self.cursor = at;
        }
    }

    /// Moves the cursor to a row of the order; in the first row it stays at the top.
    pub(super) fn go_to(&mut self, look: &Look<'_>, at: usize) {
        self.cursor = at.min(self.order.len().saturating_sub(1));
        let row = self.order.get(self.cursor).filter(|_| self.cursor != 0);
        self.followed = row.map(|&row| self.table.identity(look.snapshot(), row as usize));
    }

    /// Index in the snapshot of the row under the cursor.
    pub(in super::super) fn chosen(&self) -> Option<usize> {
        self.order.get(self.cursor).map(|&row| row as usize)
    }

    /// Sorts by a column; by the same column again, in reverse order.
    pub(super) fn sort_by(&mut self, column: usize) {
        if self.sort == column {
            self.descending = !self.descending;
        } else {
            self.sort = column;
            self.descending = !self.table.columns[column].is_label();
        }
        self.arranged = None;
    }

    /// Reverses the order.
    pub(super) fn reverse(&mut self) {
        self.sort_by(self.sort);
    }

    /// Filters by the typed text. A filter that cannot be parsed leaves the rows as they are.
    pub(super) fn set_filter(&mut self, text: String) {
        match Filter::parse(&text, &self.table.keys()) {
            Ok(filter) => {
                self.filter = filter;
                self.filter_error = None;
                self.arranged = None;
            }
            Err(error) => self.filter_error = Some(error.to_string()),
        }
        self.filter_text = text;
    }

    /// Columns that fit: index, first column of the terminal, and width of each. `marked`: figures have changes beside
    /// them.
    pub(in super::super) fn layout(&self, width: u16, marked: bool) -> Vec<(usize, u16, u16)> {
        let columns = self.table.columns;
        let wide = |at: usize| {
            let column: &Column = &columns[at];
            let beside = marked && column.has_change();
            // The sign of the order stands behind the title.
            let head = column.title.chars().count() as u16 + u16::from(at == self.sort);
            column.width.max(head) + if beside { CHANGE_WIDTH } else { 0 }
        };
        let name = (width / NAME_PART).clamp(NAME_WIDTHS.0, NAME_WIDTHS.1);
        let mut left = width.saturating_sub(name);
        let mut chosen: Vec<usize> = Vec::new();
        let mut candidates: Vec<usize> =
            (1 + self.shift.min(columns.len() - 2)..columns.len()).collect();
        if self.shift == 0 {
            candidates.sort_by_key(|&at| (at != self.sort, columns[at].rank));
        }
        for at in candidates {
            let needed = wide(at) + 1;
            if needed > left {
                break;
            }
            left -= needed;
            chosen.push(at);
        }
        chosen.sort_unstable();
        let name = (width.min(name) + left).min(width);
        let mut places = vec![(0, 0, name)];
        let mut x = name;
        for at in chosen {
            let wide = wide(at);
            places.push((at, x + 1, wide));
            x += wide + 1;
        }
        places
    }
}

/// A row, as a filter reads it.
struct Cells<'a, 'b> {
    look: &'b Look<'a>,
    table: &'static Table,
    row: usize,
}

impl Cells<'_, '_> {
    fn value(&self, key: &str) -> Option<Value<'_>> {
        let at = self
            .table
            .columns
            .iter()
            .position(|column| column.key == key)?;
        Some(self.table.value(self.look, self.row, at))
    }
}

impl Row for Cells<'_, '_> {
    fn text(&self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::Text(text) => Some(text.into_owned()),
            Value::Figure(figure) => figure.value.map(|value| value.to_string()),
        }
    }

    fn figure(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::Text(_) => None,
            Value::Figure(figure) => figure.value,
        }
    }

    fn holds(&self, text: &str) -> bool {
        let columns = self.table.columns.iter().enumerate();
        let mut labels = columns.filter(|(_, column)| column.is_label());
        labels.any(|(at, _)| match self.table.value(self.look, self.row, at) {
            Value::Text(cell) => cell.to_lowercase().contains(text),
            Value::Figure(_) => false,
        })
    }
}
