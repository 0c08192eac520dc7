//! Settings with one of a few words as value, and those with a syntax of their own.

use std::{net::SocketAddr, path::PathBuf};

use super::value::{Value, choice};

choice! {
    /// Profile of defaults: the two ends of the scale.
    Profile {
        /// Behaviour of a client without tuning: two idle connections per host, one lookup per connection, no TLS
        /// resumption, no compression.
        Default = "default",
        /// Configuration for the limit of the machine.
        Tuned = "tuned",
    }
}

choice! {
    /// Hosts that belong to the crawl.
    ScopeMode {
        /// Hosts of the seeds.
        Host = "host",
        /// Hosts of the seeds, and names below them.
        Subdomains = "subdomains",
        /// All hosts.
        Any = "any",
    }
}

choice! {
    /// Resolver to use.
    DnsMode {
        /// The C library, once per connection.
        System = "system",
        /// The crawler's own resolver, with a cache that obeys TTLs; falls back to the C library.
        Cached = "cached",
    }
}

choice! {
    /// Address families of a host that are used.
    AddressFamily {
        /// IPv6 and IPv4, whichever connects first.
        Both = "both",
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// IPv6 only.
        Ipv6 = "ipv6",
    }
}

choice! {
    /// Oldest TLS version accepted.
    TlsVersion {
        /// TLS 1.2 (RFC 5246).
        Tls12 = "1.2",
        /// TLS 1.3 (RFC 8446).
        Tls13 = "1.3",
    }
}

choice! {
    /// Elements that links are taken from.
    LinkSource {
        /// `a href`
        A = "a",
        /// `area href`
        Area = "area",
        /// `link href` to pages (next, prev, alternate, canonical)
        Link = "link",
        /// `iframe src` and `frame src`
        Frame = "frame",
        /// `img src` and `srcset`, `source`
        Img = "img",
        /// `script src`
        Script = "script",
        /// `link href` to parts of a page: style sheets, icons
        Style = "style",
        /// `meta http-equiv=refresh`
        Refresh = "refresh",
    }
}

choice! {
    /// Part of the referring page's address that is sent with a request (Referrer Policy, W3C).
    ReferrerPolicy {
        /// No address.
        NoReferrer = "no-referrer",
        /// Only the origin.
        Origin = "origin",
        /// Everything to the same origin, nothing to others.
        SameOrigin = "same-origin",
        /// Everything to the same origin, the origin to others, nothing from https to http.
        StrictOriginWhenCrossOrigin = "strict-origin-when-cross-origin",
    }
}

choice! {
    /// Display of progress during the crawl.
    ProgressMode {
        /// A line that is redrawn on a terminal, else plain lines.
        Auto = "auto",
        /// A line that is redrawn.
        Line = "line",
        /// A line every ten seconds.
        Plain = "plain",
        /// No progress.
        None = "off",
    }
}

choice! {
    /// Form of log lines.
    LogFormat {
        /// Text for people.
        Text = "text",
        /// A JSON object per line.
        Json = "json",
    }
}

choice! {
    /// Moment when a page in the browser counts as complete.
    RenderWait {
        /// The load event.
        Load = "load",
        /// The load event, then no request under way for half a second.
        Idle = "idle",
    }
}

/// Regular expression for URLs, in the syntax of the crate `regex`, without look-around.
#[derive(Debug, Clone)]
pub struct Pattern(regex::Regex);

impl Pattern {
    /// True if the expression matches anywhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Value for Pattern {
    const FORM: &'static str = "REGEX";

    fn parse(text: &str) -> Result<Self, String> {
        regex::RegexBuilder::new(text)
            .size_limit(1 << 20)
            .build()
            .map(Self)
            .map_err(|e| format!("not a regular expression: {}", one_line(&e.to_string())))
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::String(self.as_str().to_owned())
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Share of the hosts: part `index` of `of`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardShare {
    /// Number of this part, from 1 to `of`.
    pub index: u32,
    /// Number of parts.
    pub of: u32,
}

impl Value for ShardShare {
    const FORM: &'static str = "I/N";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("expected I/N with I from 1 to N and N at most 65536, as in 2/5, got `{text}`")
        };
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of) = (
            index.parse().map_err(|_| wrong())?,
            of.parse().map_err(|_| wrong())?,
        );
        if index == 0 || index > of || of > 65_536 {
            return Err(wrong());
        }
        Ok(Self { index, of })
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::String(format!("{}/{}", self.index, self.of))
    }
}

/// Address on which one of the crawler's own small servers listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// TCP address; loopback if the text has no host.
    Tcp(SocketAddr),
    /// Path of a Unix socket.
    Unix(PathBuf),
}

impl Value for Listen {
    const FORM: &'static str = "ADDR";

    /// Parses `9090`, `:9090` (both on loopback), `127.0.0.1:9090`, `[::]:9090` or `unix:/path`.
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text
            .strip_prefix("unix:")
            .filter(|path| path.starts_with('/'))
        {
            return Ok(Self::Unix(path.into()));
        }
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
            return Ok(Self::Tcp(SocketAddr::from(([127, 0, 0, 1], port))));
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            format!("expected PORT, ADDRESS:PORT or unix:/absolute/path, got `{text}`")
        })
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
