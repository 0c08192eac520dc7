//! Crawl with the crate spider, configured for the same work: all pages of one host, with links, each page once.

use std::time::Duration;

use spider::website::Website;

#[tokio::main]
async fn main() {
    let task = peers::Task::from_args();
    let clock = peers::Clock::start();
    let mut website = Website::new(&task.url);
    website
        .with_respect_robots_txt(false)
        .with_limit(u32::MAX)
        .with_depth(0)
        .with_delay(0)
        .with_request_timeout(Some(Duration::from_secs(60)))
        .with_concurrency_limit(Some(task.concurrency));
    website.crawl().await;
    clock.report(website.get_links().len() as u64, 0, None);
}
