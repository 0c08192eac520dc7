//! Selects the links of a page that belong to the crawl, and counts the others by reason.

use std::collections::BTreeMap;
use std::ops::Range;

use url::Url;

use super::crawl_scope::CrawlScope;
use super::engine::Engine;
use crate::canonical::UrlText;
use crate::dedup::Fingerprint;
use crate::parse::{LinkKind, LinkList, ParsedPage};
use crate::settings::{LinkSource, Settings};

/// Links of one page that are to be queued, and counts of those left out.
#[derive(Debug)]
pub(crate) struct Links {
    /// Text of all URLs, one after the other.
    text: String,
    taken: Vec<Taken>,
    pub(crate) depth: u32,
    pub(crate) found: u64,
    pub(crate) skipped: BTreeMap<&'static str, u64>,
    /// Links that would be queued if the page were not at the depth limit. Only the cache needs them: a later crawl may
    /// have a higher limit.
    beyond: Option<Box<Links>>,
    /// Nested sitemaps, when the document is a sitemap; `None` for a page.
    pub(crate) sitemaps: Option<Vec<Url>>,
}

#[derive(Debug)]
struct Taken {
    /// Range of the URL in [`Links::text`].
    url: Range<usize>,
    /// Length of the URL before its path.
    path: usize,
    fingerprint: Fingerprint,
}

/// Origin checked last and its verdict. Most links of a page have the same origin, which then is checked only once.
struct LastOrigin<'a> {
    name: &'a str,
    said: Result<(), &'static str>,
}

impl Links {
    pub(crate) fn new(depth: u32) -> Self {
        Self {
            text: String::new(),
            taken: Vec::new(),
            depth,
            found: 0,
            skipped: BTreeMap::new(),
            beyond: None,
            sitemaps: None,
        }
    }

    pub(crate) fn skip(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
            self.found += count;
        }
    }

    /// URLs to be queued, with their fingerprints.
    pub(crate) fn urls(&self) -> impl ExactSizeIterator<Item = (UrlText<'_>, Fingerprint)> {
        self.taken.iter().map(|taken| {
            let url = UrlText::new(&self.text[taken.url.clone()], taken.path);
            (url, taken.fingerprint)
        })
    }

    /// URLs to be stored in the cache, for a later crawl that finds the page unchanged.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = &str> {
        let links = self.beyond.as_deref().unwrap_or(self);
        links
            .taken
            .iter()
            .map(|taken| &links.text[taken.url.clone()])
    }

    /// Takes a normalised URL if it belongs to the crawl.
    pub(crate) fn consider(&mut self, engine: &Engine, url: &Url) {
        let said = engine.scope.check_origin(url);
        self.take(engine, url.into(), said);
    }

    /// Takes a normalised URL if it belongs to the crawl, given the verdict on its origin.
    fn take(&mut self, engine: &Engine, url: UrlText<'_>, said: Result<(), &'static str>) {
        let shortened = engine.scope.shortened(url);
        let url = match &shortened {
            Some(text) => UrlText::new(text, url.path_at()),
            None => url,
        };
        match said.and_then(|()| engine.scope.check_rest(url)) {
            Ok(()) => {
                self.found += 1;
                let begin = self.text.len();
                self.text.push_str(url.as_str());
                self.taken.push(Taken {
                    url: begin..self.text.len(),
                    path: url.path_at(),
                    fingerprint: engine.hash_key.fingerprint(url.as_str()),
                });
            }
            Err(reason) => self.skip(reason, 1),
        }
    }
}

impl<'a> LastOrigin<'a> {
    fn of(url: &'a Url, scope: &CrawlScope) -> Self {
        Self {
            name: UrlText::from(url).origin(),
            said: scope.check_origin(url),
        }
    }

    fn check(&mut self, url: UrlText<'a>, scope: &CrawlScope) -> Result<(), &'static str> {
        if url.origin() != self.name {
            // The text came from a parsed URL, so this is not expected to fail.
            let said = url.to_url().map_err(|_| "bad_url");
            self.said = said.and_then(|url| scope.check_origin(&url));
            self.name = url.origin();
        }
        self.said
    }
}

impl Engine {
    /// Links of a page that are to be queued. The parsed page keeps its own list only when an output needs it.
    pub(crate) fn links(
        &self,
        settings: &Settings,
        depth: u32,
        url: &Url,
        page: &mut ParsedPage,
    ) -> Links {
        let mut links = Links::new(depth);
        links.skip("too_many_links", page.links_dropped);
        for (refusal, count) in &page.refused {
            links.skip(refusal.as_str(), *count);
        }
        let is_closed = settings.politeness.nofollow && page.directives.nofollow;
        let too_deep = settings.crawl.depth.is_some_and(|limit| depth > limit);
        if too_deep || is_closed {
            let reason = if too_deep { "too_deep" } else { "nofollow" };
            links.skip(reason, page.links.len() as u64);
            if self.cache.is_some() && !is_closed {
                let mut beyond = Links::new(depth);
                self.take_links(settings, url, page, &mut beyond);
                links.beyond = Some(Box::new(beyond));
            }
            return links;
        }
        self.take_links(settings, url, page, &mut links);
        if !self.needs.links {
            page.links = LinkList::default();
        }
        links
    }

    /// Decides on the links of a page one by one.
    fn take_links(&self, settings: &Settings, url: &Url, page: &ParsedPage, links: &mut Links) {
        let obey = settings.politeness.nofollow;
        let mut origin = LastOrigin::of(url, &self.scope);
        links.text.reserve(page.links.bytes());
        links.taken.reserve(page.links.len());
        for link in page.links.iter() {
            if !settings.parse.links.contains(&source(link.kind)) {
                links.skip("link_kind", 1);
            } else if obey && link.nofollow {
                links.skip("nofollow", 1);
            } else {
                links.take(self, link.url, origin.check(link.url, &self.scope));
            }
        }
    }
}

/// The setting that includes links of this kind.
fn source(kind: LinkKind) -> LinkSource {
    match kind {
        LinkKind::Anchor => LinkSource::A,
        LinkKind::Area => LinkSource::Area,
        LinkKind::Link => LinkSource::Link,
        LinkKind::Resource => LinkSource::Style,
        LinkKind::Image => LinkSource::Img,
        LinkKind::Script => LinkSource::Script,
        LinkKind::Frame => LinkSource::Frame,
        LinkKind::Refresh => LinkSource::Refresh,
    }
}
