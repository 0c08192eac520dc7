//! `--host`: whose connections count.

use std::{net::IpAddr, sync::Arc};

use thiserror::Error;
use tracer_text::glob::Globs;

use crate::host_name::push_label;

/// Reasons why a pattern of `--host` cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HostFilterError {
    /// The pattern is empty or white space.
    #[error("an empty pattern matches no host; use `*` for all")]
    Empty,
    /// The pattern is a URL or has a path.
    #[error("`{pattern}` is a URL, expected a host name or a pattern of names; use `{host}`")]
    Url {
        /// The pattern as given.
        pattern: String,
        /// The host in it.
        host: String,
    },
    /// The pattern ends with a port.
    #[error("`{pattern}` has a port, which no host name has; use --host '{host}' --port {port}")]
    Port {
        /// The pattern as given.
        pattern: String,
        /// Host before the port.
        host: String,
        /// The port.
        port: u16,
    },
    /// The pattern holds a character that no host name has.
    #[error("`{pattern}` holds white space or a control character, which no host name has")]
    Character {
        /// The pattern as given, escaped.
        pattern: String,
    },
}

/// Patterns of host names of which one has to match; without patterns every host counts. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct HostFilter(Option<Arc<Patterns>>);

#[derive(Debug)]
struct Patterns {
    texts: Vec<String>,
    globs: Globs,
}

impl HostFilter {
    /// Every host.
    pub fn all() -> Self {
        Self(None)
    }

    /// Patterns as a user gives them, each checked.
    pub fn parse(patterns: &[String]) -> Result<Self, HostFilterError> {
        patterns.iter().try_for_each(|pattern| check(pattern))?;
        Ok(Self::new(patterns.to_vec()))
    }

    /// Patterns that were checked when they were given, as a recording holds them.
    pub fn new(texts: Vec<String>) -> Self {
        if texts.is_empty() {
            return Self::all();
        }
        let globs = Globs::new(texts.iter().map(|text| spelling(text)));
        Self(Some(Arc::new(Patterns { texts, globs })))
    }

    /// Tells whether every host counts.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether connections to this host count.
    pub fn admits(&self, host: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|patterns| patterns.globs.any_matches(host))
    }

    /// The patterns as given.
    pub fn patterns(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |patterns| &patterns.texts)
    }
}

fn check(pattern: &str) -> Result<(), HostFilterError> {
    if pattern.trim().is_empty() {
        return Err(HostFilterError::Empty);
    }
    if pattern.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let pattern = pattern.escape_debug().to_string();
        return Err(HostFilterError::Character { pattern });
    }
    if let Some(host) = host_of_url(pattern) {
        let pattern = pattern.to_owned();
        return Err(HostFilterError::Url { pattern, host });
    }
    match port_of(pattern) {
        None => Ok(()),
        Some((host, port)) => Err(HostFilterError::Port {
            pattern: pattern.to_owned(),
            host: host.to_owned(),
            port,
        }),
    }
}

/// The host of what looks like a URL: whatever has a slash, since names have none.
fn host_of_url(pattern: &str) -> Option<String> {
    let slash = pattern.find('/')?;
    let rest = pattern.find("://").map_or(pattern, |at| &pattern[at + 3..]);
    let authority = if rest.len() == pattern.len() {
        &pattern[..slash]
    } else {
        rest.split('/').next().unwrap_or_default()
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = port_of(host).map_or(host, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(if host.is_empty() { "*" } else { host }.to_owned())
}

/// Splits a pattern into host and port. An IPv6 address has colons of its own.
fn port_of(pattern: &str) -> Option<(&str, u16)> {
    if pattern.parse::<IpAddr>().is_ok() {
        return None;
    }
    let (host, port) = pattern.rsplit_once(':')?;
    let is_address = host.contains(':') && !host.starts_with('[');
    let port = port.parse().ok().filter(|_| !is_address)?;
    Some((host.trim_start_matches('[').trim_end_matches(']'), port))
}

/// Pattern in the spelling of host names ([`crate::host_name`]): without the dot that ends a fully qualified name, and with
/// bytes beyond ASCII escaped. A backslash stays, because a name may be given as it is shown.
fn spelling(pattern: &str) -> String {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    let mut spelled = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        if character.is_ascii() {
            spelled.push(character);
        } else {
            push_label(&mut spelled, character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Option<&str>) {
        let error = HostFilter::parse(&[pattern.to_owned()]).err();
        assert_eq!(
            error.map(|error| error.to_string()).as_deref(),
            expected,
            "{pattern}"
        );
    }

    #[test]
    fn names_patterns_and_addresses_are_taken() {
        for pattern in [
            "example.com",
            "*.example.com",
            "*",
            "10.0.0.*",
            "::1",
            "2001:db8::*",
            "bücher.example",
        ] {
            check(pattern, None);
        }
    }

    #[test]
    fn what_matches_no_host_is_refused_with_the_name_to_give() {
        check(
            " ",
            Some("an empty pattern matches no host; use `*` for all"),
        );
        check(
            "https://x.example:8443/",
            Some(
                "`https://x.example:8443/` is a URL, expected a host name or a pattern of names; use `x.example`",
            ),
        );
        check(
            "x.example/path",
            Some(
                "`x.example/path` is a URL, expected a host name or a pattern of names; use `x.example`",
            ),
        );
        check(
            "http://[::1]:80/a",
            Some(
                "`http://[::1]:80/a` is a URL, expected a host name or a pattern of names; use `::1`",
            ),
        );
        check(
            "x.example:443",
            Some(
                "`x.example:443` has a port, which no host name has; use --host 'x.example' --port 443",
            ),
        );
        check(
            "a b",
            Some("`a b` holds white space or a control character, which no host name has"),
        );
    }

    #[test]
    fn patterns_match_the_spelling_of_host_names() {
        let admits = |pattern: &str, host: &[u8]| {
            let filter = HostFilter::parse(&[pattern.to_owned()]).unwrap();
            filter.admits(&crate::host_name::canonical(host))
        };
        assert!(admits("www.example.org.", b"www.example.org"));
        assert!(admits("www.example.org", b"WWW.example.org."));
        assert!(admits("b\u{fc}cher.*", "b\u{fc}cher.example".as_bytes()));
        assert!(admits("a\\027*", b"a\x1b[2J"));
        assert!(!admits("a.org.", b"b.org"));
    }

    #[test]
    fn one_pattern_is_enough_and_none_admits_all() {
        let filter = HostFilter::parse(&["*.org".to_owned(), "localhost".to_owned()]).unwrap();
        assert!(filter.admits("a.org") && filter.admits("LocalHost") && !filter.admits("a.com"));
        assert!(!filter.is_all());
        assert_eq!(filter.patterns(), ["*.org", "localhost"]);
        let all = HostFilter::new(Vec::new());
        assert!(all.is_all() && all.admits("a.com") && all.patterns().is_empty());
    }
}
