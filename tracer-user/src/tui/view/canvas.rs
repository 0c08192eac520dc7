//! Writing into a frame: text is escaped, cut to its area, and measured as terminals show it.

use ratatui::{buffer::Buffer, layout::Position, style::Style};
use tracer_text::printable::printable;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::tui::{
    model::layout::Area,
    theme::{Role, Theme},
};

/// A frame being drawn.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    /// Theme of the frame.
    pub(super) theme: Theme,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        Self { buffer, theme }
    }

    /// Area of the whole frame.
    pub(super) fn area(&self) -> Area {
        let area = self.buffer.area;
        Area {
            x: area.x,
            y: area.y,
            width: area.width,
            height: area.height,
        }
    }

    /// Puts text at the left of an area's first row; returns the columns it took.
    pub(super) fn put(&mut self, area: Area, text: &str, role: Role) -> u16 {
        let style = self.theme.style(role);
        self.put_styled(area, text, style)
    }

    /// Puts text at the right of an area's first row; returns the columns it took.
    pub(super) fn put_right(&mut self, area: Area, text: &str, role: Role) -> u16 {
        let text = self.theme.text(text);
        let width = (text.width() as u16).min(area.width);
        self.put(area.right_of(area.width - width), &text, role)
    }

    /// Puts text at the left in the given style; returns the columns it took.
    pub(super) fn put_styled(&mut self, area: Area, text: &str, style: Style) -> u16 {
        // The terminal may have become smaller since the model was laid out.
        let frame = self.buffer.area;
        let area = area.left(frame.width.saturating_sub(area.x));
        if area.height == 0 || area.width == 0 || area.y >= frame.height {
            return 0;
        }
        let text = self.theme.text(&printable(text));
        let text = cut(&text, usize::from(area.width), self.theme.glyphs.more);
        let (end, _) =
            self.buffer
                .set_stringn(area.x, area.y, &text, usize::from(area.width), style);
        end - area.x
    }

    /// Puts a character at a place.
    pub(super) fn put_char(&mut self, x: u16, y: u16, c: char, style: Style) {
        if let Some(cell) = self.buffer.cell_mut(Position::new(x, y)) {
            cell.set_char(c).set_style(style);
        }
    }

    /// Puts several pieces one after the other; returns the columns they took.
    pub(super) fn line(&mut self, area: Area, pieces: &[(&str, Role)]) -> u16 {
        let mut x = 0;
        for (text, role) in pieces {
            x += self.put(area.right_of(x), text, *role);
        }
        x
    }

    /// A heading with a line behind it.
    pub(super) fn heading(&mut self, area: Area, text: &str) -> u16 {
        let taken = self.put(area, text, Role::Title);
        let style = self.theme.style(Role::Dim);
        for x in area.x + taken + 1..area.x + area.width {
            if area.height != 0 {
                self.put_char(x, area.y, self.theme.glyphs.rule, style);
            }
        }
        taken
    }

    /// Shows the first row of an area as chosen, in one colour.
    pub(super) fn select(&mut self, area: Area) {
        let plain = Style::reset().patch(self.theme.style(Role::Selected));
        self.restyle(area, plain);
    }

    /// Shows the first row of an area as chosen, and keeps the colours of its text.
    pub(super) fn reverse(&mut self, area: Area) {
        let style = self.theme.style(Role::Selected);
        self.restyle(area, style);
    }

    fn restyle(&mut self, area: Area, style: Style) {
        for x in area.x..area.x + area.width {
            if let Some(cell) = self.buffer.cell_mut(Position::new(x, area.y)) {
                cell.set_style(style);
            }
        }
    }

    /// A bar of which `share` (0 to 1) is full.
    pub(super) fn gauge(&mut self, area: Area, share: f64, role: Role) {
        let full = (share.clamp(0.0, 1.0) * f64::from(area.width)).ceil() as u16;
        let (on, off) = (self.theme.style(role), self.theme.style(Role::Dim));
        let glyphs = self.theme.glyphs;
        for at in 0..area.width {
            let (c, style) = if at < full {
                (glyphs.full, on)
            } else {
                (glyphs.empty, off)
            };
            self.put_char(area.x + at, area.y, c, style);
        }
    }

    /// Draws a column for each of the last values, from the left; the largest value has full height, and is returned.
    pub(super) fn sparkline(&mut self, area: Area, values: &[Option<f64>]) -> Option<f64> {
        let from = values.len().saturating_sub(usize::from(area.width));
        let shown = &values[from..];
        let most = shown.iter().flatten().copied().reduce(f64::max)?;
        let (style, dim) = (self.theme.style(Role::Plot), self.theme.style(Role::Dim));
        let ramp = self.theme.glyphs.ramp;
        for (at, value) in shown.iter().enumerate().filter(|_| area.height != 0) {
            let x = area.x + at as u16;
            match value {
                Some(value) if most > 0.0 => {
                    let height = (value / most * 7.0).round() as usize;
                    self.put_char(x, area.y, ramp[height.min(7)], style);
                }
                Some(_) => self.put_char(x, area.y, ramp[0], dim),
                None => {}
            }
        }
        Some(most)
    }
}

/// Cuts text to so many columns, with a sign where something was cut.
fn cut(text: &str, columns: usize, more: char) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(more.width().unwrap_or(1));
    let mut shown = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if taken + width > room {
            break;
        }
        taken += width;
        shown.push(c);
    }
    shown.push(more);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_its_width() {
        #[track_caller]
        fn check(text: &str, columns: usize, expected: &str) {
            assert_eq!(cut(text, columns, '…'), expected);
            assert!(expected.width() <= columns.max(1));
        }
        check("example", 7, "example");
        check("example", 6, "examp…");
        check("例え.example", 5, "例え…");
        check("例え.example", 4, "例…");
        check("abc", 1, "…");
    }
}
