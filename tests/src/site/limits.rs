//! Limits of the crawl. The site is made to reach each of them, and the command line sets them.

use std::time::Duration;

pub(super) const DEPTH: u32 = 60;
pub(super) const PAGES_PER_HOST: u64 = 600;
pub(super) const PATH_SEGMENTS: usize = 20;
pub(super) const URL_BYTES: usize = 400;
pub(super) const REDIRECTS: u32 = 5;
pub(super) const RETRIES: u32 = 2;
pub(super) const WIRE_BYTES: u64 = 1 << 20;
pub(super) const DECODED_BYTES: u64 = 4 << 20;
pub(super) const HEADER_BYTES: usize = 16 << 10;
pub(super) const REQUEST: Duration = Duration::from_millis(3000);
pub(super) const ROBOTS: Duration = Duration::from_millis(2000);
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(10);
pub(super) const CRAWL_DELAY: Duration = Duration::from_millis(400);

/// Flags of `tracer crawl` that set the limits.
pub(super) fn flags() -> Vec<String> {
    let ms = |time: Duration| format!("{}ms", time.as_millis());
    [
        ("--deny-host", "denied.site.test".to_owned()),
        ("--exclude", "/logout".to_owned()),
        ("--sort-query", "true".to_owned()),
        ("--drop-query", "sid".to_owned()),
        ("--sitemaps", "true".to_owned()),
        ("--compression", "true".to_owned()),
        ("--depth", DEPTH.to_string()),
        ("--max-pages-per-host", PAGES_PER_HOST.to_string()),
        ("--max-path-segments", PATH_SEGMENTS.to_string()),
        ("--max-url", URL_BYTES.to_string()),
        ("--redirects", REDIRECTS.to_string()),
        ("--retries", RETRIES.to_string()),
        ("--retry-backoff", "50ms".to_owned()),
        ("--retry-max-backoff", "200ms".to_owned()),
        ("--max-retry-after", ms(RETRY_AFTER)),
        ("--max-crawl-delay", ms(CRAWL_DELAY)),
        ("--max-body", WIRE_BYTES.to_string()),
        ("--max-decoded", DECODED_BYTES.to_string()),
        ("--max-header", HEADER_BYTES.to_string()),
        ("--request-timeout", ms(REQUEST)),
        ("--robots-timeout", ms(ROBOTS)),
    ]
    .into_iter()
    .map(|(flag, value)| format!("{flag}={value}"))
    .collect()
}
