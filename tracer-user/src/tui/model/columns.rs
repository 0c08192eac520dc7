//! Columns of the tables. Display, sorting and filtering use the same function of a column.

use tracer_core::{group::Group, snapshot::Snapshot};

use super::{
    figure::{Figure, Pair, Unit, Value},
    look::{Look, Subject},
};

/// A column.
#[derive(Clone, Copy)]
pub(in super::super) struct Column {
    /// Name of the column in filters.
    pub(in super::super) key: &'static str,
    /// Head of the column.
    pub(in super::super) title: &'static str,
    /// Width in columns of the terminal; 0: the rest of the line.
    pub(in super::super) width: u16,
    /// Rank for leaving out columns that do not fit: the one with the highest rank goes first.
    pub(in super::super) rank: u8,
    value: Cell,
}

#[derive(Clone, Copy)]
enum Cell {
    Label(for<'a> fn(&Look<'a>, usize) -> Value<'a>),
    Row(for<'a> fn(&Look<'a>, usize) -> Value<'a>),
    Id(fn(&Snapshot, usize) -> u64),
    Group(for<'a> fn(&Pair<'a>) -> Figure),
}

impl Column {
    /// Tells whether the column's figures can change against the mark.
    pub(super) fn has_change(&self) -> bool {
        matches!(self.value, Cell::Row(_) | Cell::Group(_))
    }

    /// Tells whether the column holds text.
    pub(in super::super) fn is_label(&self) -> bool {
        matches!(self.value, Cell::Label(_))
    }
}

/// A table.
pub(in super::super) struct Table {
    /// Columns of the table; the first one names the row.
    pub(in super::super) columns: &'static [Column],
    /// Index of the column that rows are sorted by at first, the largest first.
    pub(super) sort: usize,
    /// Text to show when the table has no rows.
    pub(in super::super) nothing: &'static str,
    pub(super) rows: fn(&Snapshot) -> usize,
    /// Figures of a row's connections; None if they are not known.
    pub(super) group: Option<for<'a> fn(&Look<'a>, usize) -> Option<Pair<'a>>>,
    /// Figures of a row, as an object that snapshots share while it does not change.
    pub(super) shared: Option<fn(&Snapshot, usize) -> Option<&Group>>,
    pub(super) identity: fn(&Snapshot, usize) -> u64,
    pub(super) subject: fn(&Snapshot, usize) -> Option<Subject>,
}

impl Table {
    /// Number of rows.
    pub(super) fn rows(&self, snapshot: &Snapshot) -> usize {
        (self.rows)(snapshot)
    }

    /// Value of a cell.
    pub(in super::super) fn value<'a>(
        &self,
        look: &Look<'a>,
        row: usize,
        column: usize,
    ) -> Value<'a> {
        match (self.columns[column].value, self.group) {
            (Cell::Label(value) | Cell::Row(value), _) => value(look, row),
            (Cell::Id(value), _) => Value::Figure(plain(value(look.snapshot(), row))),
            (Cell::Group(value), Some(group)) => {
                let unknown = Figure::count_if_known(None);
                Value::Figure(group(look, row).map_or(unknown, |pair| value(&pair)))
            }
            (Cell::Group(_), None) => Value::text(""),
        }
    }

    /// True if a row's figures are unchanged between two snapshots: both share the same object.
    pub(super) fn is_same(&self, one: &Snapshot, other: &Snapshot, row: usize) -> bool {
        let shared = self
            .shared
            .map(|shared| (shared(one, row), shared(other, row)));
        matches!(shared, Some((Some(one), Some(other))) if std::ptr::eq(one, other))
    }

    /// Number that identifies a row in every snapshot.
    pub(super) fn identity(&self, snapshot: &Snapshot, row: usize) -> u64 {
        (self.identity)(snapshot, row)
    }

    /// Host or process of a row, whose figures Enter opens.
    pub(super) fn subject(&self, snapshot: &Snapshot, row: usize) -> Option<Subject> {
        (self.subject)(snapshot, row)
    }

    /// Names of the columns.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.key).collect()
    }
}

/// A column of text.
pub(super) const fn label(
    key: &'static str,
    title: &'static str,
    width: u16,
    rank: u8,
    value: for<'a> fn(&Look<'a>, usize) -> Value<'a>,
) -> Column {
    Column {
        key,
        title,
        width,
        rank,
        value: Cell::Label(value),
    }
}

/// A column of numbers that are identifiers, not quantities.
pub(super) const fn id(
    key: &'static str,
    title: &'static str,
    width: u16,
    rank: u8,
    value: fn(&Snapshot, usize) -> u64,
) -> Column {
    Column {
        key,
        title,
        width,
        rank,
        value: Cell::Id(value),
    }
}

/// A column with figures of the row itself.
pub(super) const fn row(
    key: &'static str,
    title: &'static str,
    width: u16,
    rank: u8,
    value: for<'a> fn(&Look<'a>, usize) -> Value<'a>,
) -> Column {
    Column {
        key,
        title,
        width,
        rank,
        value: Cell::Row(value),
    }
}

/// A column with figures of the row's connections.
pub(super) const fn group(
    key: &'static str,
    title: &'static str,
    width: u16,
    rank: u8,
    value: for<'a> fn(&Pair<'a>) -> Figure,
) -> Column {
    Column {
        key,
        title,
        width,
        rank,
        value: Cell::Group(value),
    }
}

/// A number that is no quantity, so it has no change.
fn plain(number: u64) -> Figure {
    Figure::new(Some(number as f64), Unit::Number)
}
