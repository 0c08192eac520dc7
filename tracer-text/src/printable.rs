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

/// Without sequences that only set colours (ECMA-48 SGR); every other control stays, to be escaped.
pub fn without_colors(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        shown.push_str(before);
        let parameters = &sequence[2..];
        let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':');
        match end {
            Some(end) if parameters[end..].starts_with('m') => rest = &parameters[end + 1..],
            _ => {
                shown.push_str("\x1b[");
                rest = parameters;
            }
        }
    }
    shown.push_str(rest);
    shown.replace('\t', "    ")
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

    #[test]
    fn colours_go_and_other_controls_stay() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(without_colors(text), expected);
        }
        check("\x1b[1;31mred\x1b[0m", "red");
        check("a\x1b[2Jb", "a\x1b[2Jb");
        check("\x1b[", "\x1b[");
        check("\x1b[38;5;1", "\x1b[38;5;1");
        check("a\tb", "a    b");
    }
}
