//! Conditional requests for pages that an earlier crawl fetched; an unchanged page keeps the links stored for it.

use std::time::UNIX_EPOCH;

use hyper::header::HeaderMap;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::crawl_scope::CrawlScope;
use super::engine::Engine;
use super::links::Links;
use super::report::PageReport;
use crate::cache::Stored;
use crate::frontier::Page;
use crate::settings::Settings;

/// Hash of everything that decides which links of a page belong to the crawl, except the depth of the page.
pub(crate) fn rules(settings: &Settings, scope: &CrawlScope, agent: &str) -> u64 {
    let (parse, render) = (&settings.parse, settings.render.enabled);
    let nofollow = settings.politeness.nofollow;
    xxh3_64(format!("{} {parse:?} {render} {nofollow} {agent}", scope.rules).as_bytes())
}

impl Engine {
    /// Looks up the cached answer of a page and puts its validators into the request's headers. Returns `None`, so that
    /// the page is requested unconditionally, when the stored links do not fit the rules of this crawl.
    pub(crate) fn condition(&self, page: &Page, headers: &mut HeaderMap) -> Option<Stored> {
        let stored = match self.cache.as_ref()?.get(&page.url) {
            Ok(stored) => stored?,
            Err(error) => {
                tracing::warn!(%error, "page asked for without condition");
                return None;
            }
        };
        let was_sitemap = stored.sitemaps.is_some();
        if stored.rules != self.rules || was_sitemap != self.nesting(page).is_some() {
            return None;
        }
        for (name, value) in stored.conditions() {
            headers.insert(name, value);
        }
        Some(stored)
    }

    /// Links of a page that has not changed. Pages of a sitemap count as seeds; nested sitemaps are queued.
    pub(crate) fn stored_links(&self, settings: &Settings, page: &Page, stored: &Stored) -> Links {
        let urls = |texts: &[String]| -> Vec<Url> {
            (texts.iter().filter_map(|text| Url::parse(text).ok())).collect()
        };
        let depth = match &stored.sitemaps {
            Some(nested) => {
                self.add_sitemaps(&urls(nested), self.nesting(page).unwrap_or_default() + 1);
                0
            }
            None => page.depth + 1,
        };
        let mut links = Links::new(depth);
        if settings.crawl.depth.is_some_and(|limit| depth > limit) {
            links.skip("too_deep", stored.links.len() as u64);
            return links;
        }
        for url in &urls(&stored.links) {
            links.consider(self, url);
        }
        links
    }

    /// Stores an answer's validators and links in the cache, for the conditional request of a later crawl.
    pub(crate) fn keep(&self, report: &PageReport) {
        let (Some(cache), Some(step)) = (&self.cache, &report.step) else {
            return;
        };
        let head = step.exchange.head.as_ref();
        // Of a body that was cut not all links are known.
        let is_whole = !step.exchange.is_cut;
        let Some(head) = head.filter(|head| head.status == 200 && is_whole) else {
            return;
        };
        // The time is kept to the nanosecond because WARC files refer to an earlier record by its date.
        let begun = step.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun_ns = i64::try_from(begun.as_nanos()).unwrap_or(i64::MAX);
        let Some(mut stored) = Stored::of(&head.headers, begun_ns) else {
            // What an earlier answer left is no longer so.
            cache.remove(&report.url);
            return;
        };
        stored.rules = self.rules;
        if let Some(links) = &report.links {
            stored.links = links.lasting().map(str::to_owned).collect();
            let named = |urls: &Vec<Url>| urls.iter().map(Url::to_string).collect();
            stored.sitemaps = links.sitemaps.as_ref().map(named);
        }
        if let Err(error) = cache.put(&report.url, &stored) {
            tracing::warn!(%error, "page not kept for the next crawl");
        }
    }

    /// Makes the cache durable. Blocks.
    pub(crate) fn save_cache(&self) {
        if let Some(Err(error)) = self.cache.as_ref().map(crate::cache::ResponseCache::save) {
            tracing::warn!(%error, "the cache may be incomplete");
        }
    }
}
