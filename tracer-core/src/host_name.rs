//! Names of hosts in one spelling, whether they were seen in a DNS message, in a ClientHello or in a Host field. So a
//! host is one row, however its name was written.

use std::fmt::Write as _;

/// Name made of text with dots: in lower case (RFC 4343), without the dot at its end, escaped as by [`push_label`].
pub fn canonical(text: &[u8]) -> String {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let mut name = String::with_capacity(text.len());
    for (at, label) in text.split(|&byte| byte == b'.').enumerate() {
        if at != 0 {
            name.push('.');
        }
        push_label(&mut name, label);
    }
    name
}

/// Appends a label in lower case. A dot or backslash inside it, and all bytes except visible ASCII, become `\DDD` as in
/// zone files (RFC 4343 2.1).
pub fn push_label(name: &mut String, label: &[u8]) {
    for &byte in label {
        match byte {
            b'.' | b'\\' => {
                let _ = write!(name, "\\{byte:03}");
            }
            0x21..=0x7e => name.push(char::from(byte.to_ascii_lowercase())),
            _ => {
                let _ = write!(name, "\\{byte:03}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        #[track_caller]
        fn check(text: &[u8], expected: &str) {
            assert_eq!(canonical(text), expected);
        }
        check(b"www.Example.ORG", "www.example.org");
        check(b"www.example.org.", "www.example.org");
        check(b"www.example.org..", "www.example.org.");
        check(b".a", ".a");
        check(b"a\x1b[2J\\\xff \n", "a\\027[2j\\092\\255\\032\\010");
        check(b"", "");
        check(b".", "");
    }
}
