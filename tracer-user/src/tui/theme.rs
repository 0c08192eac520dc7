//! Colours and glyphs by meaning. The palette (after Okabe and Ito) is distinguishable with every kind of colour
//! blindness, and no meaning depends on colour alone: bars have labels, changes have arrows, alarms have words.

use ratatui::style::{Color, Modifier, Style};
use tracer_core::cost::Part;

use crate::tui::settings::Colors;

/// Role of a text or glyph on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Figures and text.
    Text,
    /// Minor things: units of time without samples, hints.
    Dim,
    /// Headings.
    Title,
    /// The name of the program, the chosen tab.
    Accent,
    /// Column heads.
    Head,
    /// The chosen row.
    Selected,
    /// A loss or a failure.
    Alarm,
    /// Worse than before, or soon a problem.
    Worse,
    /// Better than before.
    Better,
    /// Plots.
    Plot,
    /// The key in a hint.
    Key,
}

/// Characters for drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glyphs {
    /// Eight heights, lowest first.
    pub(super) ramp: [char; 8],
    /// Fill of each [`Part`], for terminals without enough colours.
    pub(super) fills: [char; Part::COUNT],
    /// A full cell.
    pub(super) full: char,
    /// An empty cell of a gauge.
    pub(super) empty: char,
    /// A line across.
    pub(super) rule: char,
    /// A line down.
    pub(super) wall: char,
    /// Sign that a text goes on.
    pub(super) more: char,
    /// Separator of two things on a line.
    pub(super) dot: char,
    /// Larger or smaller than before; also the direction of sorting.
    pub(super) up: char,
    pub(super) down: char,
    /// Pointer to a column of a plot.
    pub(super) pointer: char,
    /// The micro sign.
    pub(super) micro: char,
}

const UNICODE: Glyphs = Glyphs {
    ramp: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    fills: ['░', '▒', '▚', '▓', '█', '▞', '▤'],
    full: '█',
    empty: '░',
    rule: '─',
    wall: '│',
    more: '…',
    dot: '·',
    up: '▲',
    down: '▼',
    pointer: '▲',
    micro: 'µ',
};

const ASCII: Glyphs = Glyphs {
    ramp: ['_', '.', ':', '-', '=', '+', '*', '#'],
    fills: ['.', 'o', '=', '+', '#', '/', '%'],
    full: '#',
    empty: '.',
    rule: '-',
    wall: '|',
    more: '~',
    dot: '-',
    up: '^',
    down: 'v',
    pointer: '^',
    micro: 'u',
};

/// Colours and characters of the whole screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    colors: Colors,
    /// Characters.
    pub(super) glyphs: Glyphs,
    /// True if text outside ASCII can be shown.
    pub(super) unicode: bool,
}

impl Theme {
    /// Theme for a terminal with these colours and characters.
    pub(super) fn new(colors: Colors, unicode: bool) -> Self {
        Self {
            colors,
            glyphs: if unicode { UNICODE } else { ASCII },
            unicode,
        }
    }

    /// Style of a role.
    pub(super) fn style(&self, role: Role) -> Style {
        let (sixteen, many, modifier) = match role {
            Role::Text => (Color::Reset, Color::Reset, Modifier::empty()),
            Role::Dim => (Color::DarkGray, Color::Indexed(245), Modifier::empty()),
            Role::Title => (Color::Reset, Color::Indexed(253), Modifier::BOLD),
            Role::Accent => (Color::Cyan, Color::Indexed(74), Modifier::BOLD),
            Role::Head => (Color::Cyan, Color::Indexed(110), Modifier::empty()),
            Role::Selected => (Color::Reset, Color::Reset, Modifier::REVERSED),
            Role::Alarm => (
                Color::Red,
                Color::Indexed(203),
                Modifier::BOLD.union(Modifier::REVERSED),
            ),
            Role::Worse => (Color::Yellow, Color::Indexed(214), Modifier::BOLD),
            Role::Better => (Color::Cyan, Color::Indexed(80), Modifier::BOLD),
            Role::Plot => (Color::Cyan, Color::Indexed(74), Modifier::empty()),
            Role::Key => (Color::Yellow, Color::Indexed(178), Modifier::BOLD),
        };
        let color = match self.colors {
            Colors::None => None,
            Colors::Sixteen => Some(sixteen),
            Colors::Many => Some(many),
        };
        let modifier = match (role, self.colors) {
            (Role::Head, Colors::None) => Modifier::UNDERLINED,
            (Role::Dim, Colors::None) => Modifier::DIM,
            _ => modifier,
        };
        let style = Style::new().add_modifier(modifier);
        match color {
            Some(color) if color != Color::Reset => style.fg(color),
            _ => style,
        }
    }

    /// Fill and style of a part of a request's time.
    pub(super) fn part(&self, part: Part) -> (char, Style) {
        let at = part as usize;
        // None of them is the colour of what is worse.
        let sixteen = [
            Color::Cyan,
            Color::White,
            Color::Red,
            Color::Magenta,
            Color::Green,
            Color::Blue,
            Color::LightRed,
        ];
        let many = [74, 180, 167, 175, 36, 227, 209];
        match self.colors {
            Colors::None => (self.glyphs.fills[at], Style::new()),
            Colors::Sixteen => (self.glyphs.full, Style::new().fg(sixteen[at])),
            Colors::Many => (self.glyphs.full, Style::new().fg(Color::Indexed(many[at]))),
        }
    }

    /// Text with the characters that this terminal can show.
    pub(super) fn text(&self, text: &str) -> String {
        if self.unicode || text.is_ascii() {
            return text.to_owned();
        }
        let mut shown = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                'µ' => shown.push(self.glyphs.micro),
                '…' => shown.push(self.glyphs.more),
                '·' => shown.push(self.glyphs.dot),
                c if c.is_ascii() => shown.push(c),
                c => shown.extend(c.escape_default()),
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_colours_are_enough_and_none_too() {
        let roles = [
            Role::Text,
            Role::Dim,
            Role::Title,
            Role::Accent,
            Role::Head,
            Role::Selected,
            Role::Alarm,
            Role::Worse,
            Role::Better,
            Role::Plot,
            Role::Key,
        ];
        let (none, sixteen) = (
            Theme::new(Colors::None, true),
            Theme::new(Colors::Sixteen, true),
        );
        for role in roles {
            assert_eq!(none.style(role).fg, None);
            assert!(!matches!(
                sixteen.style(role).fg,
                Some(Color::Indexed(_) | Color::Rgb(..))
            ));
        }
        let fills: std::collections::HashSet<char> =
            Part::ALL.iter().map(|&part| none.part(part).0).collect();
        assert_eq!(fills.len(), Part::ALL.len());
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        let theme = Theme::new(Colors::None, false);
        assert_eq!(theme.text("12µs · bücher…"), "12us - b\\u{fc}cher~");
    }
}
