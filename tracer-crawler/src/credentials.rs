//! User names and passwords: of a proxy, and of URLs that somebody gives as seeds.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::header::{self, HeaderName, HeaderValue};
use url::Url;

use crate::settings::REDACTED;

/// Headers whose values are credentials.
pub(crate) const SECRET_HEADERS: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// User name and password; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// For the wire only.
    pub user: String,
    /// For the wire only.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Credentials {
    /// The user name and password in front of the host of a URL, if there are any.
    pub fn of_url(url: &Url) -> Option<Self> {
        let password = url.password();
        (!url.username().is_empty() || password.is_some()).then(|| Self {
            user: decoded(url.username()),
            password: decoded(password.unwrap_or("")),
        })
    }

    /// `Basic …` (RFC 7617), as Authorization and Proxy-Authorization want it.
    pub(crate) fn basic(&self) -> String {
        let Self { user, password } = self;
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    /// Value for Authorization or Proxy-Authorization, marked so that outputs and logs leave it out.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.basic()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Takes user name and password out of a URL.
pub(crate) fn drop_from(url: &mut Url) {
    // The setters refuse only URLs without a host; those hold no credentials either.
    if !url.username().is_empty() {
        let _ = url.set_username("");
    }
    if url.password().is_some() {
        let _ = url.set_password(None);
    }
}

/// A text that may be a URL, for messages: without what stands before `@` in front of the host.
pub(crate) fn shown(text: &str) -> String {
    let begin = text.find("//").map_or(0, |at| at + 2);
    let end = text[begin..]
        .find(['/', '?', '#', '\\'])
        .map_or(text.len(), |at| begin + at);
    match text[begin..end].rfind('@') {
        Some(at) => format!("{}{}", &text[..begin], &text[begin + at + 1..]),
        None => text.to_owned(),
    }
}

/// A header line for messages: without the value of a header that carries credentials.
pub(crate) fn shown_header(line: &str) -> String {
    let name = line.split(':').next().unwrap_or_default().trim();
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) if SECRET_HEADERS.contains(&name) => format!("{name}: {REDACTED}"),
        _ => line.to_owned(),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if byte == b'%' => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_urls() {
        let of = |text: &str| Credentials::of_url(&Url::parse(text).unwrap());
        assert_eq!(of("http://h/"), None);
        let given = of("http://me:p%40ss@h/").unwrap();
        assert_eq!((&*given.user, &*given.password), ("me", "p@ss"));
        assert_eq!(of("http://:pw@h/").unwrap().user, "");
        assert_eq!(of("http://me@h/").unwrap().password, "");
        assert_eq!(format!("{given:?}"), "(secret)");
        // The example of RFC 7617 section 2.
        let example = of("http://Aladdin:open%20sesame@h/").unwrap();
        assert_eq!(example.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(example.header().unwrap().is_sensitive());
    }

    #[test]
    fn messages_show_no_credentials() {
        for (text, expected) in [
            ("http://me:pw@h/a@b", "http://h/a@b"),
            ("ftp://me:p@w@h", "ftp://h"),
            ("//me:pw@h/", "//h/"),
            ("http://h/?a=b@c", "http://h/?a=b@c"),
            ("me:pw@h", "h"),
            ("/a/b@c", "/a/b@c"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
