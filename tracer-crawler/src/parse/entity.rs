//! Character references in attribute values ([HTML Standard, 13.2.5.72](https://html.spec.whatwg.org/multipage/parsing.html#character-reference-state)).

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;
use quick_xml::escape::resolve_html5_entity;

/// Length of the longest name in the standard's table.
const LONGEST_NAME: usize = 31;

/// Names that are valid without a semicolon too, unless `=`, a letter or a digit follows.
const WITHOUT_SEMICOLON: &[&str] = &[
    "AElig", "AMP", "Aacute", "Acirc", "Agrave", "Aring", "Atilde", "Auml", "COPY", "Ccedil",
    "ETH", "Eacute", "Ecirc", "Egrave", "Euml", "GT", "Iacute", "Icirc", "Igrave", "Iuml", "LT",
    "Ntilde", "Oacute", "Ocirc", "Ograve", "Oslash", "Otilde", "Ouml", "QUOT", "REG", "THORN",
    "Uacute", "Ucirc", "Ugrave", "Uuml", "Yacute", "aacute", "acirc", "acute", "aelig", "agrave",
    "amp", "aring", "atilde", "auml", "brvbar", "ccedil", "cedil", "cent", "copy", "curren", "deg",
    "divide", "eacute", "ecirc", "egrave", "eth", "euml", "frac12", "frac14", "frac34", "gt",
    "iacute", "icirc", "iexcl", "igrave", "iquest", "iuml", "laquo", "lt", "macr", "micro",
    "middot", "nbsp", "not", "ntilde", "oacute", "ocirc", "ograve", "ordf", "ordm", "oslash",
    "otilde", "ouml", "para", "plusmn", "pound", "quot", "raquo", "reg", "sect", "shy", "sup1",
    "sup2", "sup3", "szlig", "thorn", "times", "uacute", "ucirc", "ugrave", "uml", "uuml",
    "yacute", "yen", "yuml",
];

/// Replaces the character references of a value.
pub(super) fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let used = if rest.starts_with('#') {
            numeric(rest, &mut out)
        } else {
            named(rest, &mut out)
        };
        match used {
            Some(used) => rest = &rest[used..],
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Decodes `#123;` or `#x7B;` and returns its length.
fn numeric(text: &str, out: &mut String) -> Option<usize> {
    let (radix, prefix) = if text[1..].starts_with(['x', 'X']) {
        (16, 2)
    } else {
        (10, 1)
    };
    let digits: &str = {
        let rest = &text[prefix..];
        &rest[..rest
            .find(|character: char| !character.is_digit(radix))
            .unwrap_or(rest.len())]
    };
    if digits.is_empty() {
        return None;
    }
    // A number too long for a u32 is out of range as well.
    out.push(character(
        u32::from_str_radix(digits, radix).unwrap_or(u32::MAX),
    ));
    let end = prefix + digits.len();
    Some(end + usize::from(text[end..].starts_with(';')))
}

fn character(code: u32) -> char {
    match code {
        0 => char::REPLACEMENT_CHARACTER,
        0x80..=0x9F => {
            let byte = [u8::try_from(code).unwrap_or(0)];
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(&byte);
            text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// Decodes `amp;` or, for some names, `amp`, and returns its length.
fn named(text: &str, out: &mut String) -> Option<usize> {
    let end = text
        .bytes()
        .take(LONGEST_NAME + 1)
        .position(|byte| !byte.is_ascii_alphanumeric());
    let end = end.or((text.len() <= LONGEST_NAME).then_some(text.len()))?;
    let name = &text[..end];
    let next = text.as_bytes().get(end);
    if next == Some(&b';') {
        out.push_str(resolve_html5_entity(name)?);
        return Some(end + 1);
    }
    if next == Some(&b'=') || WITHOUT_SEMICOLON.binary_search(&name).is_err() {
        return None;
    }
    out.push_str(resolve_html5_entity(name)?);
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references() {
        for (given, expected) in [
            ("a?b=1&amp;c=2", "a?b=1&c=2"),
            ("a?b=1&c=2", "a?b=1&c=2"),
            ("a?x=1&copy=2", "a?x=1&copy=2"),
            ("a?x=1&copy;=2", "a?x=1©=2"),
            ("a?x=1&copy", "a?x=1©"),
            ("&copy/", "©/"),
            ("&copyx", "&copyx"),
            ("&notit;", "&notit;"),
            ("&notin;", "∉"),
            ("&#47;&#x2f;&#X2F;&#47", "////"),
            ("&#47a", "/a"),
            (
                "&#x80;&#0;&#xD800;&#x110000;&#99999999999;",
                "€\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
            ),
            ("&#;&#x;&;&", "&#;&#x;&;&"),
            ("&CounterClockwiseContourIntegral;", "∳"),
            ("&hellip", "&hellip"),
            ("&amp;amp;", "&amp;"),
        ] {
            assert_eq!(decode(given), expected, "{given}");
        }
        assert!(WITHOUT_SEMICOLON.is_sorted());
        assert!(
            WITHOUT_SEMICOLON
                .iter()
                .all(|name| resolve_html5_entity(name).is_some())
        );
    }

    proptest! {
        #[test]
        fn any_text(text in "[&#xX;a-zü0-9=]{0,40}") {
            decode(&text);
        }
    }
}
