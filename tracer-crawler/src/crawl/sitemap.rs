//! Sitemaps. They go through the queue like pages, so the limits of their host apply and a restart finds them again.

use url::Url;

use super::engine::Engine;
use super::links::Links;
use crate::frontier::{Candidate, Kind, Page};
use crate::sitemap::{Entry, MAX_NESTING, SitemapParser};

/// Sitemap that is being read.
pub(crate) struct Reading {
    parser: SitemapParser,
    nesting: u32,
    entries: Vec<Entry>,
}

impl Reading {
    pub(crate) fn write(&mut self, chunk: &[u8]) {
        // Entries read before an error count.
        if let Err(error) = self.parser.write(chunk) {
            tracing::debug!(%error, "sitemap");
        }
        self.entries.append(&mut self.parser.take());
    }
}

impl Engine {
    /// Reader for a page that is a sitemap; `None` for others.
    pub(crate) fn sitemap(&self, page: &Page) -> Option<Reading> {
        Some(Reading {
            parser: SitemapParser::default(),
            nesting: self.nesting(page)?,
            entries: Vec::new(),
        })
    }

    /// Nesting of a sitemap; `None` for a page. A sitemap is known by its kind in the queue or by its file name.
    pub(crate) fn nesting(&self, page: &Page) -> Option<u32> {
        if !self.live.load().politeness.sitemaps {
            return None;
        }
        let is_named = ["sitemap.xml", "sitemap.xml.gz"]
            .iter()
            .any(|name| page.url.path().ends_with(name));
        match page.kind {
            Kind::Sitemap(nesting) => Some(nesting.into()),
            _ if is_named => Some(0),
            _ => None,
        }
    }

    /// Queues sitemaps that robots.txt or another sitemap names. They may be on any host; their pages have to belong to
    /// the crawl.
    pub(crate) fn add_sitemaps(&self, urls: &[Url], nesting: u32) {
        if nesting > MAX_NESTING {
            self.stats.skip("sitemap_too_deep", urls.len() as u64);
            return;
        }
        let urls: Vec<_> = urls
            .iter()
            .filter_map(|url| self.scope.normalize(url.clone()).ok())
            .map(|url| (self.hash_key.fingerprint(url.as_str()), url))
            .collect();
        let candidates: Vec<_> = urls
            .iter()
            .map(|(fingerprint, url)| Candidate {
                url: url.into(),
                fingerprint: *fingerprint,
                depth: 0,
                kind: Kind::Sitemap(u8::try_from(nesting).unwrap_or(u8::MAX)),
            })
            .collect();
        self.with_frontier(|frontier| frontier.add(&candidates, None));
        self.wake.notify_one();
    }

    /// Pages of a sitemap, which count as seeds, and all URLs in it. Nested sitemaps are queued.
    pub(crate) fn sitemap_links(&self, mut reading: Reading) -> (Links, Vec<String>) {
        let (rest, end) = reading.parser.finish();
        if let Err(error) = end {
            tracing::debug!(%error, "sitemap");
        }
        reading.entries.extend(rest);
        let mut links = Links::new(0);
        let mut nested = Vec::new();
        let mut urls = Vec::new();
        for entry in reading.entries {
            let (text, is_page) = match &entry {
                Entry::Page(text) => (text, true),
                Entry::Sitemap(text) => (text, false),
            };
            let parsed = self.scope.normalizer.parse(text);
            urls.extend(parsed.iter().map(Url::to_string));
            match parsed {
                Ok(url) if is_page => links.consider(self, &url),
                Ok(url) => nested.push(url),
                Err(error) => links.skip(crate::scope::Refusal::from(&error).as_str(), 1),
            }
        }
        self.add_sitemaps(&nested, reading.nesting + 1);
        links.sitemaps = Some(nested);
        (links, urls)
    }
}
