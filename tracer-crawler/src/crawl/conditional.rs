//! Pages fetched before: asked for only if they have changed, with the links they had when they have not.

use std::time::UNIX_EPOCH;

use hyper::header::HeaderMap;
use url::Url;

use super::engine::Engine;
use super::links::Links;
use super::report::PageReport;
use crate::cache::Stored;
use crate::settings::Settings;

impl Engine {
    /// What the cache knows of a page; its validators go into the request's header.
    pub(crate) fn condition(&self, url: &Url, headers: &mut HeaderMap) -> Option<Stored> {
        let stored = match self.cache.as_ref()?.get(url) {
            Ok(stored) => stored?,
            Err(error) => {
                tracing::warn!(%error, "page asked for without condition");
                return None;
            }
        };
        for (name, value) in stored.conditions() {
            headers.insert(name, value);
        }
        Some(stored)
    }

    /// Links of a page that has not changed.
    pub(crate) fn stored_links(&self, settings: &Settings, depth: u32, stored: &Stored) -> Links {
        let mut links = Links::new(depth);
        if settings.crawl.depth.is_some_and(|limit| depth > limit) {
            links.skip("too_deep", stored.links.len() as u64);
            return links;
        }
        for text in &stored.links {
            if let Ok(url) = Url::parse(text) {
                links.consider(self, &url);
            }
        }
        links
    }

    /// Keeps what the next crawl needs to ask with.
    pub(crate) fn keep(&self, report: &PageReport) {
        let (Some(cache), Some(step)) = (&self.cache, &report.step) else {
            return;
        };
        let head = step.exchange.head.as_ref();
        let Some(head) = head.filter(|head| head.status == 200) else {
            return;
        };
        // To the nanosecond: WARC files name the record by its date.
        let begun = step.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun_ns = i64::try_from(begun.as_nanos()).unwrap_or(i64::MAX);
        let Some(mut stored) = Stored::of(&head.headers, begun_ns) else {
            return;
        };
        let urls = report.links.iter().flat_map(Links::urls);
        stored.links = urls.map(|(url, _)| url.as_str().to_owned()).collect();
        if let Err(error) = cache.put(&report.url, &stored) {
            tracing::warn!(%error, "page not kept for the next crawl");
        }
    }

    /// Makes what was kept durable. Blocks.
    pub(crate) fn save_cache(&self) {
        if let Some(Err(error)) = self.cache.as_ref().map(crate::cache::ResponseCache::save) {
            tracing::warn!(%error, "the cache may be incomplete");
        }
    }
}
