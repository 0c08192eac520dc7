//! Scope of a crawl: the URLs that belong to it. Every reason for a refusal has a name under which it is counted and
//! shown.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use regex::{RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

use crate::canonical::UrlError;
use crate::shard::Shard;

/// Limit of the memory for the compiled patterns of one list.
const PATTERNS_BYTES: usize = 8 << 20;

/// Reason for leaving a URL out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The text is no URL by the URL Standard.
    BadUrl,
    /// The URL is longer than the limit.
    UrlTooLong,
    /// The scheme is not allowed.
    Scheme,
    /// The host is outside of the allowed hosts or domains.
    OutsideHost,
    /// No include pattern matches.
    NotIncluded,
    /// An exclude pattern matches.
    Excluded,
    /// The page is deeper than the limit.
    TooDeep,
    /// The address is not on the public internet.
    PrivateAddress,
    /// The host belongs to another member of the fleet.
    OtherShard,
    /// robots.txt forbids the page.
    Robots,
    /// The link or its page is marked nofollow.
    Nofollow,
    /// The crawl's page limit was reached before.
    PageLimit,
}

impl Refusal {
    /// Name in records, counters and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadUrl => "bad_url",
            Self::UrlTooLong => "url_too_long",
            Self::Scheme => "scheme",
            Self::OutsideHost => "outside_host",
            Self::NotIncluded => "not_included",
            Self::Excluded => "excluded",
            Self::TooDeep => "too_deep",
            Self::PrivateAddress => "private_address",
            Self::OtherShard => "other_shard",
            Self::Robots => "robots",
            Self::Nofollow => "nofollow",
            Self::PageLimit => "page_limit",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl From<&UrlError> for Refusal {
    fn from(error: &UrlError) -> Self {
        match error {
            UrlError::Syntax { .. } => Self::BadUrl,
            UrlError::Scheme { .. } => Self::Scheme,
            UrlError::TooLong { .. } => Self::UrlTooLong,
        }
    }
}

/// Distance from the seeds' hosts that a crawl may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Exactly the hosts of the seeds.
    #[default]
    Host,
    /// The hosts of the seeds and all names below them.
    Subdomains,
    /// All hosts of the seeds' registered domains, by the Public Suffix List.
    Domain,
    /// All hosts.
    Any,
}

/// Policy for addresses that are not on the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateAddresses {
    /// Only hosts of seeds may have such addresses, so that a page cannot lead the crawler into the network it runs in.
    #[default]
    Seeds,
    /// All hosts may have such addresses.
    Allow,
    /// No host may have such addresses.
    Refuse,
}

/// Rules of a scope, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSettings {
    /// Distance from the seeds' hosts.
    pub within: Within,
    /// Patterns of which a URL has to match at least one, unless the list is empty. `re:` begins a regular expression,
    /// searched for anywhere in the URL; all else is a glob for the whole URL, with `*` for any characters and `?` for
    /// one.
    pub include: Vec<String>,
    /// Patterns of which a URL must not match any.
    pub exclude: Vec<String>,
    /// Limit of the number of links between a seed and a page.
    pub max_depth: Option<u32>,
    /// Allowed schemes: `http`, `https` or both.
    pub schemes: Vec<String>,
    /// Policy for addresses that are not public.
    pub private_addresses: PrivateAddresses,
    /// Share of the hosts that this process crawls.
    pub shard: Shard,
}

impl Default for ScopeSettings {
    fn default() -> Self {
        Self {
            within: Within::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            max_depth: None,
            schemes: vec!["http".into(), "https".into()],
            private_addresses: PrivateAddresses::default(),
            shard: Shard::default(),
        }
    }
}

/// Reasons why the settings of a scope are not valid.
#[derive(Debug, Error)]
pub enum ScopeError {
    /// A pattern does not compile, or all together are too big.
    #[error(
        "{list} pattern: {reason}; expected a glob such as *://*/blog/* or re: and a regular expression"
    )]
    Pattern {
        /// Name of the list: `include` or `exclude`.
        list: &'static str,
        /// Error of the compiler.
        reason: Box<regex::Error>,
    },
    /// The crawler does not support the scheme.
    #[error("scheme `{got}` cannot be crawled; expected http or https")]
    Scheme {
        /// Scheme as given.
        got: String,
    },
}

/// Scope with its compiled rules.
#[derive(Debug)]
pub struct Scope {
    settings: ScopeSettings,
    include: Option<RegexSet>,
    exclude: Option<RegexSet>,
    /// Hosts of the seeds.
    seeds: HashSet<String>,
    /// Registered domains of the seeds.
    domains: HashSet<String>,
}

impl Scope {
    /// Compiles the rules around the seeds.
    pub fn new(settings: ScopeSettings, seeds: &[Url]) -> Result<Self, ScopeError> {
        if let Some(got) = settings
            .schemes
            .iter()
            .find(|scheme| !matches!(scheme.as_str(), "http" | "https"))
        {
            return Err(ScopeError::Scheme { got: got.clone() });
        }
        let seeds: HashSet<String> = seeds
            .iter()
            .filter_map(Url::host_str)
            .map(str::to_owned)
            .collect();
        Ok(Self {
            include: compile("include", &settings.include)?,
            exclude: compile("exclude", &settings.exclude)?,
            domains: seeds
                .iter()
                .map(|host| registered_domain(host).to_owned())
                .collect(),
            seeds,
            settings,
        })
    }

    /// True if a host is in this machine's share.
    pub fn owns(&self, host: &str) -> bool {
        self.settings.shard.owns(host)
    }

    /// Checks that a normalised URL, found `depth` links from a seed, belongs to the crawl. Cheap checks come first.
    pub fn check(&self, url: &Url, depth: u32) -> Result<(), Refusal> {
        self.check_origin(url, depth)?;
        self.check_patterns(url.as_str())
    }

    /// Checks the part of the rules that is the same for all URLs of an origin.
    pub(crate) fn check_origin(&self, url: &Url, depth: u32) -> Result<(), Refusal> {
        let allow = |allowed: bool, refusal| if allowed { Ok(()) } else { Err(refusal) };
        allow(
            self.settings
                .schemes
                .iter()
                .any(|scheme| scheme == url.scheme()),
            Refusal::Scheme,
        )?;
        allow(
            self.settings.max_depth.is_none_or(|limit| depth <= limit),
            Refusal::TooDeep,
        )?;
        let host = url.host_str().ok_or(Refusal::BadUrl)?;
        allow(self.is_near(host), Refusal::OutsideHost)?;
        allow(self.settings.shard.owns(host), Refusal::OtherShard)?;
        match literal(url) {
            Some(address) => self.check_address(host, address),
            None => Ok(()),
        }
    }

    /// Checks the patterns.
    pub(crate) fn check_patterns(&self, url: &str) -> Result<(), Refusal> {
        let matches = |set: &RegexSet| set.is_match(url);
        if self.exclude.as_ref().is_some_and(matches) {
            return Err(Refusal::Excluded);
        }
        if self.include.as_ref().is_none_or(matches) {
            Ok(())
        } else {
            Err(Refusal::NotIncluded)
        }
    }

    /// Checks that the crawler may connect to this address of the host. To be called after each DNS answer.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let allowed = match self.settings.private_addresses {
            PrivateAddresses::Allow => true,
            PrivateAddresses::Seeds => self.seeds.contains(host) || !is_private(address),
            PrivateAddresses::Refuse => !is_private(address),
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::PrivateAddress)
        }
    }

    fn is_near(&self, host: &str) -> bool {
        match self.settings.within {
            Within::Any => true,
            Within::Host => self.seeds.contains(host),
            Within::Subdomains => parents(host).any(|parent| self.seeds.contains(parent)),
            Within::Domain => self.domains.contains(registered_domain(host)),
        }
    }
}

/// The host, and the rest of it after each dot.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |host| {
        host.split_once('.').map(|(_, parent)| parent)
    })
}

/// Registered domain of a host; the host itself if it is an address or has none (`localhost`).
fn registered_domain(host: &str) -> &str {
    let is_address = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
    if is_address {
        host
    } else {
        psl::domain_str(host).unwrap_or(host)
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn compile(list: &'static str, patterns: &[String]) -> Result<Option<RegexSet>, ScopeError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let expressions = patterns
        .iter()
        .map(|pattern| match pattern.strip_prefix("re:") {
            Some(expression) => expression.to_owned(),
            None => from_glob(pattern),
        });
    RegexSetBuilder::new(expressions)
        .size_limit(PATTERNS_BYTES)
        .build()
        .map(Some)
        .map_err(|reason| ScopeError::Pattern {
            list,
            reason: Box::new(reason),
        })
}

fn from_glob(pattern: &str) -> String {
    let mut expression = String::from("^");
    for character in pattern.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    expression
}

/// True for addresses that the IANA special-purpose registries do not list as globally reachable, and for multicast.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xC0 == 64) // shared address space, RFC 6598
        || (a == 192 && b == 0 && (c == 0 || c == 2)) // protocol assignments, TEST-NET-1
        || (a == 198 && (b & 0xFE == 18 || (b == 51 && c == 100))) // benchmarking, TEST-NET-2
        || (a == 203 && b == 0 && c == 113) // TEST-NET-3
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low] => is_private_v4(v4(high, low)), // ::, ::1, compatible, mapped
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => is_private_v4(v4(high, low)),  // NAT64, RFC 6052
        [0x2002, high, low, ..] => is_private_v4(v4(high, low)),                // 6to4, RFC 3056
        [0x64, 0xFF9B, 1, ..]
        | [0x100, 0, 0, 0, ..]
        | [0x2001, 0xDB8, ..]
        | [0x3FFF, 0..=0xFFF, ..] => true,
        [first, ..] => first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80 || first >> 8 == 0xFF,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(change: impl FnOnce(&mut ScopeSettings)) -> Scope {
        let mut settings = ScopeSettings::default();
        change(&mut settings);
        let seeds = ["http://www.example.co.uk/", "http://127.0.0.1:8080/"]
            .map(|seed| Url::parse(seed).unwrap());
        Scope::new(settings, &seeds).unwrap()
    }

    #[track_caller]
    fn check(scope: &Scope, url: &str, expected: Result<(), Refusal>) {
        assert_eq!(scope.check(&Url::parse(url).unwrap(), 2), expected, "{url}");
    }

    const OUTSIDE: Result<(), Refusal> = Err(Refusal::OutsideHost);

    #[test]
    fn distance_from_the_seeds() {
        let near = |within| scope(|settings| settings.within = within);
        let host = near(Within::Host);
        check(&host, "https://www.example.co.uk/a", Ok(()));
        check(&host, "http://example.co.uk/", OUTSIDE);
        check(&host, "http://a.www.example.co.uk/", OUTSIDE);
        check(&host, "http://127.0.0.1/", Ok(()));
        let below = near(Within::Subdomains);
        check(&below, "http://a.b.www.example.co.uk/", Ok(()));
        check(&below, "http://xwww.example.co.uk/", OUTSIDE);
        check(&below, "http://example.co.uk/", OUTSIDE);
        check(&below, "http://1.127.0.0.1.example.com/", OUTSIDE);
        let domain = near(Within::Domain);
        check(&domain, "http://other.example.co.uk/", Ok(()));
        check(&domain, "http://other.co.uk/", OUTSIDE);
        check(&domain, "http://127.0.0.2/", OUTSIDE);
        check(&near(Within::Any), "http://other.test/", Ok(()));
    }

    #[test]
    fn patterns() {
        let globs = scope(|settings| {
            settings.include = vec!["*://*/blog/*".into(), "re:[?&]id=\\d+$".into()];
            settings.exclude = vec!["*.p?f".into()];
        });
        check(&globs, "http://www.example.co.uk/blog/a", Ok(()));
        check(&globs, "http://www.example.co.uk/x?id=7", Ok(()));
        check(
            &globs,
            "http://www.example.co.uk/x?id=7a",
            Err(Refusal::NotIncluded),
        );
        check(
            &globs,
            "http://www.example.co.uk/blog/a.pdf",
            Err(Refusal::Excluded),
        );
        check(&globs, "http://www.example.co.uk/blog/a.pdfs", Ok(()));
        for pattern in ["re:(", "re:(a{1000}){1000}"] {
            let settings = ScopeSettings {
                exclude: vec![pattern.into()],
                ..ScopeSettings::default()
            };
            assert!(
                matches!(
                    Scope::new(settings, &[]),
                    Err(ScopeError::Pattern {
                        list: "exclude",
                        ..
                    })
                ),
                "{pattern}"
            );
        }
    }

    #[test]
    fn depth_scheme_and_shard() {
        check(
            &scope(|settings| settings.max_depth = Some(2)),
            "http://127.0.0.1/",
            Ok(()),
        );
        check(
            &scope(|settings| settings.max_depth = Some(1)),
            "http://127.0.0.1/",
            Err(Refusal::TooDeep),
        );
        let https = scope(|settings| settings.schemes = vec!["https".into()]);
        check(&https, "http://127.0.0.1/", Err(Refusal::Scheme));
        check(&https, "https://127.0.0.1/", Ok(()));
        let shards: Vec<Scope> = ["1/2", "2/2"]
            .map(|part| scope(|settings| settings.shard = part.parse().unwrap()))
            .into();
        let url = Url::parse("http://127.0.0.1/").unwrap();
        let mut answers: Vec<_> = shards.iter().map(|scope| scope.check(&url, 0)).collect();
        answers.sort();
        assert_eq!(answers, [Ok(()), Err(Refusal::OtherShard)]);
        let settings = ScopeSettings {
            schemes: vec!["ftp".into()],
            ..ScopeSettings::default()
        };
        assert!(matches!(
            Scope::new(settings, &[]),
            Err(ScopeError::Scheme { .. })
        ));
    }

    #[test]
    fn private_addresses() {
        let any = |private_addresses| {
            scope(|settings| {
                settings.within = Within::Any;
                settings.private_addresses = private_addresses;
            })
        };
        let private = Err(Refusal::PrivateAddress);
        check(&any(PrivateAddresses::Seeds), "http://127.0.0.1/", Ok(()));
        check(
            &any(PrivateAddresses::Seeds),
            "http://169.254.169.254/",
            private,
        );
        check(&any(PrivateAddresses::Seeds), "http://0x7f000002/", private);
        check(&any(PrivateAddresses::Refuse), "http://127.0.0.1/", private);
        check(&any(PrivateAddresses::Allow), "http://[fe80::1]/", Ok(()));
        let seeds = any(PrivateAddresses::Seeds);
        assert_eq!(
            seeds.check_address("www.example.co.uk", "10.0.0.1".parse().unwrap()),
            Ok(())
        );
        assert_eq!(
            seeds.check_address("rebound.test", "10.0.0.1".parse().unwrap()),
            private
        );
    }

    #[test]
    fn which_addresses_are_private() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::808:808",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn names_are_those_of_the_records() {
        for refusal in [
            Refusal::BadUrl,
            Refusal::UrlTooLong,
            Refusal::OutsideHost,
            Refusal::PrivateAddress,
            Refusal::PageLimit,
        ] {
            assert_eq!(
                serde_json::to_string(&refusal).unwrap(),
                format!("\"{refusal}\"")
            );
        }
    }
}
