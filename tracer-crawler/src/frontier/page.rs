//! What goes in and what comes out: links and pages, and the rows they are while they wait.

use std::sync::Arc;
use std::time::Instant;

use ::url::Url;

use crate::dedup::Fingerprint;

/// A link to be looked at: a normalised URL within the scope.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Normalised.
    pub url: &'a Url,
    /// Of the URL, under [`Frontier::seed`]; made outside of the lock.
    pub fingerprint: Fingerprint,
    /// Links from a seed.
    pub depth: u32,
}

/// What became of candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Queued.
    pub new: u64,
    /// Seen before.
    pub seen: u64,
    /// Left out: their host has had [`Politeness::max_pages_per_host`]. They count as seen from now on.
    pub host_full: u64,
}

/// Names a page that is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

impl Ticket {
    /// A number that no other page of this crawl has, over restarts.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// A page to fetch. It is in flight until [`Frontier::done`] or [`Frontier::retry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its name.
    pub ticket: Ticket,
    /// What to fetch.
    pub url: Url,
    /// Links from a seed.
    pub depth: u32,
    /// Times it was handed out before, by this process.
    pub attempt: u32,
    /// The page it was found on, if that was told.
    pub referrer: Option<Arc<str>>,
}

/// What to do next.
#[derive(Debug)]
pub enum Next {
    /// Fetch this.
    Page(Box<Page>),
    /// Nothing may be fetched before this time; new links or done pages may change that.
    Wait(Instant),
    /// All that is left belongs to hosts which have as many pages in flight as they may.
    Busy,
    /// Nothing is queued and nothing in flight: the crawl is complete.
    Empty,
}

/// One URL of a queue. With an empty URL it is on disk alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) depth: u32,
    pub(super) url: Box<str>,
    pub(super) referrer: Option<Arc<str>>,
}

/// A row, its place in the order of all rows, and how often it was handed out.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) attempt: u32,
    pub(super) row: Arc<Row>,
}

/// One copy of the referrer for all links of a page, made when the first of them is new.
pub(super) struct LazyReferrer<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) shared: Option<Arc<str>>,
}

impl LazyReferrer<'_> {
    pub(super) fn get(&mut self) -> Option<Arc<str>> {
        let text = self.text?;
        Some(Arc::clone(self.shared.get_or_insert_with(|| text.into())))
    }
}
