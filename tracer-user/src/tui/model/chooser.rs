//! List of a table's columns, from which the one to sort by is chosen.

use super::{Key, Model, keys::moved, layout::Area};

/// Columns of the terminal before the titles, and behind them.
const MARGIN: u16 = 4;

/// Place of the list on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct List {
    /// The whole list; its first row is a heading.
    pub(in super::super) area: Area,
    /// Index of the first column shown.
    pub(in super::super) first: usize,
    /// Index of the chosen column.
    pub(in super::super) cursor: usize,
}

impl List {
    /// Column of the table at a place of the terminal.
    fn at(&self, x: u16, y: u16) -> Option<usize> {
        let Area {
            x: left,
            y: top,
            width,
            height,
        } = self.area;
        let is_inside = (left..left + width).contains(&x) && (top + 1..top + height).contains(&y);
        is_inside.then(|| self.first + usize::from(y - top - 1))
    }
}

impl Model {
    /// Opens the list, with the column chosen that the table is sorted by.
    pub(super) fn open_chooser(&mut self) {
        self.chooser = self.table().map(|table| table.sort);
    }

    /// Place of the list, at the right below the heads; None while it is not open.
    pub(in super::super) fn chooser_list(&self) -> Option<List> {
        let (cursor, table) = (self.chooser?, self.table()?);
        let columns = table.table.columns;
        let widest = columns.iter().map(|column| column.title.len()).max();
        let width = widest.unwrap_or(0) as u16 + MARGIN;
        let body = self.layout().body.below(1);
        let area = body.right_of(body.width.saturating_sub(width));
        let area = area.top(columns.len() as u16 + 1);
        let visible = usize::from(area.height.saturating_sub(1)).max(1);
        Some(List {
            area,
            first: (cursor + 1).saturating_sub(visible),
            cursor,
        })
    }

    /// Moves in the list, sorts by the chosen column, or closes the list.
    pub(super) fn choose(&mut self, key: Key) {
        let (Some(at), Some(table)) = (self.chooser, self.table()) else {
            self.chooser = None;
            return;
        };
        let count = table.table.columns.len();
        let all = isize::MAX / 2;
        let page = self.page() as isize;
        match key {
            Key::Enter => self.sort_by(at),
            Key::Escape | Key::Backspace | Key::Char('q') => self.chooser = None,
            Key::Char('s') => self.chooser = Some((at + 1) % count),
            Key::Down | Key::Char('j') => self.chooser = Some(moved(at, 1, count)),
            Key::Up | Key::Char('k') => self.chooser = Some(moved(at, -1, count)),
            Key::PageDown => self.chooser = Some(moved(at, page, count)),
            Key::PageUp => self.chooser = Some(moved(at, -page, count)),
            Key::Home | Key::Char('g') => self.chooser = Some(moved(at, -all, count)),
            Key::End | Key::Char('G') => self.chooser = Some(moved(at, all, count)),
            _ => {}
        }
    }

    /// Sorts by the clicked column; a click beside the list closes it.
    pub(super) fn click_chooser(&mut self, x: u16, y: u16) {
        let list = self.chooser_list();
        match list.and_then(|list| list.at(x, y)) {
            Some(column) => self.sort_by(column),
            None => self.chooser = None,
        }
    }

    /// Sorts by a column of the list and closes it. The column that the table is sorted by already keeps its order.
    fn sort_by(&mut self, column: usize) {
        self.chooser = None;
        self.with_table(|table, _| {
            if table.sort != column && column < table.table.columns.len() {
                table.sort_by(column);
            }
        });
    }
}
