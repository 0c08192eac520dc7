//! Resolves links against the base of their page.
//!
//! Most links are simple: their URL is a part of the base followed by the link itself, unchanged, and needs no parsing.
//! All other links go through the parser.

use encoding_rs::Encoding;
use url::{Position, Url};

use super::{Normalizer, UrlError, UrlText, escaped, is_unreserved, needs_work};

/// Base for the links of a page.
#[derive(Debug)]
pub(crate) struct Base<'a> {
    url: &'a Url,
    normalizer: &'a Normalizer,
    encoding: &'static Encoding,
    /// Parts of the base that a simple link can follow: up to the path, to its last `/`, or to the query. A part is
    /// empty if its text may differ in a normalised URL.
    origin: &'a str,
    directory: &'a str,
    page: &'a str,
}

/// Class of a byte in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The byte is the same in every URL.
    Plain,
    /// The byte may be part of a dot segment.
    Dot,
    Slash,
    /// The byte ends a scheme in the first segment of a link.
    Colon,
    Percent,
    Question,
    Hash,
    /// The link has to be parsed.
    Other,
}

const CLASSES: [Class; 256] = {
    let (mut classes, mut byte) = ([Class::Other; 256], 0_u8);
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'.' => Class::Dot,
            b'/' => Class::Slash,
            b':' => Class::Colon,
            b'%' => Class::Percent,
            b'?' => Class::Question,
            b'#' => Class::Hash,
            b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b'@' => {
                Class::Plain
            }
            _ if is_unreserved(byte) => Class::Plain,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

impl<'a> Base<'a> {
    /// Makes a base; `encoding` is that of the page.
    pub(crate) fn new(
        url: &'a Url,
        normalizer: &'a Normalizer,
        encoding: &'static Encoding,
    ) -> Self {
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none();
        let origin = if is_plain {
            &url[..Position::BeforePath]
        } else {
            ""
        };
        let page = if is_plain && !needs_work(url.path().as_bytes()) {
            &url[..Position::AfterPath]
        } else {
            ""
        };
        let directory = page.rfind('/').map_or("", |last| &page[..=last]);
        Self {
            url,
            normalizer,
            encoding,
            origin,
            directory,
            page,
        }
    }

    /// Resolves and normalises a link like [`Normalizer::join`]. The URL is appended to `out`; the result is the place
    /// of its path.
    pub(crate) fn join(&self, link: &str, out: &mut String) -> Result<usize, UrlError> {
        if let Some((beginning, rest)) = self.plain(link) {
            out.reserve(beginning.len() + rest.len());
            out.push_str(beginning);
            out.push_str(rest);
            return Ok(self.origin.len());
        }
        let url = self.normalizer.join(self.url, link, self.encoding)?;
        let text = UrlText::from(&url);
        out.push_str(text.as_str());
        Ok(text.path_at())
    }

    /// The two parts of a simple link's URL.
    fn plain<'l>(&self, link: &'l str) -> Option<(&'a str, &'l str)> {
        let (beginning, rest) = match *link.as_bytes() {
            [b'/', b'/', ..] | [b'#', ..] | [] => return None,
            [b'/', ..] => (self.origin, link),
            [b'?', ..] => (self.page, link),
            _ => match link.strip_prefix(self.origin) {
                Some(path) if path.starts_with('/') && !self.origin.is_empty() => {
                    (self.origin, path)
                }
                _ => (self.directory, link),
            },
        };
        let rest = &rest[..self.plain_bytes(rest.as_bytes())?];
        let limit = self.normalizer.max_bytes;
        let fits = link.len().max(beginning.len() + rest.len()) <= limit;
        (!beginning.is_empty() && fits).then_some((beginning, rest))
    }

    /// Length of path and query before the fragment, if both are the same in the URL.
    fn plain_bytes(&self, text: &[u8]) -> Option<usize> {
        let has_options = self.normalizer.sort_query || self.normalizer.drop_tracking;
        let is_in_first = text[0] != b'/';
        let (mut is_in_query, mut has_segment, mut before) = (false, !is_in_first, Class::Slash);
        for (at, &byte) in text.iter().enumerate() {
            let class = CLASSES[usize::from(byte)];
            match class {
                Class::Plain => {}
                Class::Slash => has_segment = true,
                Class::Dot if before != Class::Slash || is_in_query => {}
                Class::Colon if has_segment || is_in_query => {}
                Class::Percent if is_canonical(&text[at..]) => {}
                Class::Question if !has_options => is_in_query = true,
                Class::Hash => return Some(at),
                _ => return None,
            }
            before = class;
        }
        Some(text.len())
    }
}

/// True for a percent-encoding that normalising does not change.
fn is_canonical(text: &[u8]) -> bool {
    escaped(text)
        .is_some_and(|byte| !is_unreserved(byte) && !text[1..3].iter().any(u8::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16LE, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    const ENCODINGS: [&Encoding; 6] = [
        UTF_8,
        WINDOWS_1252,
        SHIFT_JIS,
        EUC_JP,
        ISO_2022_JP,
        UTF_16LE,
    ];

    /// Checks that the result is that of the parser; returns whether the link was simple.
    #[track_caller]
    fn check(base: &str, link: &str, normalizer: &Normalizer) -> bool {
        let url = Url::parse(base).unwrap();
        for encoding in ENCODINGS {
            let base = Base::new(&url, normalizer, encoding);
            let mut text = String::from("before");
            let joined = base.join(link, &mut text).map(|path| {
                let text = UrlText::new(&text["before".len()..], path);
                (text.as_str().to_owned(), text.path_at())
            });
            let expected = normalizer.join(&url, link, encoding).map(|url| {
                let text = UrlText::from(&url);
                (text.as_str().to_owned(), text.path_at())
            });
            assert_eq!(joined, expected, "{link} in {url}");
            assert!(joined.is_ok() || text == "before");
        }
        Base::new(&url, normalizer, UTF_8).plain(link).is_some()
    }

    #[test]
    fn what_is_plain() {
        let normalizer = Normalizer::default();
        for link in [
            "/",
            "/a/b.html",
            "/a//b?c=d&e#f",
            "a.html",
            "a/b:c",
            "?x=/../",
            "http://h:81/a",
            "http://h:81//b",
            "/a%20b%C3%A9",
            "-._~!$&()*+,;=@",
            "/a#\\\u{fc} ",
            "/a..b/c.",
        ] {
            assert!(
                check("http://h:81/dir/page?q#f", link, &normalizer),
                "{link}"
            );
        }
        for link in [
            "",
            "#",
            "//o",
            "/.",
            "/a/../b",
            "..",
            "./a",
            ".a",
            "a:b",
            "http:a",
            "mailto:a@b",
            "/a b",
            " /a",
            "/a\n",
            "/\\b",
            "\\b",
            "/%2e",
            "/%7Ea",
            "/%c3",
            "/%",
            "/%4",
            "/%zz",
            "/ü",
            "?'",
            "/a|b",
            "/a^b",
            "HTTP://h:81/",
            "http://h:81",
            "http://h:810/",
            "http://h:81?a",
            "http://h/a",
            "/`",
            "/{a}",
            "/[",
        ] {
            assert!(
                !check("http://h:81/dir/page?q#f", link, &normalizer),
                "{link}"
            );
        }
    }

    #[test]
    fn what_bases_are_plain() {
        let normalizer = Normalizer::default();
        for (base, is_plain) in [
            ("https://h", true),
            ("http://[::1]:8/%2F/", true),
            ("http://h/%7e/a", false),
            ("http://u@h/a", false),
            ("http://:p@h/a", false),
            ("ftp://h/a", false),
            ("data:a", false),
        ] {
            assert_eq!(check(base, "a?b", &normalizer), is_plain, "{base}");
            check(base, "?b", &normalizer);
            check(base, "/b", &normalizer);
        }
    }

    #[test]
    fn options_and_limits() {
        let normalizer = Normalizer {
            sort_query: true,
            ..Normalizer::default()
        };
        assert!(!check("http://h/", "/a?c&b", &normalizer));
        let normalizer = Normalizer {
            drop_tracking: true,
            ..Normalizer::default()
        };
        assert!(!check("http://h/", "/a?gclid=1", &normalizer));
        assert!(check("http://h/", "/a", &normalizer));
        let normalizer = Normalizer {
            max_bytes: 12,
            ..Normalizer::default()
        };
        assert!(check("http://h/", "/123", &normalizer));
        assert!(!check("http://h/", "/1234", &normalizer));
        assert!(!check("http://h/", "/#23456789012", &normalizer));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn as_the_parser_says(
            base in "(http|https|HTTP|ftp|data)(://|:)(u(:p)?@)?(h|H\\.x|\\[::1\\]|127\\.1|xn--)(:80|:443|:8080)?(/[a%7eE/.]{0,6}){0,2}([?][a/]{0,3})?(#x)?",
            link in "(/|//|\\?|#|\\.|http://h/|http://|https://h:8080|mailto:)?[a-zA-Z0-9/.%:?#&;=+@~!$()*,'\"<>\\\\|^`\\[\\]{} \t\nüж-]{0,16}",
            escape in "(%[0-9a-fA-F]{2}|/\\.\\.?|/%2[eE]|)",
            sort: bool, drop: bool, max_bytes in 8_usize..48,
        ) {
            if Url::parse(&base).is_ok() {
                let normalizer = Normalizer { sort_query: sort, drop_tracking: drop, max_bytes };
                check(&base, &link, &normalizer);
                check(&base, &format!("{link}{escape}"), &normalizer);
                check(&base, &format!("/{escape}{link}"), &Normalizer::default());
            }
        }

        #[test]
        fn plain_ones_as_the_parser_says(
            base in "https?://[a-z]{1,4}(:[1-9][0-9]{1,3})?/[a-z/.]{0,8}",
            link in "(/|\\?|)[a-z0-9/.:?&=%A-F-]{0,12}(#.{0,4})?",
        ) {
            check(&base, &link, &Normalizer::default());
        }
    }
}
