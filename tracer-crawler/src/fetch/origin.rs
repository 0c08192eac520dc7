//! Origin of a URL.

use std::fmt;

use url::{Position, Url};

use crate::credentials;
use crate::outcome::Failure;

/// Scheme, host and port of a URL (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// True for https.
    pub https: bool,
    /// Host as in the URL: lower case, an IPv6 address in brackets.
    pub host: Box<str>,
    /// Port, also when it is the scheme's default.
    pub port: u16,
}

impl Origin {
    /// Origin of an http or https URL with a host.
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

    /// Host without brackets, as a resolver or a TLS library needs it.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// `host:port`, the form used by CONNECT.
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

/// Checks that a URL is http or https and has a host.
pub(crate) fn check(url: &Url) -> Result<(), Failure> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(())
    } else {
        Err(unsupported(url))
    }
}

/// Part of a URL that identifies its origin. Parsed URLs without credentials have only one spelling of it.
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
