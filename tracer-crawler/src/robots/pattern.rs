//! Patterns of rules: `*` stands for any bytes, `$` at the end for the end of the URL (RFC 9309 section 2.2.3).

use std::borrow::Cow;

use memchr::memmem;

/// The text of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Pattern as in the file, bytes beyond ASCII percent-encoded and digits of percent-encodings in upper case.
    written: Box<[u8]>,
    /// Pattern in the spelling of [`canonical_path`], where that is another one.
    canonical: Option<Box<[u8]>>,
}

impl Pattern {
    /// Takes the value of a line.
    pub(super) fn new(value: &[u8]) -> Self {
        let written = escaped(value).into_owned();
        let canonical = canonical_pattern(&written);
        let canonical = (*canonical != *written).then(|| canonical.into());
        Self {
            written: written.into(),
            canonical,
        }
    }

    pub(super) fn as_written(&self) -> &[u8] {
        &self.written
    }

    pub(super) fn canonical(&self) -> &[u8] {
        self.canonical.as_deref().unwrap_or(&self.written)
    }

    pub(super) fn is_canonical(&self) -> bool {
        self.canonical.is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        self.written.len() + self.canonical.as_ref().map_or(0, |text| text.len())
    }

    /// `/a/$` of `/a/index.html`.
    pub(super) fn directory_of_index(&self) -> Option<Self> {
        let slash = memchr::memrchr(b'/', &self.written)?;
        let (directory, page) = self.written.split_at(slash + 1);
        let is_index = page.starts_with(b"index.htm");
        is_index.then(|| Self::new(&[directory, b"$"].concat()))
    }
}

/// Tells whether a pattern matches a path with its query, from its first byte on.
///
/// The parts between the stars are looked for one after the other, each as far to the left as it can be: if there is a
/// match at all, this way finds one.
pub(super) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, is_whole) = match pattern.strip_suffix(b"$") {
        Some(before) => (before, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    // Without a star the first part is the last one as well.
    let Some(mut last) = parts.next() else {
        return !is_whole || rest.is_empty();
    };
    for next in parts {
        let Some(at) = memmem::find(rest, last) else {
            return false;
        };
        rest = &rest[at + last.len()..];
        last = next;
    }
    if is_whole {
        rest.ends_with(last)
    } else {
        memmem::find(rest, last).is_some()
    }
}

/// Bytes beyond ASCII percent-encoded, digits of percent-encodings in upper case, all else as it is.
fn escaped(text: &[u8]) -> Cow<'_, [u8]> {
    respelled(text, |byte, is_encoded| is_encoded || !byte.is_ascii())
}

/// A path with its query in the spelling that patterns are compared in: unreserved bytes as they are, what a URL cannot
/// hold and the two special bytes percent-encoded, delimiters as they are in the text (RFC 9309 section 2.2.2).
pub(super) fn canonical_path(path: &[u8]) -> Cow<'_, [u8]> {
    respelled(path, |byte, is_encoded| {
        !is_unreserved(byte) && (is_encoded || !is_delimiter(byte))
    })
}

/// Canonical form of a pattern: stars and the `$` at the end stay as they are.
fn canonical_pattern(pattern: &[u8]) -> Cow<'_, [u8]> {
    let (body, end) = match pattern.strip_suffix(b"$") {
        Some(body) => (body, &b"$"[..]),
        None => (pattern, &b""[..]),
    };
    let body = respelled(body, |byte, is_encoded| {
        let is_star = byte == b'*' && !is_encoded;
        !is_star && !is_unreserved(byte) && (is_encoded || !is_delimiter(byte))
    });
    match body {
        Cow::Borrowed(_) => Cow::Borrowed(pattern),
        Cow::Owned(body) => Cow::Owned([&body, end].concat()),
    }
}

/// Writes each byte as it is or percent-encoded; `encode` says which, of the byte and whether it was encoded.
fn respelled(text: &[u8], encode: impl Fn(u8, bool) -> bool) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let decoded = decoded(rest);
        let byte = decoded.unwrap_or(*first);
        rest = decoded.map_or(after, |_| &rest[3..]);
        if encode(byte, decoded.is_some()) {
            let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
            out.extend([b'%', digit(byte >> 4), digit(byte)]);
        } else {
            out.push(byte);
        }
    }
    if out == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(out)
    }
}

/// The byte that `%hh` at the beginning of a text stands for.
fn decoded(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 2.2, but for the two special bytes of patterns and for `'`, which URLs of the web encode in a query.
const fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'&'
            | b'('
            | b')'
            | b'+'
            | b','
            | b';'
            | b'='
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_ends() {
        for (pattern, path, expected) in [
            ("/", "/a", true),
            ("/a", "/b", false),
            ("*/feed/", "/feed/", true),
            ("*/feed/", "/x/feed/y", true),
            ("*/feed/", "/feed", false),
            ("feed", "/feed", false),
            ("*feed", "/feed", true),
            ("/a*", "/a", true),
            ("/a*b*c", "/a-b-b-c-d", true),
            ("/a*b*c", "/a-c-b", false),
            ("/*.php$", "/x.php", true),
            ("/*.php$", "/x.php?y", false),
            ("/*.php$", "/x.php/z.php", true),
            ("/a*a$", "/a", false),
            ("/a*$", "/a", true),
            ("$", "/", false),
            ("*$", "/", true),
            ("/$", "/", true),
            ("/$", "/a", false),
            ("/a$b", "/a$bc", true),
            ("/a$$", "/a$", true),
            ("**", "/", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), path.as_bytes()),
                expected,
                "{pattern} {path}"
            );
        }
    }

    /// The definition, one byte at a time.
    fn matches_slowly(pattern: &[u8], path: &[u8]) -> bool {
        match (pattern, path) {
            ([], _) => true,
            ([b'$'], rest) => rest.is_empty(),
            ([b'*', after @ ..], rest) => {
                (0..=rest.len()).any(|skip| matches_slowly(after, &rest[skip..]))
            }
            ([byte, after @ ..], [first, rest @ ..]) => {
                byte == first && matches_slowly(after, rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_finds_what_the_definition_does(pattern in "[ab*$]{0,8}", path in "[ab$]{0,10}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), path.as_bytes()),
                matches_slowly(pattern.as_bytes(), path.as_bytes())
            );
        }

        #[test]
        fn a_second_spelling_changes_nothing(text: Vec<u8>) {
            let once = canonical_path(&text).into_owned();
            prop_assert_eq!(canonical_path(&once).into_owned(), once.clone());
        }
    }
}
