//! Text from the wire or from a process, escaped so that a terminal does not obey it.

/// Escapes everything that a terminal may act upon or that hides text: control characters,
/// and characters that have no width or change the direction of writing.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Line and paragraph separators, joiners, direction marks (UAX 9), byte order marks and tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_is_left() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(printable(text), expected);
            assert_eq!(printable(expected), expected, "escaped once");
        }
        check("a\x1b[2Jb\n", "a\\u{1b}[2Jb\\n");
        check("\u{9b}2J", "\\u{9b}2J");
        check("moc.\u{202e}elpmaxe", "moc.\\u{202e}elpmaxe");
        check("bücher.example 例え", "bücher.example 例え");
    }
}
