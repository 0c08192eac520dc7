//! Encoding of a page: byte order mark, then Content-Type, then `<meta>`, in its first kilobyte or later
//! ([HTML Standard, 13.2.3.2](https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding)).

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// Number of bytes needed to recognise every byte order mark.
pub(super) const BOM_BYTES: usize = 3;

/// True if a body of this Content-Type is parsed for links. A missing header counts as HTML.
pub fn is_html(content_type: Option<&str>) -> bool {
    let Some(value) = content_type else {
        return true;
    };
    let essence = value.split(';').next().unwrap_or("").trim();
    ["text/html", "application/xhtml+xml"]
        .iter()
        .any(|html| essence.eq_ignore_ascii_case(html))
}

/// Encoding in the `charset` parameter of a Content-Type, if it is a known one.
pub fn charset_of(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| Encoding::for_label(value.as_bytes()))?
    })
}

/// Encoding of a page according to its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) encoding: &'static Encoding,
    /// Length of the byte order mark in bytes.
    pub(super) bom_bytes: usize,
    /// True if the beginning declares nothing, so that a later declaration counts.
    pub(super) is_guess: bool,
}

/// Encoding by the beginning of a page. Without a declaration: UTF-8 if the beginning can be that, else windows-1252.
pub(super) fn choose(declared: Option<&'static Encoding>, first: &[u8]) -> Choice {
    if let Some((encoding, bom_bytes)) = Encoding::for_bom(first) {
        return Choice {
            encoding,
            bom_bytes,
            is_guess: false,
        };
    }
    // Limited so that the result does not depend on how much arrives at once.
    let head = &first[..first.len().min(super::SNIFF_BYTES)];
    let said = declared.or_else(|| prescan(head));
    Choice {
        encoding: readable(said.unwrap_or_else(|| guess(head))),
        bom_bytes: 0,
        is_guess: said.is_none(),
    }
}

/// Encoding to read with. The replacement encoding decodes to nothing, by design; windows-1252 still finds links in
/// ASCII.
fn readable(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == REPLACEMENT {
        return WINDOWS_1252;
    }
    encoding
}

/// The encoding that a `<meta>` beyond the first kilobyte names, if the page can have been read until there without it.
pub(super) fn late(
    charset: Option<&[u8]>,
    http_equiv: Option<&[u8]>,
    content: Option<&[u8]>,
) -> Option<&'static Encoding> {
    let is_type = http_equiv.is_some_and(|kind| kind.eq_ignore_ascii_case(b"content-type"));
    let named = charset
        .and_then(Encoding::for_label)
        .or_else(|| content.filter(|_| is_type).and_then(charset_of_content))?;
    Some(readable(of_meta(named))).filter(|encoding| encoding.is_ascii_compatible())
}

fn charset_of_content(content: &[u8]) -> Option<&'static Encoding> {
    let content = String::from_utf8_lossy(content).replace(',', ";");
    charset_of(&format!(";{content}"))
}

/// Encoding that a `<meta>` means by a name.
fn of_meta(named: &'static Encoding) -> &'static Encoding {
    match named {
        // A page in UTF-16 could not have been read so far.
        utf16 if utf16 == UTF_16LE || utf16 == UTF_16BE => UTF_8,
        user if user == X_USER_DEFINED => WINDOWS_1252,
        other => other,
    }
}

fn guess(first: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(first) {
        Ok(_) => UTF_8,
        Err(error) if error.error_len().is_none() => UTF_8, // a character cut at the end
        Err(_) => WINDOWS_1252,
    }
}

/// Algorithm "Prescan a byte stream to determine its encoding" of the HTML Standard.
fn prescan(text: &[u8]) -> Option<&'static Encoding> {
    let mut scan = Scan { text, at: 0 };
    while scan.at < text.len() {
        let rest = &text[scan.at..];
        if rest.starts_with(b"<!--") {
            // `<!-->` is a comment as well: its end may share the dashes of its beginning.
            scan.at += 2;
            scan.skip_past(b"-->");
        } else if is_tag(rest, b"<meta") {
            scan.at += b"<meta".len();
            if let Some(encoding) = scan.meta() {
                return Some(encoding);
            }
        } else if matches!(rest, [b'<', b'a'..=b'z' | b'A'..=b'Z', ..] | [b'<', b'/', b'a'..=b'z' | b'A'..=b'Z', ..])
        {
            scan.skip_name();
            while scan.attribute().is_some() {}
        } else if matches!(rest, [b'<', b'!' | b'/' | b'?', ..]) {
            scan.skip_past(b">");
        } else {
            scan.at += 1;
        }
    }
    None
}

fn is_tag(text: &[u8], tag: &[u8]) -> bool {
    let after = text.get(tag.len()).copied();
    text.len() > tag.len()
        && text[..tag.len()].eq_ignore_ascii_case(tag)
        && after.is_some_and(|byte| is_space(byte) || byte == b'/')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn skip_past(&mut self, end: &[u8]) {
        let found = self.text[self.at..]
            .windows(end.len())
            .position(|window| window == end);
        self.at = found.map_or(self.text.len(), |found| self.at + found + end.len());
    }

    fn skip_while(&mut self, matches: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        let rest = &self.text[start..];
        self.at += rest
            .iter()
            .position(|&byte| !matches(byte))
            .unwrap_or(rest.len());
        &self.text[start..self.at]
    }

    fn skip_name(&mut self) {
        self.skip_while(|byte| !is_space(byte) && byte != b'>');
    }

    /// Moves over one byte, if there is one.
    fn step(&mut self) {
        self.at = (self.at + 1).min(self.text.len());
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Next attribute of the tag; `None` at its end.
    fn attribute(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.skip_while(|byte| is_space(byte) || byte == b'/');
        if self.peek().is_none_or(|byte| byte == b'>') {
            self.step();
            return None;
        }
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'='));
        self.skip_while(|byte| !is_space(byte) && !matches!(byte, b'=' | b'>' | b'/'));
        let name = &self.text[start..self.at];
        self.skip_while(is_space);
        if self.peek() != Some(b'=') {
            return Some((name, &[]));
        }
        self.at += 1;
        self.skip_while(is_space);
        Some((name, self.value()))
    }

    fn value(&mut self) -> &'a [u8] {
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let value = self.skip_while(|byte| byte != quote);
                self.step();
                value
            }
            _ => self.skip_while(|byte| !is_space(byte) && byte != b'>'),
        }
    }

    fn meta(&mut self) -> Option<&'static Encoding> {
        let (mut charset, mut content, mut is_content_type) = (None, None, false);
        while let Some((name, value)) = self.attribute() {
            if name.eq_ignore_ascii_case(b"charset") {
                charset = charset.or(Encoding::for_label(value));
            } else if name.eq_ignore_ascii_case(b"content") {
                content = content.or_else(|| charset_of_content(value));
            } else if name.eq_ignore_ascii_case(b"http-equiv") {
                is_content_type = value.eq_ignore_ascii_case(b"content-type");
            }
        }
        charset.or(content.filter(|_| is_content_type)).map(of_meta)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_JP, ISO_8859_2, KOI8_R, SHIFT_JIS};

    use super::*;

    #[test]
    fn content_type() {
        assert_eq!(charset_of("text/html; charset=utf-8"), Some(UTF_8));
        assert_eq!(
            charset_of("text/html;Charset = \"latin2\" ; x=y"),
            Some(ISO_8859_2)
        );
        assert_eq!(charset_of("text/html; charset=nonsense"), None);
        assert_eq!(charset_of("text/html"), None);
        assert!(
            is_html(None)
                && is_html(Some("Text/HTML ; charset=x"))
                && is_html(Some("application/xhtml+xml"))
        );
        assert!(!is_html(Some("text/plain")) && !is_html(Some("")));
    }

    #[test]
    fn order_of_precedence() {
        #[track_caller]
        fn check(
            declared: Option<&'static Encoding>,
            first: &[u8],
            expected: (&'static Encoding, usize, bool),
        ) {
            let chosen = choose(declared, first);
            assert_eq!(
                (chosen.encoding, chosen.bom_bytes, chosen.is_guess),
                expected
            );
        }
        check(Some(KOI8_R), b"\xEF\xBB\xBFx", (UTF_8, 3, false));
        check(Some(KOI8_R), b"\xFF\xFEx\0", (UTF_16LE, 2, false));
        check(Some(KOI8_R), b"<meta charset=euc-jp>", (KOI8_R, 0, false));
        check(None, b"<meta charset=euc-jp>", (EUC_JP, 0, false));
        check(None, b"gr\xC3\xBC\xC3", (UTF_8, 0, true));
        check(None, b"gr\xFC\xDF", (WINDOWS_1252, 0, true));
        // Text after the first kilobyte does not count; otherwise the result would depend on how much arrives at once.
        let late = [&[b' '; 1023][..], b"\xC3\xBCgr\xFC\xDF"].concat();
        check(None, &late, (UTF_8, 0, true));
        check(
            Encoding::for_label(b"iso-2022-kr"),
            b"x",
            (WINDOWS_1252, 0, false),
        );
    }

    #[track_caller]
    fn check(html: &str, expected: Option<&'static Encoding>) {
        assert_eq!(prescan(html.as_bytes()), expected, "{html}");
    }

    #[test]
    fn meta_in_the_first_kilobyte() {
        check(
            "<!doctype html><html><head><META CHARSET='koi8-r'>",
            Some(KOI8_R),
        );
        check(
            "<meta http-equiv=Content-Type content='text/html; charset=shift_jis'>",
            Some(SHIFT_JIS),
        );
        check(
            "<meta content='text/html; charset=shift_jis' http-equiv=content-type>",
            Some(SHIFT_JIS),
        );
        check("<meta content='text/html; charset=shift_jis'>", None);
        check(
            "<!-- <meta charset=koi8-r> --><meta charset=euc-jp>",
            Some(EUC_JP),
        );
        check("<!--><meta charset=euc-jp>", Some(EUC_JP));
        check(
            "<div title='<meta charset=koi8-r>'><meta/charset=euc-jp>",
            Some(EUC_JP),
        );
        check("<meta name=x><meta charset=utf-16>", Some(UTF_8));
        check("<metax charset=koi8-r>", None);
        for cut in [
            "<meta",
            "<meta ",
            "<meta charset",
            "<meta charset=",
            "<meta charset='koi8-r",
            "<",
            "</",
            "<!--",
            "<a b='",
        ] {
            prescan(cut.as_bytes());
        }
    }
}
