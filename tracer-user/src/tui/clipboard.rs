//! Copying through the terminal (OSC 52): it works over ssh too, where the terminal allows it.

use std::io::{self, Write};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Longest text that is copied; many terminals ignore longer ones.
const MAX_BYTES: usize = 8192;

/// Writes the text in the form in which terminals take it to their clipboard.
pub(super) fn copy(terminal: &mut impl Write, text: &str) -> io::Result<()> {
    let end = text.floor_char_boundary(MAX_BYTES);
    write!(
        terminal,
        "\x1b]52;c;{}\x07",
        base64(&text.as_bytes()[..end])
    )?;
    terminal.flush()
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= part.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
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
