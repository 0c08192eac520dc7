//! A terminal's screen as SVG: rectangles for backgrounds and block characters, so that they meet without
//! gaps, and text for the rest.

use std::fmt::Write;

const WIDTH: f64 = 8.43;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 10.0;
const BACK: &str = "#16181d";
const FRONT: &str = "#d6d9df";

/// The sixteen basic colours; the rest of the 256 are computed.
const SIXTEEN: [&str; 16] = [
    "#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d6d9df",
    "#7f848e", "#ff7b86", "#b5e890", "#ffd68a", "#82c4ff", "#e29bf5", "#7fe0ea", "#ffffff",
];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Style {
    front: Option<String>,
    back: Option<String>,
    bold: bool,
    dim: bool,
    reversed: bool,
}

impl Style {
    /// Colours of the text and of its background. Without the latter the background is that of the screen.
    fn colors(&self) -> (String, Option<String>) {
        let front = self.front.clone().unwrap_or_else(|| FRONT.to_owned());
        match self.reversed {
            true => (
                self.back.clone().unwrap_or_else(|| BACK.to_owned()),
                Some(front),
            ),
            false => (front, self.back.clone()),
        }
    }

    /// Takes the parameters of one SGR sequence.
    fn apply(&mut self, parameters: &str) {
        let mut codes = parameters
            .split(';')
            .map(|code| code.parse().unwrap_or(0u16));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                7 => self.reversed = true,
                22 => (self.bold, self.dim) = (false, false),
                27 => self.reversed = false,
                30..=37 => self.front = Some(color(code - 30)),
                90..=97 => self.front = Some(color(code - 82)),
                39 => self.front = None,
                40..=47 => self.back = Some(color(code - 40)),
                49 => self.back = None,
                38 | 48 => {
                    let indexed = codes.next() == Some(5);
                    let chosen = codes.next().filter(|_| indexed).map(color);
                    if code == 38 {
                        self.front = chosen;
                    } else {
                        self.back = chosen;
                    }
                }
                _ => {}
            }
        }
    }
}

/// Colour of xterm's 256 by its number.
fn color(index: u16) -> String {
    let level = |step: u16| if step == 0 { 0 } else { 55 + step * 40 };
    match index {
        0..16 => SIXTEEN[usize::from(index)].to_owned(),
        16..232 => {
            let at = index - 16;
            let (red, green, blue) = (level(at / 36), level(at / 6 % 6), level(at % 6));
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
        _ => {
            let gray = (index.min(255) - 232) * 10 + 8;
            format!("#{gray:02x}{gray:02x}{gray:02x}")
        }
    }
}

/// Characters of the same kind beside each other.
#[derive(Debug, PartialEq)]
struct Run {
    column: usize,
    text: String,
    style: Style,
}

/// Makes the picture of a screen captured by `tmux capture-pane -e`.
pub(super) fn of(captured: &str) -> String {
    let mut style = Style::default();
    let rows: Vec<Vec<Run>> = captured
        .lines()
        .map(|line| runs(line, &mut style))
        .collect();
    let end = |run: &Run| run.column + run.text.chars().count();
    let columns = rows.iter().flatten().map(end).max().unwrap_or(0);
    let (width, height) = (
        columns as f64 * WIDTH + 2.0 * MARGIN,
        rows.len() as f64 * HEIGHT + 2.0 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.0}\" font-family=\"ui-monospace,'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,monospace\" font-size=\"14\" shape-rendering=\"crispEdges\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACK}\"/>\n"
    );
    for (row, runs) in rows.iter().enumerate() {
        for run in runs {
            draw(&mut svg, row, run);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Splits a line where the style or the kind of characters changes; the style goes on to the next line.
fn runs(line: &str, style: &mut Style) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\x1b[")
            && let Some(end) = sequence.find(|c: char| c.is_ascii_alphabetic())
        {
            if sequence[end..].starts_with('m') {
                style.apply(&sequence[..end]);
            }
            rest = &sequence[end + 1..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let kind = |c: char| block(c).map(|_| c);
        match runs.last_mut() {
            Some(last)
                if last.style == *style && last.text.chars().last().map(kind) == Some(kind(c)) =>
            {
                last.text.push(c);
            }
            _ => runs.push(Run {
                column,
                text: c.to_string(),
                style: style.clone(),
            }),
        }
        column += 1;
    }
    runs
}

/// Height from below and opacity with which a block character fills its cell.
fn block(c: char) -> Option<(f64, f64)> {
    match c {
        '▁'..='█' => Some((f64::from(c as u32 - 0x2580) / 8.0, 1.0)),
        '░' => Some((1.0, 0.2)),
        '▒' => Some((1.0, 0.45)),
        '▓' => Some((1.0, 0.7)),
        _ => None,
    }
}

fn draw(svg: &mut String, row: usize, run: &Run) {
    let (front, back) = run.style.colors();
    let (x, y) = (
        MARGIN + run.column as f64 * WIDTH,
        MARGIN + row as f64 * HEIGHT,
    );
    let width = run.text.chars().count() as f64 * WIDTH;
    if let Some(back) = back {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"{back}\"/>"
        );
    }
    if run.text.trim().is_empty() {
        return;
    }
    if let Some((share, density)) = run.text.chars().next().and_then(block) {
        let height = HEIGHT * share;
        let top = y + HEIGHT - height;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{front}\" fill-opacity=\"{density}\"/>"
        );
        return;
    }
    let weight = if run.style.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let faint = if run.style.dim {
        " opacity=\"0.6\""
    } else {
        ""
    };
    let text = run.text.replace('&', "&amp;").replace('<', "&lt;");
    let base = y + HEIGHT * 0.75;
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{base:.1}\" fill=\"{front}\"{weight}{faint} textLength=\"{width:.1}\" xml:space=\"preserve\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_blocks_are_runs_of_their_own() {
        let mut style = Style::default();
        let runs = runs("a\x1b[1;38;5;74mb<\x1b[0m ██▁", &mut style);
        let texts: Vec<(&str, usize, bool)> = runs
            .iter()
            .map(|run| (run.text.as_str(), run.column, run.style.bold))
            .collect();
        let expected = [
            ("a", 0, false),
            ("b<", 1, true),
            (" ", 3, false),
            ("██", 4, false),
            ("▁", 6, false),
        ];
        assert_eq!(texts, expected);
        assert_eq!(runs[1].style.front.as_deref(), Some("#5fafd7"));
    }

    #[test]
    fn a_picture_is_well_formed() {
        let svg = of("\x1b[7mq & <\x1b[27m\n▄\n");
        assert!(svg.contains("q &amp; &lt;") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("height=\"9.0\""), "half a cell");
        assert_eq!(svg.matches("<rect").count(), 3);
    }
}
