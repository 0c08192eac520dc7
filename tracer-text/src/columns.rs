//! Text measured by the columns that it takes on a terminal.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

/// Adds pieces behind a label, with separators between them, in lines of so many columns; lines after the first are
/// indented. No piece is broken; one that is too wide alone is cut.
pub fn wrapped(
    text: &mut String,
    (label, indent, width): (&str, usize, usize),
    pieces: &[String],
    between: &str,
) {
    let mut line = label.to_owned();
    let mut is_empty = label.ends_with(' ') || label.is_empty();
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at + 1 == pieces.len();
        let mut piece = piece.clone();
        if !is_last {
            piece.push_str(between.trim_end());
        }
        let room = width - indent.min(width);
        let piece = shorten(&piece, room);
        let gap = if is_empty { "" } else { " " };
        // Characters may join, so that a text is wider or narrower than its parts.
        let longer = format!("{line}{gap}{piece}");
        line = if longer.width() > width && !line.trim().is_empty() {
            end_line(text, &line, width);
            format!("{}{piece}", " ".repeat(indent))
        } else {
            longer
        };
        is_empty = false;
    }
    end_line(text, &line, width);
}

fn end_line(text: &mut String, line: &str, width: usize) {
    let _ = writeln!(text, "{}", shorten(line.trim_end(), width));
}

/// Cuts the end of a text that is wider than so many columns.
pub fn shorten(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut shown = String::from("…");
    for c in text.chars() {
        let mut longer = shown.clone();
        longer.insert(shown.len() - '…'.len_utf8(), c);
        if longer.width() > columns {
            break;
        }
        shown = longer;
    }
    shown
}

/// Text with blanks behind it up to so many columns; longer text is cut.
pub fn left(text: &str, columns: usize) -> String {
    let shown = shorten(text, columns);
    let blanks = columns.saturating_sub(shown.width());
    shown + &" ".repeat(blanks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four characters of a script, each of which is narrower in front of the next one.
    #[test]
    fn joined_characters() {
        let text = "\u{c00}a b".repeat(60);
        for columns in [2, 10, 60] {
            assert!(shorten(&text, columns).width() <= columns);
        }
    }

    #[test]
    fn cut_by_columns() {
        assert_eq!(shorten("example", 6), "examp…");
        assert_eq!(shorten("例え.example", 5), "例え…");
        assert_eq!(left("例", 4), "例  ");
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_wide(label in "\\PC{0,10}", words in "\\PC{0,300}", indent in 0usize..20) {
            let pieces: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let mut text = String::new();
            wrapped(&mut text, (&label, indent, 60), &pieces, " ");
            for line in text.lines() {
                proptest::prop_assert!(line.width() <= 60, "{line}");
            }
        }
    }
}
