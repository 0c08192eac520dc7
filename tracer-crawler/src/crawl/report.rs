//! Report of a page that has ended, and the outputs that receive it.

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

/// A request of a page and its answer.
#[derive(Debug)]
pub struct Step {
    /// Headers sent, without Host.
    pub request_headers: HeaderMap,
    /// Time when the request was sent.
    pub started: SystemTime,
    /// Result of the request.
    pub exchange: Exchange,
    /// Body as it came over the wire, if an output needs it.
    pub wire: Option<Vec<u8>>,
}

/// Report of a page that has ended.
#[derive(Debug)]
pub struct PageReport {
    /// Number of the page, unique over restarts of the crawl and used in log lines as well.
    pub id: u64,
    /// URL where a chain of redirects began; the page's own URL without one.
    pub requested_url: Url,
    /// URL of the last request.
    pub url: Url,
    /// Redirects that led to the page.
    pub redirects: Vec<RedirectRecord>,
    /// Number of redirects that led to the page. After a restart `redirects` may have fewer entries.
    pub hops: u8,
    /// Number of links between a seed and this page.
    pub depth: u32,
    /// Page on which the link to this one was found.
    pub referrer: Option<Arc<str>>,
    /// Number of tries before this one.
    pub retries: u32,
    /// Last request; `None` if the page failed before sending one.
    pub step: Option<Step>,
    /// Target of the redirect that answered the request. The target is a page of its own in the queue, so this report
    /// is not that of the page.
    pub moved: Option<Url>,
    /// Failure of the page; `None` for success.
    pub failure: Option<Arc<Failure>>,
    /// Reason for leaving the page out: robots.txt, or a redirect that leaves the crawl or leads to a URL already seen.
    pub skipped: Option<&'static str>,
    /// Links and directives of an HTML page.
    pub parsed: Option<ParsedPage>,
    /// URLs of a sitemap, where an output wants links.
    pub sitemap_urls: Option<Vec<String>>,
    /// Time spent on parsing.
    pub parse_ns: Option<u64>,
    /// Links to be queued.
    pub(crate) links: Option<Links>,
    /// Counts of the links queued and left out.
    pub counts: LinkCounts,
    /// Time of the earlier request whose answer is still valid, in ns since 1970.
    pub fetched_before_ns: Option<i64>,
    /// Decoded body, if an output needs it.
    pub body: Option<Vec<u8>>,
    /// Time since the first try began.
    pub task_ns: u64,
}

impl PageReport {
    /// True if the page gets a record of its own. A redirect whose target was queued gets none: the target's record
    /// contains it.
    pub fn is_told(&self) -> bool {
        self.moved.is_none() || self.skipped.is_some()
    }

    /// Status of the last answer.
    pub fn status(&self) -> Option<u16> {
        let head = self.step.as_ref()?.exchange.head.as_ref()?;
        Some(head.status.as_u16())
    }
}

/// Parts of a page that an output needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Bodies as they came over the wire.
    pub wire: bool,
    /// Decoded bodies.
    pub body: bool,
    /// Links of the page.
    pub links: bool,
}

/// An output could not be written, which ends the crawl.
#[derive(Debug, thiserror::Error)]
#[error("output: {0}")]
pub struct OutError(pub Box<dyn std::error::Error + Send + Sync>);

/// Future of [`Out::page`].
pub type Written<'a> = Pin<Box<dyn Future<Output = Result<(), OutError>> + Send + 'a>>;

/// Output that receives pages that have ended. A page counts as done only when the future of [`Out::page`] is, so a
/// slow output slows the crawl down.
pub trait Out: Send + Sync {
    /// Parts of a page that this output needs. Called once.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Writes one page.
    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a>;

    /// Writes everything still buffered, because the crawl has ended.
    fn finish(&self) -> Written<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}
