//! Copying through the terminal (OSC 52): it works over ssh too, where the terminal allows it.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};

/// Longest text that is copied; many terminals ignore longer ones.
const MAX_BYTES: usize = 8192;

/// Writes the text in the form in which terminals take it to their clipboard.
pub(super) fn copy(terminal: &mut impl Write, text: &str) -> io::Result<()> {
    let end = text.floor_char_boundary(MAX_BYTES);
    write!(
        terminal,
        "\x1b]52;c;{}\x07",
        STANDARD.encode(&text.as_bytes()[..end])
    )?;
    terminal.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_terminals_take_them() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let mut written = Vec::new();
            copy(&mut written, text).unwrap();
            let expected = format!("\x1b]52;c;{expected}\x07");
            assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
        check("ü", "w7w=");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut written = Vec::new();
        copy(&mut written, &"ü".repeat(MAX_BYTES)).unwrap();
        assert!(written.len() < 2 * MAX_BYTES);
    }
}
