//! Attribute values with a grammar of their own: `srcset`, and the content of `<meta http-equiv=refresh>`.

/// URL of a refresh, if it has one
/// ([HTML Standard, 4.2.5.3](https://html.spec.whatwg.org/multipage/semantics.html#shared-declarative-refresh-steps)).
pub(super) fn refresh_url(content: &str) -> Option<&str> {
    let rest = content.trim_start_matches(is_space);
    let after_time =
        rest.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    if after_time.len() == rest.len() {
        return None;
    }
    let rest = after_time
        .trim_start_matches(|character| is_space(character) || matches!(character, ';' | ','));
    if rest.len() == after_time.len() {
        return None;
    }
    let rest = strip_url_key(rest).unwrap_or(rest);
    let url = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next().unwrap_or(""),
        _ => rest,
    };
    let url = url.trim_matches(is_space);
    (!url.is_empty()).then_some(url)
}

/// Text after `url=`.
fn strip_url_key(text: &str) -> Option<&str> {
    let (key, rest) = text.split_at_checked(3)?;
    let rest = rest.trim_start_matches(is_space).strip_prefix('=')?;
    key.eq_ignore_ascii_case("url")
        .then(|| rest.trim_start_matches(is_space))
}

/// URLs of a `srcset` ([HTML Standard,
/// 4.8.4.3.8](https://html.spec.whatwg.org/multipage/images.html#parsing-a-srcset-attribute)).
pub(super) fn srcset_urls(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        text = text.trim_start_matches(|character| is_space(character) || character == ',');
        if text.is_empty() {
            return None;
        }
        let (url, rest) = text.split_at(text.find(is_space).unwrap_or(text.len()));
        let bare = url.trim_end_matches(',');
        text = if bare.len() < url.len() {
            rest
        } else {
            skip_descriptors(rest)
        };
        Some(bare)
    })
}

/// Text after the comma that ends a candidate; commas in parentheses do not end it.
fn skip_descriptors(text: &str) -> &str {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\u{C}' | '\r' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh() {
        for (content, expected) in [
            ("0; url=/a", Some("/a")),
            ("5;URL = '/a b' x", Some("/a b")),
            (" 1.5 , \"x\"", Some("x")),
            ("0;/a", Some("/a")),
            ("0; url", Some("url")),
            ("5", None),
            ("5;", None),
            ("url=/a", None),
            ("0x; url=/a", None),
            ("", None),
            ("0;ü", Some("ü")),
        ] {
            assert_eq!(refresh_url(content), expected, "{content}");
        }
    }

    #[test]
    fn srcset() {
        for (text, expected) in [
            ("a.png, b.png 2x", vec!["a.png", "b.png"]),
            ("a,b 100w,c", vec!["a,b", "c"]),
            ("a.png 1x (x, y), b", vec!["a.png", "b"]),
            (" , ,a ,", vec!["a"]),
            ("data:x,y 1x", vec!["data:x,y"]),
            ("", vec![]),
        ] {
            assert_eq!(srcset_urls(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
