//! What is known of a page when it is over, and who is told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::header::HeaderMap;
use url::Url;

use super::links::Links;
use crate::fetch::Exchange;
use crate::out::record::{LinkCounts, RedirectRecord};
use crate::outcome::Failure;
use crate::parse::ParsedPage;

/// One request of a page and what came back.
#[derive(Debug)]
pub struct Step {
    /// Sent, without Host.
    pub request_headers: HeaderMap,
    /// When it was sent.
    pub started: SystemTime,
    /// What was seen.
    pub exchange: Exchange,
    /// Body as it came, if an output wanted it.
    pub wire: Option<Vec<u8>>,
}

/// A page that is over.
#[derive(Debug)]
pub struct PageReport {
    /// Number of the page in this crawl, over restarts; the same in log lines.
    pub id: u64,
    /// Where a chain of redirects began; the page's own URL without one.
    pub requested_url: Url,
    /// What was asked for last.
    pub url: Url,
    /// Redirects that led here.
    pub redirects: Vec<RedirectRecord>,
    /// How many they are; after a restart some may be missing above.
    pub hops: u8,
    /// Links from a seed.
    pub depth: u32,
    /// The page it was found on.
    pub referrer: Option<Arc<str>>,
    /// Further tries before this one.
    pub retries: u32,
    /// The last request: none if the page failed before any.
    pub step: Option<Step>,
    /// The answer sends on to this URL, which is a page of its own now: this report is not the page that was asked for.
    pub moved: Option<Url>,
    /// Why it failed; none for success.
    pub failure: Option<Arc<Failure>>,
    /// Why it ended here: robots.txt, or its redirect leads out of the crawl or to what was seen before.
    pub skipped: Option<&'static str>,
    /// Links and directives, of HTML.
    pub parsed: Option<ParsedPage>,
    /// URLs of a sitemap, where an output wants links.
    pub sitemap_urls: Option<Vec<String>>,
    /// Time for that.
    pub parse_ns: Option<u64>,
    /// Links to be queued.
    pub(crate) links: Option<Links>,
    /// What became of the links.
    pub counts: LinkCounts,
    /// When the page was asked for that is still as it was, in ns since 1970.
    pub fetched_before_ns: Option<i64>,
    /// The decoded body, if an output wanted it.
    pub body: Option<Vec<u8>>,
    /// Since the first try began.
    pub task_ns: u64,
}

impl PageReport {
    /// Whether it has a record: the target of a redirect that was queued tells of the redirect in its own.
    pub fn is_told(&self) -> bool {
        self.moved.is_none() || self.skipped.is_some()
    }

    /// Status of the last answer.
    pub fn status(&self) -> Option<u16> {
        let head = self.step.as_ref()?.exchange.head.as_ref()?;
        Some(head.status.as_u16())
    }
}

/// What an output needs of each page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Bodies as they came.
    pub wire: bool,
    /// Decoded bodies.
    pub body: bool,
    /// Links as the page has them.
    pub links: bool,
}

/// Results could not be written; the crawl ends.
#[derive(Debug, thiserror::Error)]
#[error("output: {0}")]
pub struct OutError(pub Box<dyn std::error::Error + Send + Sync>);

/// The future of [`Out::page`].
pub type Written<'a> = Pin<Box<dyn Future<Output = Result<(), OutError>> + Send + 'a>>;

/// Takes pages that are over. The page counts as done only when this is; a slow output slows the crawl down.
pub trait Out: Send + Sync {
    /// What it needs; asked once.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Takes one page.
    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a>;

    /// The crawl has ended: what was taken has to be written.
    fn finish(&self) -> Written<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}
