//! Places of the parts of a screen of a given size. The view draws there, and the model finds clicks there.

/// An area of the screen: place of its upper left corner, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Area {
    pub(in super::super) x: u16,
    pub(in super::super) y: u16,
    pub(in super::super) width: u16,
    pub(in super::super) height: u16,
}

impl Area {
    /// The area without its upper rows.
    pub(in super::super) fn below(self, rows: u16) -> Self {
        let rows = rows.min(self.height);
        Self {
            y: self.y + rows,
            height: self.height - rows,
            ..self
        }
    }

    /// The upper rows of the area.
    pub(in super::super) fn top(self, rows: u16) -> Self {
        Self {
            height: rows.min(self.height),
            ..self
        }
    }

    /// The area without its left columns.
    pub(in super::super) fn right_of(self, columns: u16) -> Self {
        let columns = columns.min(self.width);
        Self {
            x: self.x + columns,
            width: self.width - columns,
            ..self
        }
    }

    /// The left columns of the area.
    pub(in super::super) fn left(self, columns: u16) -> Self {
        Self {
            width: columns.min(self.width),
            ..self
        }
    }
}

/// Smallest size of a full screen; smaller ones show one line of text.
const LEAST: (u16, u16) = (20, 5);
/// Least height of a screen with a header; lower ones show the tabs in its place.
const LOW: u16 = 16;

/// The parts of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Layout {
    /// Target, duration, amount and losses. Empty on low screens.
    pub(in super::super) header: Area,
    /// Names of the screens.
    pub(in super::super) tabs: Area,
    /// The screen itself. Empty when the terminal is too small for anything.
    pub(in super::super) body: Area,
    /// Keys, prompts and answers.
    pub(in super::super) footer: Area,
}

impl Layout {
    /// Layout of a screen with this many columns and rows.
    pub(in super::super) fn of((width, height): (u16, u16)) -> Self {
        let line = |y| Area {
            x: 0,
            y,
            width,
            height: 1,
        };
        if width < LEAST.0 || height < LEAST.1 {
            return Self::default();
        }
        let header = u16::from(height >= LOW);
        Self {
            header: Area {
                height: header,
                ..line(0)
            },
            tabs: line(header),
            body: Area {
                x: 0,
                y: header + 1,
                width,
                height: height - header - 2,
            },
            footer: line(height - 1),
        }
    }

    /// True if the terminal is too small for the screen.
    pub(in super::super) fn is_tiny(&self) -> bool {
        self.body.height == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_screen_without_overlap() {
        for width in 0..100 {
            for height in 0..40 {
                let layout = Layout::of((width, height));
                if layout.is_tiny() {
                    continue;
                }
                let rows = layout.header.height + layout.tabs.height + layout.body.height + 1;
                assert_eq!((rows, layout.footer.y), (height, height - 1));
                assert_eq!(layout.body.y, layout.tabs.y + 1);
            }
        }
    }
}
