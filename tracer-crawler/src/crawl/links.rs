//! Links of a page: which of them belong to the crawl, and why the others do not.

use std::collections::BTreeMap;

use url::Url;

use super::engine::Engine;
use crate::dedup::Fingerprint;
use crate::parse::{LinkKind, ParsedPage};
use crate::settings::{LinkSource, Settings};

/// Links of one page, and what is left out of them.
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) urls: Vec<(Url, Fingerprint)>,
    pub(crate) depth: u32,
    pub(crate) found: u64,
    pub(crate) skipped: BTreeMap<&'static str, u64>,
}

impl Links {
    pub(crate) fn new(depth: u32) -> Self {
        Self {
            urls: Vec::new(),
            depth,
            found: 0,
            skipped: BTreeMap::new(),
        }
    }

    pub(crate) fn skip(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
            self.found += count;
        }
    }

    /// Takes a normalised URL if it belongs to the crawl.
    pub(crate) fn consider(&mut self, engine: &Engine, url: Url) {
        let url = engine.reach.shorten(url);
        match engine.reach.check(&url) {
            Ok(()) => {
                self.found += 1;
                let fingerprint = engine.seed.fingerprint(url.as_str());
                self.urls.push((url, fingerprint));
            }
            Err(reason) => self.skip(reason, 1),
        }
    }
}

impl Engine {
    /// The links of a page that are to be queued; the page keeps its own only where an output wants them.
    pub(crate) fn links(&self, settings: &Settings, depth: u32, page: &mut ParsedPage) -> Links {
        let mut links = Links::new(depth);
        links.skip("too_many_links", page.links_dropped);
        for (refusal, count) in &page.refused {
            links.skip(refusal.as_str(), *count);
        }
        let obey = settings.politeness.nofollow;
        let too_deep = settings.crawl.depth.is_some_and(|limit| depth > limit);
        if too_deep || (obey && page.directives.nofollow) {
            let reason = if too_deep { "too_deep" } else { "nofollow" };
            links.skip(reason, page.links.len() as u64);
            return links;
        }
        let kept = if self.needs.links {
            page.links.clone()
        } else {
            Vec::new()
        };
        for link in std::mem::replace(&mut page.links, kept) {
            if !settings.parse.links.contains(&source(link.kind)) {
                links.skip("link_kind", 1);
            } else if obey && link.nofollow {
                links.skip("nofollow", 1);
            } else {
                links.consider(self, link.url);
            }
        }
        links
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
