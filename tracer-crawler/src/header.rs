//! Headers of requests: an honest User-Agent, header profiles fixed per host, and a Referer as in navigation.

mod profile;
mod referer;

use std::path::PathBuf;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::{Origin, Url};

pub use self::{profile::Profiles, referer::referer};
use crate::{
    config::secret::Secrets,
    credentials::{Credentials, SECRET_HEADERS},
    settings::{Headers, Secret, Settings},
};

/// Reasons why headers cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// A line is not a valid header.
    #[error("{what}: `{line}` is no header line; expected `Name: value`")]
    Line {
        /// Source of the line.
        what: &'static str,
        /// Name of the header, escaped. The value may be secret.
        line: String,
    },
    /// The header may only be set by the connection.
    #[error("{what}: `{name}` is set by the crawler itself; leave it out")]
    Reserved {
        /// Source of the header.
        what: String,
        /// Name of the header.
        name: HeaderName,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// Path as given.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file of profiles is not valid.
    #[error("{path}: {problem}")]
    Profiles {
        /// Path as given.
        path: PathBuf,
        /// Expected and actual content.
        problem: String,
    },
}

/// Headers that belong to the framing of a message or to the crawler's own decisions.
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
    header::TRAILER,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
];

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Makes the headers of requests.
#[derive(Debug)]
pub struct HeaderMaker {
    common: HeaderMap,
    profiles: Profiles,
    /// Sent to origins of seeds alone.
    secrets: HeaderMap,
    seeds: Vec<Origin>,
    /// Credentials of seeds' URLs, each for its own origin.
    logins: Vec<(Origin, HeaderValue)>,
    settings: Headers,
}

/// User-Agent used without a setting: `tracer/1.2.3`, with a contact `tracer/1.2.3 (+mailto:me@example.org)`.
pub fn honest_user_agent(contact: Option<&str>) -> String {
    let name = concat!("tracer/", env!("CARGO_PKG_VERSION"));
    match contact {
        None => name.to_owned(),
        Some(contact) if contact.contains('@') && !contact.contains(':') => {
            format!("{name} (+mailto:{contact})")
        }
        Some(contact) => format!("{name} (+{contact})"),
    }
}

impl HeaderMaker {
    /// Makes a header maker. Secret headers go to scheme, host and port (RFC 6454) of `seeds`, and the credentials of a seed's URL to its own.
    pub fn new(settings: &Settings, secrets: &Secrets, seeds: &[Url]) -> Result<Self, HeaderError> {
        let headers = &settings.headers;
        let mut common = HeaderMap::new();
        common.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        let agent = match &headers.user_agent {
            Some(agent) => agent.clone(),
            None => honest_user_agent(headers.contact.as_deref()),
        };
        common.insert(header::USER_AGENT, value("headers.user_agent", &agent)?);
        if let Some(language) = &headers.accept_language {
            common.insert(
                header::ACCEPT_LANGUAGE,
                value("headers.accept_language", language)?,
            );
        }
        let mut secrets = secret_headers(&secrets.headers)?;
        for line in &headers.extra {
            let (name, mut value) = parse_line("headers.extra", line)?;
            if SECRET_HEADERS.contains(&name) {
                value.set_sensitive(true);
                // The file of secrets counts before a flag.
                secrets.entry(name).or_insert(value);
            } else {
                common.insert(name, value);
            }
        }
        let profiles = match &headers.profiles {
            Some(path) => Profiles::load(path)?,
            None => Profiles::default(),
        };
        let login = |seed: &Url| Some((seed.origin(), Credentials::of_url(seed)?.header()?));
        Ok(Self {
            common,
            profiles,
            secrets,
            seeds: seeds.iter().map(Url::origin).collect(),
            logins: seeds.iter().filter_map(login).collect(),
            settings: headers.clone(),
        })
    }

    /// User-Agent by which robots.txt rules are chosen, and which is sent to hosts without a profile.
    pub fn user_agent(&self) -> &str {
        self.common
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Headers of a request for `url`, found on the page `from`. A host always gets the same profile.
    pub fn make(&self, url: &Url, from: Option<&Url>) -> HeaderMap {
        let mut headers = self.common.clone();
        let host = url.host_str().unwrap_or_default();
        if let Some(profile) = self.profiles.of_host(host) {
            for (name, value) in profile {
                headers.insert(name, value.clone());
            }
        }
        let referer = from.and_then(|from| referer(self.settings.referrer_policy, from, url));
        if let Some(value) = referer.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::REFERER, value);
        }
        self.add_secrets(&mut headers, &url.origin());
        headers
    }

    fn add_secrets(&self, headers: &mut HeaderMap, origin: &Origin) {
        let is_secret = !self.secrets.is_empty() && self.seeds.contains(origin);
        for (name, value) in self.secrets.iter().filter(|_| is_secret) {
            headers.insert(name, value.clone());
        }
        let login = self.logins.iter().find(|(seed, _)| seed == origin);
        if let Some((_, value)) = login {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
    }
}

fn secret_headers(lines: &[(String, Secret)]) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::new();
    for (name, secret) in lines {
        let line = format!("{name}: {}", secret.expose());
        let (name, mut value) = parse_line("headers.secrets_file", &line)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn parse_line(what: &'static str, line: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let (name, text) = line.split_once(':').unwrap_or((line, "\n"));
    let error = || HeaderError::Line {
        what,
        line: name.escape_debug().to_string(),
    };
    let header = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| error())?;
    let value = HeaderValue::from_str(text.trim()).map_err(|_| error())?;
    not_reserved(what, &header)?;
    Ok((header, value))
}

fn not_reserved(what: &str, name: &HeaderName) -> Result<(), HeaderError> {
    if RESERVED.contains(name) {
        return Err(HeaderError::Reserved {
            what: what.to_owned(),
            name: name.clone(),
        });
    }
    Ok(())
}

fn value(what: &'static str, text: &str) -> Result<HeaderValue, HeaderError> {
    HeaderValue::from_str(text).map_err(|_| HeaderError::Line {
        what,
        line: text.escape_debug().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ReferrerPolicy;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn maker(change: impl FnOnce(&mut Headers)) -> Result<HeaderMaker, HeaderError> {
        let mut settings = Settings::default();
        change(&mut settings.headers);
        let secrets = Secrets {
            headers: vec![("Authorization".to_owned(), Secret::new("Bearer t0k"))],
            ..Secrets::default()
        };
        let seeds = [
            url("https://mine.example/begin"),
            url("http://me:pw@login.example:8080/"),
        ];
        HeaderMaker::new(&settings, &secrets, &seeds)
    }

    #[test]
    fn the_user_agent_is_honest() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            maker(|_| ()).unwrap().user_agent(),
            format!("tracer/{version}")
        );
        assert_eq!(
            honest_user_agent(Some("me@x.org")),
            format!("tracer/{version} (+mailto:me@x.org)")
        );
        assert_eq!(
            honest_user_agent(Some("https://x.org/bot")),
            format!("tracer/{version} (+https://x.org/bot)")
        );
        let own = maker(|headers| headers.user_agent = Some("mine/1".to_owned())).unwrap();
        assert_eq!(
            own.make(&url("http://a/"), None)[header::USER_AGENT],
            "mine/1"
        );
    }

    #[test]
    fn secrets_go_to_origins_of_seeds_alone() {
        let maker = maker(|headers| {
            headers.extra = vec!["Cookie: sid=1".to_owned(), "Authorization: x".to_owned()];
        })
        .unwrap();
        for mine in ["https://mine.example/x", "https://MINE.example:443/"] {
            let mine = maker.make(&url(mine), None);
            assert_eq!(mine[header::AUTHORIZATION], "Bearer t0k");
            assert_eq!(mine[header::COOKIE], "sid=1");
            assert!(mine.values().filter(|value| value.is_sensitive()).count() == 2);
        }
        for other in [
            "https://other.example/",
            "https://x.mine.example/",
            "https://mine.example.evil/",
            "http://mine.example/",
            "http://mine.example:443/",
            "https://mine.example:8443/",
            "http://login.example/",
            "https://login.example:8080/",
        ] {
            let sent = maker.make(&url(other), None);
            assert!(!sent.contains_key(header::AUTHORIZATION), "{other}");
            assert!(!sent.contains_key(header::COOKIE), "{other}");
        }
    }

    #[test]
    fn credentials_of_a_seed_go_to_its_origin_alone() {
        let maker = maker(|_| ()).unwrap();
        let sent = maker.make(&url("http://login.example:8080/a"), None);
        // Of `me:pw`.
        assert_eq!(sent[header::AUTHORIZATION], "Basic bWU6cHc=");
        assert!(sent[header::AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn further_lines_are_sent_and_framing_is_not_theirs() {
        let extra = |line: &str| maker(|headers| headers.extra = vec![line.to_owned()]);
        assert_eq!(
            extra("X-Team: search")
                .unwrap()
                .make(&url("http://a/"), None)["x-team"],
            "search"
        );
        for line in [
            "Host: b",
            "content-length: 3",
            "Transfer-Encoding: chunked",
            "Accept-Encoding: gzip",
        ] {
            let error = extra(line).unwrap_err().to_string();
            assert!(error.contains("leave it out"), "{error}");
        }
        for line in ["no colon", ": x", "a b: c", "x: a\nb"] {
            assert!(
                matches!(extra(line), Err(HeaderError::Line { .. })),
                "{line:?}"
            );
        }
    }

    #[test]
    fn referer_follows_the_policy() {
        let maker = maker(|headers| {
            headers.referrer_policy = ReferrerPolicy::StrictOriginWhenCrossOrigin;
        })
        .unwrap();
        let (to, from) = (url("https://a.example/2"), url("https://a.example/1?q#f"));
        assert_eq!(
            maker.make(&to, Some(&from))[header::REFERER],
            "https://a.example/1?q"
        );
        assert!(!maker.make(&to, None).contains_key(header::REFERER));
    }
}
