//! Lines of the summary: all of them fit 80 columns, however long a name is.

use std::fmt::Write;

use tracer_text::number;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the summary.
pub(super) const WIDTH: usize = 80;
/// Columns before the text of a paragraph.
const INDENT: usize = 14;

/// Adds a paragraph: a label, and behind it pieces that are never broken unless one alone is too wide.
pub(super) fn paragraph(text: &mut String, label: &str, pieces: &[String]) {
    wrapped(text, &format!("{label:<INDENT$}"), INDENT, pieces, ", ");
}

/// Adds pieces behind a label, with commas between them; further lines are indented.
pub(super) fn pieces(text: &mut String, label: &str, indent: usize, pieces: &[String]) {
    wrapped(text, label, indent, pieces, ", ");
}

/// Adds words behind a label, line after line; further lines are indented.
pub(super) fn words(text: &mut String, label: &str, indent: usize, sentence: &str) {
    let words: Vec<String> = sentence.split(' ').map(str::to_owned).collect();
    wrapped(text, label, indent, &words, " ");
}

/// Adds pieces with separators between them; a line begins with a piece, never with a separator.
fn wrapped(text: &mut String, label: &str, indent: usize, pieces: &[String], between: &str) {
    let mut line = label.to_owned();
    let mut is_empty = label.ends_with(' ') || label.is_empty();
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at + 1 == pieces.len();
        let mut piece = piece.clone();
        if !is_last {
            piece.push_str(between.trim_end());
        }
        let room = WIDTH - indent.min(WIDTH);
        let piece = shorten(&piece, room);
        let gap = usize::from(!is_empty);
        if line.width() + gap + piece.width() > WIDTH && !line.trim().is_empty() {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(&piece);
        is_empty = false;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

/// Cuts the end of a text that is wider than so many columns.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if taken + wide + 1 > columns {
            break;
        }
        taken += wide;
        shown.push(c);
    }
    shown.push('…');
    shown
}

/// Text with blanks behind it up to so many columns; longer text is cut.
pub(super) fn left(text: &str, columns: usize) -> String {
    let shown = shorten(text, columns);
    let blanks = columns.saturating_sub(shown.width());
    shown + &" ".repeat(blanks)
}

/// Count with all its digits as long as it fits so many columns.
pub(super) fn count(value: u64, columns: usize) -> String {
    let exact = number::count(value);
    match exact.len() < columns {
        true => exact,
        false => number::short_count(value),
    }
}

/// Things of that name by their number: `1 connection`, `2 connections`.
pub(super) fn number_of(value: u64, one: &str, many: &str) -> String {
    let name = if value == 1 { one } else { many };
    format!("{} {name}", number::count(value))
}

/// Numbers that are not zero, with their names.
pub(super) fn named(all: &[(u64, &str)]) -> Vec<String> {
    let some = all.iter().filter(|(value, _)| *value != 0);
    some.map(|(value, name)| format!("{} {name}", number::count(*value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stay_whole() {
        let mut text = String::new();
        let pieces: Vec<String> = (0..12).map(|at| format!("{at} of them")).collect();
        paragraph(&mut text, "failed", &pieces);
        let lines: Vec<&str> = text.lines().collect();
        let first =
            "failed        0 of them, 1 of them, 2 of them, 3 of them, 4 of them, 5 of them,";
        assert_eq!(lines[0], first);
        assert!(
            lines[1].starts_with("              6 of them, 7 of them"),
            "{text}"
        );
    }

    #[test]
    fn cut_by_columns() {
        assert_eq!(shorten("example", 6), "examp…");
        assert_eq!(shorten("例え.example", 5), "例え…");
        assert_eq!(left("例", 4), "例  ");
        assert_eq!(count(1_234_567, 8), "1.23M");
        assert_eq!(count(1_234, 8), "1,234");
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_wide(label in "\\PC{0,10}", sentence in "\\PC{0,300}", indent in 0usize..20) {
            let mut text = String::new();
            words(&mut text, &label, indent, &sentence);
            for line in text.lines() {
                proptest::prop_assert!(line.width() <= WIDTH, "{line}");
            }
        }
    }
}
