//! Any robots.txt and any path; then any bytes as a page, cut anywhere.

#![no_main]

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use tracer_crawler::parse::{HtmlParser, ParseOptions};
use tracer_crawler::robots::{RobotsAnswer, FetchRobots, RobotsCache, RobotsOptions, RobotsTxt};
use tracer_crawler::canonical::Normalizer;

struct Served(Vec<u8>);

impl FetchRobots for Served {
    async fn fetch(&self, _: url::Url) -> RobotsAnswer {
        let body = self.0.clone();
        RobotsAnswer::Response { status: 200, body }
    }
}

fuzz_target!(|data: &[u8]| {
    let (path, body) = data.split_at(data.len().min(24));
    let page = format!("http://host.test/{}", String::from_utf8_lossy(path));
    let Ok(page) = Normalizer::default().parse(&page) else {
        return;
    };
    let served = Served(body.into());
    let cache = RobotsCache::new(RobotsOptions::default());
    let mut rules = std::pin::pin!(cache.rules(&page, &served));
    // Nothing in it waits.
    if let Poll::Ready(rules) = rules.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        let _ = (rules.crawl_delay(), rules.sitemaps().len());
        // Lines that are no rules change nothing.
        let told = [body, b"\nunknown: line\n# comment\n\nSitemap: http://s.test/\n"].concat();
        let told = RobotsTxt::parse(&told, "tracer");
        assert_eq!(rules.allows(&page), told.allows(&page));
    }
    let options = ParseOptions {
        images: true,
        scripts: true,
        ..ParseOptions::default()
    };
    let mut parser = HtmlParser::new(Arc::new(options), None);
    for chunk in body.chunks(path.len().max(1)) {
        parser.write(chunk);
    }
    let page = parser.finish(&page, &Normalizer::default());
    assert!(page.links.len() <= body.len());
});
