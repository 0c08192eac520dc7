//! Normalised URL as a text. Most links of a page have been seen before; a [`Url`] is made only of new ones.

use url::{ParseError, Position, Url};

/// Normalised http or https URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UrlText<'a> {
    text: &'a str,
    /// Place where the path begins.
    path: usize,
}

impl<'a> UrlText<'a> {
    /// Makes a URL from a text and the place where its path begins.
    pub(crate) fn new(text: &'a str, path: usize) -> Self {
        Self { text, path }
    }

    /// The whole text.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Scheme, host, and the port if it is not the scheme's default.
    pub fn origin(self) -> &'a str {
        &self.text[..self.path]
    }

    /// Path, with its first `/`.
    pub fn path(self) -> &'a str {
        let (path, query) = (&self.text[self.path..], self.query());
        &path[..path.len() - query.map_or(0, |query| query.len() + 1)]
    }

    /// Query, without the `?`.
    pub fn query(self) -> Option<&'a str> {
        Some(self.text[self.path..].split_once('?')?.1)
    }

    /// Scheme, and `host` or `host:port`.
    pub(crate) fn scheme_and_host(self) -> (&'a str, &'a str) {
        let (scheme, host) = self.origin().split_once("://").unwrap_or(("", ""));
        // Normalised URLs have no credentials; if there are any, the host is the part after them.
        (scheme, host.rsplit_once('@').map_or(host, |(_, host)| host))
    }

    /// Place where the path begins.
    pub(crate) fn path_at(self) -> usize {
        self.path
    }

    /// Parses the text into a [`Url`].
    pub fn to_url(self) -> Result<Url, ParseError> {
        Url::parse(self.text)
    }
}

impl<'a> From<&'a Url> for UrlText<'a> {
    fn from(url: &'a Url) -> Self {
        Self::new(url.as_str(), url[..Position::BeforePath].len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::Normalizer;

    #[track_caller]
    fn check(text: &str) {
        let Ok(given) = Url::parse(text) else { return };
        let same = UrlText::from(&given).scheme_and_host();
        let Ok(url) = Normalizer::default().normalize(given.clone()) else {
            return;
        };
        assert_eq!(UrlText::from(&url).scheme_and_host(), same, "{text}");
        let parts = UrlText::from(&url);
        assert_eq!(parts.as_str(), url.as_str());
        assert_eq!(parts.path(), url.path(), "{text}");
        assert_eq!(parts.query(), url.query(), "{text}");
        let host = url.host_str().unwrap_or("");
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        assert_eq!(parts.scheme_and_host(), (url.scheme(), &*host), "{text}");
        assert_eq!(parts.to_url(), Ok(url));
    }

    #[test]
    fn parts() {
        for text in [
            "http://h",
            "https://User:Pw@H:443/a?b?c#d",
            "http://[::1]:8080/?",
            "http://h/?/a",
        ] {
            check(text);
        }
    }

    proptest! {
        #[test]
        fn parts_of_any(host in "[a-z0-9.@:\\[\\]]{1,12}", path in "[/?a-z#%@:]{0,16}") {
            check(&format!("http://{host}/{path}"));
        }
    }
}
