//! Brings each URL to one spelling, so that a page is fetched once.
//!
//! The rules are those of the [URL Standard](https://url.spec.whatwg.org/) (host in lower case and IDNA, default port
//! and dot segments removed), and some more for differences that servers ignore: fragment and credentials are dropped,
//! hexadecimal digits of percent-encodings are in upper case, unreserved characters are decoded ([RFC 3986, section
//! 6.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2)). As an option, query parameters are sorted and those
//! for tracking removed.

mod base;
mod text;

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding, UTF_8};
use thiserror::Error;
use url::{EncodingOverride, Url};

pub(crate) use base::Base;
pub use text::UrlText;

use crate::credentials::drop_from;

/// Reasons why a link is no URL that the crawler can fetch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlError {
    /// The text is no URL by the URL Standard.
    #[error("not a URL: {reason}; expected http://host/path or https://host/path")]
    Syntax {
        /// Error of the parser.
        reason: url::ParseError,
    },
    /// The scheme is not fetched: `mailto:`, `javascript:`, `data:` and the like.
    #[error("scheme `{got}` is not fetched; expected http or https")]
    Scheme {
        /// Scheme as given, cut to 32 characters.
        got: String,
    },
    /// The URL is longer than allowed, before or after normalisation.
    #[error(
        "URL of {got_bytes} bytes, more than the {limit_bytes} allowed; raise the limit if such URLs are real"
    )]
    TooLong {
        /// Length of the URL.
        got_bytes: usize,
        /// Largest length allowed.
        limit_bytes: usize,
    },
}

/// Query parameters that only track where a visitor came from.
const TRACKING: &[&str] = &[
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "dclid",
    "fbclid",
    "gbraid",
    "gclid",
    "gclsrc",
    "igshid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "oly_anon_id",
    "oly_enc_id",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
];
const TRACKING_PREFIX: &str = "utm_";
/// Additional room for an encoder, which may write a long character and the way back to ASCII.
const SPARE_BYTES: usize = 16;

/// Rules by which URLs are brought to one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalizer {
    /// Sort query parameters by name and drop empty ones; parameters of the same name keep their order.
    pub sort_query: bool,
    /// Drop parameters that only track visitors (`utm_…`, `gclid`, …).
    pub drop_tracking: bool,
    /// Limit of a URL's length, in bytes.
    pub max_bytes: usize,
}

impl Default for Normalizer {
    fn default() -> Self {
        Self {
            sort_query: false,
            drop_tracking: false,
            max_bytes: 4096,
        }
    }
}

impl Normalizer {
    /// Parses an absolute URL and normalises it.
    pub fn parse(&self, text: &str) -> Result<Url, UrlError> {
        self.check_length(text.len())?;
        self.normalize(Url::parse(text).map_err(syntax)?)
    }

    /// Resolves a link of a page against its base and normalises it. A query is encoded in the page's encoding (the
    /// standard's "encoding-parse"), as browsers do.
    pub fn join(
        &self,
        base: &Url,
        link: &str,
        encoding: &'static Encoding,
    ) -> Result<Url, UrlError> {
        self.check_length(link.len())?;
        let output = encoding.output_encoding();
        let encode = as_encoder(|text| Cow::Owned(encoded(text, output)));
        let encode: EncodingOverride<'_> = if output == UTF_8 { None } else { Some(&encode) };
        let options = Url::options()
            .base_url(Some(base))
            .encoding_override(encode);
        self.normalize(options.parse(&one_authority(link)).map_err(syntax)?)
    }

    /// Normalises a parsed URL. Normalising twice gives the same result as once.
    pub fn normalize(&self, mut url: Url) -> Result<Url, UrlError> {
        if !matches!(url.scheme(), "http" | "https") {
            let got = url.scheme().chars().take(32).collect();
            return Err(UrlError::Scheme { got });
        }
        if url.fragment().is_some() {
            url.set_fragment(None);
        }
        // A page must not make the crawler log in somewhere.
        drop_from(&mut url);
        if let Cow::Owned(path) = canonical_escapes(url.path()) {
            url.set_path(&path);
        }
        self.normalize_query(&mut url);
        self.check_length(url.as_str().len())?;
        Ok(url)
    }

    fn normalize_query(&self, url: &mut Url) {
        let Some(query) = url.query() else { return };
        let mut query = canonical_escapes(query);
        if self.drop_tracking && query.split('&').any(is_tracking) {
            let kept: Vec<&str> = query.split('&').filter(|pair| !is_tracking(pair)).collect();
            query = Cow::Owned(kept.join("&"));
        }
        if self.sort_query && !is_sorted(&query) {
            let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
            pairs.sort_by_key(|pair| name_of(pair));
            query = Cow::Owned(pairs.join("&"));
        }
        let emptied = query.is_empty() && (self.sort_query || self.drop_tracking);
        match query {
            _ if emptied => url.set_query(None),
            Cow::Owned(query) => url.set_query(Some(&query)),
            Cow::Borrowed(_) => {}
        }
    }

    fn check_length(&self, got_bytes: usize) -> Result<(), UrlError> {
        if got_bytes > self.max_bytes {
            return Err(UrlError::TooLong {
                got_bytes,
                limit_bytes: self.max_bytes,
            });
        }
        Ok(())
    }
}

/// Gives a closure the type that the URL parser needs, valid for texts of any lifetime.
fn as_encoder<F: for<'a> Fn(&'a str) -> Cow<'a, [u8]>>(encode: F) -> F {
    encode
}

/// Encodes a text. A character outside of the encoding becomes a percent-encoded numeric reference, as in the
/// standard's "percent-encode after encoding". The encoder itself would write it with a bare `&`, which ends a
/// parameter.
fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() + SPARE_BYTES);
    let mut rest = text;
    loop {
        let (result, read) =
            encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::OutputFull => out.reserve(rest.len() + SPARE_BYTES),
            EncoderResult::Unmappable(character) => {
                out.extend(format!("%26%23{}%3B", u32::from(character)).into_bytes());
                out.reserve(rest.len() + SPARE_BYTES);
            }
        }
    }
}

fn syntax(reason: url::ParseError) -> UrlError {
    UrlError::Syntax { reason }
}

/// A link with two slashes for more of them at its begin: `///host/path` names a host on the web (the standard's "special
/// authority ignore slashes state"), which the parser takes for a host without a name.
pub(crate) fn one_authority(link: &str) -> Cow<'_, str> {
    let trimmed = link.trim_start_matches(|character| character <= ' ');
    let rest = trimmed.trim_start_matches(['/', '\\']);
    if trimmed.len() - rest.len() > 2 {
        return Cow::Owned(format!("//{rest}"));
    }
    Cow::Borrowed(link)
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or(pair)
}

fn is_tracking(pair: &str) -> bool {
    let name = name_of(pair);
    name.starts_with(TRACKING_PREFIX) || TRACKING.binary_search(&name).is_ok()
}

fn is_sorted(query: &str) -> bool {
    query.split('&').all(|pair| !pair.is_empty()) && query.split('&').is_sorted_by_key(name_of)
}

/// Brings percent-encodings to one spelling: `%7e` becomes `~`, `%c3` becomes `%C3`. A character that would complete an
/// invalid escape before it (`%2%65`) is not decoded, so that the result is stable.
fn canonical_escapes(text: &str) -> Cow<'_, str> {
    if !needs_work(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = match escaped(rest.as_bytes()) {
            Some(byte) => {
                push_escape(&mut out, byte);
                &rest[3..]
            }
            None => {
                out.push('%');
                &rest[1..]
            }
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn needs_work(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = text[at..].iter().position(|&byte| byte == b'%') {
        at += found;
        if let Some(byte) = escaped(&text[at..])
            && (is_unreserved(byte) || text[at + 1..at + 3].iter().any(u8::is_ascii_lowercase))
        {
            return true;
        }
        at += 1;
    }
    false
}

/// Byte encoded by `%hh` at the beginning of `text`.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| (byte as char).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// True for an unreserved character (RFC 3986, section 2.3).
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_escape(out: &mut String, byte: u8) {
    if is_unreserved(byte) && !ends_inside_escape(out.as_bytes()) {
        out.push(byte as char);
        return;
    }
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
    out.extend(['%', digit(byte >> 4), digit(byte)]);
}

/// True if the text ends with `%` or `%h` that is no complete escape, but could become one with one more digit.
fn ends_inside_escape(text: &[u8]) -> bool {
    match text {
        [.., b'%'] => true,
        [.., b'%', last] => last.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(normalizer: &Normalizer, given: &str, expected: &str) {
        assert_eq!(
            normalizer.parse(given).unwrap().as_str(),
            expected,
            "{given}"
        );
    }

    fn full() -> Normalizer {
        Normalizer {
            sort_query: true,
            drop_tracking: true,
            ..Normalizer::default()
        }
    }

    #[test]
    fn one_spelling() {
        let plain = Normalizer::default();
        check(
            &plain,
            "HTTP://User:Pw@EXAMPLE.com:80/a/../b/./c#frag",
            "http://example.com/b/c",
        );
        check(&plain, "https://example.com:443", "https://example.com/");
        check(
            &plain,
            "https://example.com:8443/",
            "https://example.com:8443/",
        );
        check(
            &plain,
            "http://bücher.example/ü?ü",
            "http://xn--bcher-kva.example/%C3%BC?%C3%BC",
        );
        check(
            &plain,
            "http://a/%7euser/%c3%bc%2F",
            "http://a/~user/%C3%BC%2F",
        );
        check(&plain, "http://a/%2e%2E/x/%2e", "http://a/x/");
        check(&plain, "http://a/?b=%7e&a=%3d", "http://a/?b=~&a=%3D");
        check(&plain, "http://a/%2%65", "http://a/%2%65");
        check(&plain, "http://a/%%41", "http://a/%%41");
        check(&plain, "http://a/100%", "http://a/100%");
        check(&plain, "http://a/?", "http://a/?");
        check(&plain, "http://[::1]:80/", "http://[::1]/");
        check(&plain, "http://0x7f.1/", "http://127.0.0.1/");
        check(&plain, " http://a/\tb\n", "http://a/b");
    }

    #[test]
    fn query_options() {
        check(
            &full(),
            "http://a/?b=2&a=1&b=1&&c",
            "http://a/?a=1&b=2&b=1&c",
        );
        check(
            &full(),
            "http://a/?utm_source=x&id=1&gclid=y",
            "http://a/?id=1",
        );
        check(&full(), "http://a/?utm_source=x", "http://a/");
        check(&full(), "http://a/?", "http://a/");
        check(
            &full(),
            "http://a/?autm_source=x",
            "http://a/?autm_source=x",
        );
        assert!(TRACKING.is_sorted());
    }

    #[test]
    fn refusals_have_names() {
        let normalizer = Normalizer {
            max_bytes: 30,
            ..Normalizer::default()
        };
        assert_eq!(
            normalizer.parse("mailto:a@b"),
            Err(UrlError::Scheme {
                got: "mailto".into()
            })
        );
        assert!(matches!(
            normalizer.parse("http://"),
            Err(UrlError::Syntax { .. })
        ));
        assert!(matches!(
            normalizer.parse("/relative"),
            Err(UrlError::Syntax { .. })
        ));
        let error = normalizer.parse("http://a/üüüüüü").unwrap_err();
        assert_eq!(
            error,
            UrlError::TooLong {
                got_bytes: 45,
                limit_bytes: 30
            }
        );
        assert!(matches!(
            normalizer.parse(&"x".repeat(31)),
            Err(UrlError::TooLong { .. })
        ));
    }

    #[test]
    fn links_are_resolved_with_the_encoding_of_the_page() {
        let base = Url::parse("http://a/b/c?d").unwrap();
        let joined = |link| {
            Normalizer::default()
                .join(&base, link, encoding_rs::WINDOWS_1252)
                .unwrap()
                .to_string()
        };
        assert_eq!(joined("../x"), "http://a/x");
        assert_eq!(joined("?ü"), "http://a/b/c?%FC");
        assert_eq!(joined("?q=жü"), "http://a/b/c?q=%26%231078%3B%FC");
        assert_eq!(joined("ü"), "http://a/b/%C3%BC");
        assert_eq!(joined("//h/"), "http://h/");
        for link in ["///h/x", " ////h/x", "/\\/h/x", "\\\\\\h\\x"] {
            assert_eq!(joined(link), "http://h/x", "{link}");
        }
        assert_eq!(joined(""), "http://a/b/c?d");
    }

    proptest! {
        #[test]
        fn twice_is_once(
            path in "[a-z/.%0-9A-F~ ü]{0,24}", query in "[a-z=&%0-9aF;+]{0,24}", sort: bool, drop: bool,
        ) {
            let normalizer = Normalizer { sort_query: sort, drop_tracking: drop, ..Normalizer::default() };
            if let Ok(once) = normalizer.parse(&format!("http://h/{path}?{query}")) {
                let again = normalizer.normalize(once.clone()).unwrap();
                prop_assert_eq!(&again, &once);
                let parsed = normalizer.parse(once.as_str()).unwrap();
                prop_assert_eq!(parsed, once);
            }
        }

        #[test]
        fn any_text_is_refused_or_stable(text in "\\PC{0,60}") {
            if let Ok(once) = full().parse(&text) {
                prop_assert_eq!(full().parse(once.as_str()).unwrap(), once);
            }
        }
    }
}
