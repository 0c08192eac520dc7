//! Rules that decide whether a URL belongs to the crawl: the scope's rules, and host patterns beside them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tracer_text::glob::Globs;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::canonical::{Normalizer, UrlError, UrlText};
use crate::scope::{PrivateAddresses, Refusal, Scope, ScopeError, ScopeSettings, Within};
use crate::settings::{ScopeMode, Settings};

/// Rules about URLs.
#[derive(Debug)]
pub(crate) struct CrawlScope {
    scope: Scope,
    /// The scope's rules without its limits on hosts and addresses, for hosts that `allow_hosts` lets in.
    widened: Option<Scope>,
    allow_hosts: Globs,
    deny_hosts: Globs,
    drop_query: Globs,
    max_segments: usize,
    /// Hash of all rules.
    pub(crate) rules: u64,
    /// Normaliser that brings links to one spelling.
    pub(crate) normalizer: Normalizer,
}

impl CrawlScope {
    /// Builds the rules from the settings, around the hosts of the seeds.
    pub(crate) fn new(settings: &Settings, seeds: &[Url]) -> Result<Self, ScopeError> {
        let rules = &settings.scope;
        let within = match rules.mode {
            ScopeMode::Host => Within::Host,
            ScopeMode::Subdomains => Within::Subdomains,
            ScopeMode::Any => Within::Any,
        };
        let widened = if rules.allow_hosts.is_empty() {
            None
        } else {
            Some(Scope::new(widened(settings), seeds)?)
        };
        Ok(Self {
            scope: Scope::new(of(settings, within), seeds)?,
            widened,
            allow_hosts: Globs::new(&rules.allow_hosts),
            deny_hosts: Globs::new(&rules.deny_hosts),
            drop_query: Globs::new(&rules.drop_query),
            max_segments: rules.max_path_segments as usize,
            rules: hash(settings, seeds),
            normalizer: Normalizer {
                sort_query: rules.sort_query,
                max_bytes: rules.max_url_bytes.as_usize(),
                ..Normalizer::default()
            },
        })
    }

    /// Brings a URL to the spelling of this crawl.
    pub(crate) fn normalize(&self, url: Url) -> Result<Url, UrlError> {
        self.normalizer.normalize(self.shorten(url))
    }

    /// Removes the query parameters that the settings drop from a normalised URL.
    pub(crate) fn shorten(&self, mut url: Url) -> Url {
        if let Some(kept) = self.kept_query(url.query()) {
            url.set_query((!kept.is_empty()).then_some(&*kept));
        }
        url
    }

    /// Removes dropped query parameters from the text of a URL; `None` where it stays as it is.
    pub(crate) fn shortened(&self, url: UrlText<'_>) -> Option<String> {
        let kept = self.kept_query(url.query())?;
        let before = &url.as_str()[..url.path_at() + url.path().len()];
        Some(if kept.is_empty() {
            before.to_owned()
        } else {
            format!("{before}?{kept}")
        })
    }

    /// Query without dropped parameters; `None` if nothing can be dropped.
    fn kept_query(&self, query: Option<&str>) -> Option<String> {
        let query = query.filter(|_| !self.drop_query.is_empty())?;
        let is_kept = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or("");
            !self.drop_query.any_matches(name)
        };
        let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
        Some(kept.join("&"))
    }

    /// Checks that a normalised URL belongs to the crawl; the error is the reason why not.
    pub(crate) fn check(&self, url: &Url) -> Result<(), &'static str> {
        self.check_origin(url)?;
        self.check_rest(url.into())
    }

    /// Checks the part of the rules that is the same for all URLs of an origin.
    pub(crate) fn check_origin(&self, url: &Url) -> Result<(), &'static str> {
        let host = url.host_str().unwrap_or("");
        if self.deny_hosts.any_matches(host) {
            return Err("denied_host");
        }
        let checked = match (self.scope.check_origin(url, 0), &self.widened) {
            (Err(Refusal::OutsideHost | Refusal::PrivateAddress), Some(widened))
                if self.allow_hosts.any_matches(host) =>
            {
                widened.check_origin(url, 0)
            }
            (checked, _) => checked,
        };
        checked.map_err(Refusal::as_str)
    }

    /// Checks the part of the rules that depends on path and query.
    pub(crate) fn check_rest(&self, url: UrlText<'_>) -> Result<(), &'static str> {
        // The patterns of `scope` are those of the widened scope too.
        self.scope
            .check_patterns(url.as_str())
            .map_err(Refusal::as_str)?;
        let path = url.path();
        let segments = || path.bytes().filter(|byte| *byte == b'/').count();
        if path.len() > self.max_segments && segments() > self.max_segments {
            return Err("path_too_deep");
        }
        Ok(())
    }

    /// True if the URL's host is in this machine's shard.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.scope.owns(host))
    }

    /// True if the crawl may connect to an address of a host.
    pub(crate) fn admits(&self, host: &str, address: IpAddr) -> bool {
        self.scope.check_address(host, address).is_ok() || self.allow_hosts.any_matches(host)
    }
}

/// Hash of the rules and the seeds' hosts, independent of the order of the seeds.
fn hash(settings: &Settings, seeds: &[Url]) -> u64 {
    let rules = crate::settings::Scope {
        // This limits the number of pages, not which ones belong to the crawl.
        max_pages_per_host: None,
        ..settings.scope.clone()
    };
    let hosts: BTreeSet<_> = seeds.iter().filter_map(Url::host_str).collect();
    xxh3_64(format!("{rules:?} {hosts:?}").as_bytes())
}

/// Rules for hosts that `allow_hosts` lets in by name: their addresses may be private, as in [`CrawlScope::admits`].
fn widened(settings: &Settings) -> ScopeSettings {
    ScopeSettings {
        private_addresses: PrivateAddresses::Allow,
        ..of(settings, Within::Any)
    }
}

fn of(settings: &Settings, within: Within) -> ScopeSettings {
    let rules = &settings.scope;
    let expressions = |patterns: &[crate::settings::Pattern]| {
        patterns
            .iter()
            .map(|pattern| format!("re:{}", pattern.as_str()))
            .collect()
    };
    ScopeSettings {
        within,
        include: expressions(&rules.include),
        exclude: expressions(&rules.exclude),
        shard: rules
            .shard
            .and_then(|share| format!("{}/{}", share.index, share.of).parse().ok())
            .unwrap_or_default(),
        ..ScopeSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(change: impl FnOnce(&mut Settings)) -> CrawlScope {
        let mut settings = Settings::default();
        change(&mut settings);
        CrawlScope::new(&settings, &[Url::parse("http://a.example/").unwrap()]).unwrap()
    }

    fn check(scope: &CrawlScope, url: &str) -> Result<(), &'static str> {
        scope.check(&Url::parse(url).unwrap())
    }

    #[test]
    fn host_patterns_widen_and_narrow() {
        let scope = scope(|settings| {
            settings.scope.allow_hosts = vec!["*.b.example".to_owned(), "10.0.0.1".to_owned()];
            settings.scope.deny_hosts = vec!["x.b.example".to_owned()];
        });
        assert_eq!(check(&scope, "http://a.example/1"), Ok(()));
        assert_eq!(check(&scope, "http://c.b.example/"), Ok(()));
        assert_eq!(check(&scope, "http://x.b.example/"), Err("denied_host"));
        assert_eq!(check(&scope, "http://c.example/"), Err("outside_host"));
        assert!(scope.admits("c.b.example", "127.0.0.1".parse().unwrap()));
        assert!(!scope.admits("c.example", "127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_private_address_is_let_in_by_its_name() {
        for mode in [ScopeMode::Host, ScopeMode::Any] {
            let scope = scope(|settings| {
                settings.scope.mode = mode;
                settings.scope.allow_hosts = vec!["10.0.0.*".to_owned(), "[fd00::1]".to_owned()];
                settings.scope.deny_hosts = vec!["10.0.0.7".to_owned()];
            });
            assert_eq!(check(&scope, "http://10.0.0.1/"), Ok(()));
            assert_eq!(check(&scope, "http://[fd00::1]/"), Ok(()));
            assert_eq!(check(&scope, "http://10.0.0.7/"), Err("denied_host"));
            assert!(check(&scope, "http://10.0.1.1/").is_err());
            assert!(check(&scope, "http://169.254.169.254/").is_err());
        }
    }

    #[test]
    fn paths_have_an_end() {
        let scope = scope(|settings| settings.scope.max_path_segments = 3);
        assert_eq!(check(&scope, "http://a.example/1/2/3"), Ok(()));
        assert_eq!(
            check(&scope, "http://a.example/1/2/3/4"),
            Err("path_too_deep")
        );
    }

    #[test]
    fn query_parameters_that_do_not_count() {
        let scope = scope(|settings| {
            settings.scope.drop_query = vec!["utm_*".to_owned(), "sid".to_owned()]
        });
        for (url, expected) in [
            (
                "http://a.example/?a=1&utm_x=2&b&sid=3",
                "http://a.example/?a=1&b",
            ),
            ("http://a.example/?sid=3", "http://a.example/"),
            ("http://a.example/?a=1", "http://a.example/?a=1"),
            ("http://a.example/b", "http://a.example/b"),
            ("http://a.example/?", "http://a.example/"),
        ] {
            let url = Url::parse(url).unwrap();
            let shortened = scope.shortened((&url).into());
            assert_eq!(shortened.as_deref().unwrap_or(url.as_str()), expected);
            assert_eq!(scope.normalize(url).unwrap().as_str(), expected);
        }
    }
}
