//! What goes in and what comes out: links and pages, and the rows they are while they wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::url::Url;

use crate::dedup::Fingerprint;
use crate::url::UrlText;

/// A link to be looked at: a normalised URL within the scope.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Normalised.
    pub url: UrlText<'a>,
    /// Of the URL, under [`Frontier::seed`]; made outside of the lock.
    pub fingerprint: Fingerprint,
    /// Links from a seed.
    pub depth: u32,
    /// What it is.
    pub kind: Kind,
}

/// What a URL in the queue is, as far as its page does not tell by itself. It survives a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// A page: a link's target or a seed.
    #[default]
    Page,
    /// The target of a redirect, after so many of them; at most [`Kind::MAX_HOPS`].
    Redirected(u8),
    /// A sitemap, nested so deep; at most 127.
    Sitemap(u8),
}

/// Bits of a stored depth; those above are the kind's.
const DEPTH_BITS: u32 = 24;
const SITEMAP: u32 = 128;

impl Kind {
    /// Redirects that are counted; no chain goes on after them.
    pub const MAX_HOPS: u8 = 127;

    /// Depth and kind in one number; a row that was written before there were kinds is a page.
    pub(super) fn pack(self, depth: u32) -> u32 {
        let kind = match self {
            Self::Page => 0,
            Self::Redirected(hops) => u32::from(hops.clamp(1, Self::MAX_HOPS)),
            Self::Sitemap(nesting) => SITEMAP + u32::from(nesting.min(127)),
        };
        kind << DEPTH_BITS | depth.min((1 << DEPTH_BITS) - 1)
    }

    /// The other way.
    pub(super) fn unpack(number: u32) -> (u32, Self) {
        let number8 = |number: u32| u8::try_from(number).unwrap_or(127);
        let kind = match number >> DEPTH_BITS {
            0 => Self::Page,
            sitemap @ SITEMAP.. => Self::Sitemap(number8(sitemap - SITEMAP)),
            hops => Self::Redirected(number8(hops)),
        };
        (number & ((1 << DEPTH_BITS) - 1), kind)
    }
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
    /// What it is.
    pub kind: Kind,
    /// Times it was handed out before, by this process.
    pub attempt: u32,
    /// Those of them that are no tries ([`Frontier::postpone`]).
    pub spared: u32,
    /// Time that its host's next page has to wait after it.
    pub delay: Duration,
    /// The page it was found on, if that was told.
    pub referrer: Option<Arc<str>>,
}

impl Page {
    /// Tries before this one.
    pub fn tries(&self) -> u32 {
        self.attempt.saturating_sub(self.spared)
    }
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
    pub(super) kind: Kind,
    pub(super) url: Box<str>,
    pub(super) referrer: Option<Arc<str>>,
}

/// A row, its place in the order of all rows, how often it was handed out, and how often that was no try.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) attempt: u32,
    pub(super) spared: u32,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_kind_come_back() {
        for kind in [
            Kind::Page,
            Kind::Redirected(1),
            Kind::Redirected(127),
            Kind::Sitemap(0),
            Kind::Sitemap(127),
        ] {
            for depth in [0, 7, (1 << 24) - 1] {
                assert_eq!(Kind::unpack(kind.pack(depth)), (depth, kind));
            }
        }
        assert_eq!(Kind::unpack(Kind::Page.pack(u32::MAX)).1, Kind::Page);
        assert_eq!(Kind::unpack(300), (300, Kind::Page));
    }
}
