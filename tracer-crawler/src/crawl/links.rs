//! Links of a page: which of them belong to the crawl, and why the others do not.

use std::collections::BTreeMap;
use std::ops::Range;

use url::Url;

use super::engine::Engine;
use super::reach::Reach;
use crate::dedup::Fingerprint;
use crate::parse::{LinkKind, LinkList, ParsedPage};
use crate::settings::{LinkSource, Settings};
use crate::url::UrlText;

/// Links of one page, and what is left out of them.
#[derive(Debug)]
pub(crate) struct Links {
    /// All URLs, one after the other.
    text: String,
    taken: Vec<Taken>,
    pub(crate) depth: u32,
    pub(crate) found: u64,
    pub(crate) skipped: BTreeMap<&'static str, u64>,
    /// Where the page is at the limit of depth: what would be queued without it, for the cache.
    beyond: Option<Box<Links>>,
    /// Sitemaps that it names; none for a page.
    pub(crate) sitemaps: Option<Vec<Url>>,
}

#[derive(Debug)]
struct Taken {
    /// In the text.
    url: Range<usize>,
    /// How much of it is before its path.
    path: usize,
    fingerprint: Fingerprint,
}

/// What was said of the last origin: most links of a page have the same one.
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

    /// What is to be queued.
    pub(crate) fn urls(&self) -> impl ExactSizeIterator<Item = (UrlText<'_>, Fingerprint)> {
        self.taken.iter().map(|taken| {
            let url = UrlText::new(&self.text[taken.url.clone()], taken.path);
            (url, taken.fingerprint)
        })
    }

    /// What a later crawl is to find when the page has not changed.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = &str> {
        let links = self.beyond.as_deref().unwrap_or(self);
        links
            .taken
            .iter()
            .map(|taken| &links.text[taken.url.clone()])
    }

    /// Takes a normalised URL if it belongs to the crawl.
    pub(crate) fn consider(&mut self, engine: &Engine, url: &Url) {
        let said = engine.reach.check_origin(url);
        self.take(engine, url.into(), said);
    }

    /// The same, where it is known what is said of its origin.
    fn take(&mut self, engine: &Engine, url: UrlText<'_>, said: Result<(), &'static str>) {
        let shortened = engine.reach.shortened(url);
        let url = match &shortened {
            Some(text) => UrlText::new(text, url.path_at()),
            None => url,
        };
        match said.and_then(|()| engine.reach.check_rest(url)) {
            Ok(()) => {
                self.found += 1;
                let begin = self.text.len();
                self.text.push_str(url.as_str());
                self.taken.push(Taken {
                    url: begin..self.text.len(),
                    path: url.path_at(),
                    fingerprint: engine.seed.fingerprint(url.as_str()),
                });
            }
            Err(reason) => self.skip(reason, 1),
        }
    }
}

impl<'a> LastOrigin<'a> {
    fn of(url: &'a Url, reach: &Reach) -> Self {
        Self {
            name: UrlText::from(url).origin(),
            said: reach.check_origin(url),
        }
    }

    fn check(&mut self, url: UrlText<'a>, reach: &Reach) -> Result<(), &'static str> {
        if url.origin() != self.name {
            // It was a URL before it was a text.
            let said = url.to_url().map_err(|_| "bad_url");
            self.said = said.and_then(|url| reach.check_origin(&url));
            self.name = url.origin();
        }
        self.said
    }
}

impl Engine {
    /// The links of a page that are to be queued; the page keeps its own only where an output wants them.
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

    /// The links of a page one by one.
    fn take_links(&self, settings: &Settings, url: &Url, page: &ParsedPage, links: &mut Links) {
        let obey = settings.politeness.nofollow;
        let mut origin = LastOrigin::of(url, &self.reach);
        links.text.reserve(page.links.bytes());
        links.taken.reserve(page.links.len());
        for link in page.links.iter() {
            if !settings.parse.links.contains(&source(link.kind)) {
                links.skip("link_kind", 1);
            } else if obey && link.nofollow {
                links.skip("nofollow", 1);
            } else {
                links.take(self, link.url, origin.check(link.url, &self.reach));
            }
        }
    }
}

/// The setting that a link is taken by.
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
