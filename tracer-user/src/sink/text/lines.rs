//! Lines of the summary: all of them fit 80 columns, however long a name is.

use tracer_text::{columns::wrapped, number};

/// Columns of the summary.
pub(super) const WIDTH: usize = 80;
/// Columns before the text of a paragraph.
const INDENT: usize = 14;

/// Adds a paragraph: a label, and behind it pieces that are never broken unless one alone is too wide.
pub(super) fn paragraph(text: &mut String, label: &str, pieces: &[String]) {
    let label = format!("{label:<INDENT$}");
    wrapped(text, (&label, INDENT, WIDTH), pieces, ", ");
}

/// Adds pieces behind a label, with commas between them; further lines are indented.
pub(super) fn pieces(text: &mut String, label: &str, indent: usize, pieces: &[String]) {
    wrapped(text, (label, indent, WIDTH), pieces, ", ");
}

/// Adds words behind a label, line after line; further lines are indented.
pub(super) fn words(text: &mut String, label: &str, indent: usize, sentence: &str) {
    let words: Vec<String> = sentence.split(' ').map(str::to_owned).collect();
    wrapped(text, (label, indent, WIDTH), &words, " ");
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
    use unicode_width::UnicodeWidthStr;

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
    fn counts_fit() {
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
