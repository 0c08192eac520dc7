//! Who a request goes to.

use std::fmt;

use url::{Position, Url};

use crate::credentials;
use crate::outcome::Failure;

/// Scheme, host and port of a URL (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Encrypted.
    pub https: bool,
    /// As in the URL: lower case, an IPv6 address in brackets.
    pub host: Box<str>,
    /// Never left out.
    pub port: u16,
}

impl Origin {
    /// Of an http or https URL with a host.
    pub fn of(url: &Url) -> Result<Self, Failure> {
        check(url)?;
        let https = url.scheme() == "https";
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(unsupported(url));
        };
        Ok(Self {
            https,
            host: host.into(),
            port,
        })
    }

    /// The host as a resolver or a TLS library wants it: without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// `host:port`, as CONNECT wants it.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Whether a URL has an origin that can be fetched from.
pub(crate) fn check(url: &Url) -> Result<(), Failure> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(())
    } else {
        Err(unsupported(url))
    }
}

/// The part of a URL that names its origin. Two spellings of one origin do not occur in parsed URLs without credentials.
pub(crate) fn key(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

fn unsupported(url: &Url) -> Failure {
    // Long ones are data: URLs.
    let shown = credentials::shown(url.as_str());
    Failure::Unsupported(shown.chars().take(80).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, expected) in [
            ("http://a.example/x", Some("http://a.example:80")),
            ("https://a.example:8443/", Some("https://a.example:8443")),
            ("http://[::1]:8080/", Some("http://[::1]:8080")),
            ("ftp://a.example/", None),
            ("data:,text", None),
        ] {
            let origin = Origin::of(&Url::parse(url).unwrap());
            assert_eq!(
                origin.ok().map(|origin| origin.to_string()).as_deref(),
                expected
            );
        }
        let url = Url::parse("http://[::1]:8080/a?b").unwrap();
        assert_eq!(Origin::of(&url).unwrap().bare_host(), "::1");
        assert_eq!(key(&url), "http://[::1]:8080");
    }
}
