//! Input and output of the frontier (links and pages), and the rows that hold them while they wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::canonical::UrlText;
use crate::dedup::Fingerprint;

/// Link offered to the frontier: a normalised URL within the scope.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Normalised URL.
    pub url: UrlText<'a>,
    /// Fingerprint of the URL under [`Frontier::seed`], made outside of the frontier's lock.
    pub fingerprint: Fingerprint,
    /// Number of links between a seed and this page.
    pub depth: u32,
    /// Kind of the URL.
    pub kind: Kind,
}

/// Kind of a queued URL, as far as the answer does not show it by itself. Kept over a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Page that is a seed or the target of a link.
    #[default]
    Page,
    /// Target of a redirect, with the number of redirects that led to it; at most [`Kind::MAX_HOPS`].
    Redirected(u8),
    /// Sitemap, with its depth of nesting; at most 127.
    Sitemap(u8),
}

/// Number of bits of a stored depth; the bits above hold the kind.
const DEPTH_BITS: u32 = 24;
const SITEMAP: u32 = 128;

impl Kind {
    /// Largest number of redirects that can be counted; a chain ends there.
    pub const MAX_HOPS: u8 = 127;

    /// Packs depth and kind into one number. A row that was written before there were kinds unpacks as a page.
    pub(super) fn pack(self, depth: u32) -> u32 {
        let kind = match self {
            Self::Page => 0,
            Self::Redirected(hops) => u32::from(hops.clamp(1, Self::MAX_HOPS)),
            Self::Sitemap(nesting) => SITEMAP + u32::from(nesting.min(127)),
        };
        kind << DEPTH_BITS | depth.min((1 << DEPTH_BITS) - 1)
    }

    /// Unpacks depth and kind.
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

/// Counts of what happened to candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Candidates that were queued.
    pub new: u64,
    /// Candidates that were seen before.
    pub seen: u64,
    /// Candidates left out because their host has reached [`Politeness::max_pages_per_host`]. They count as seen from
    /// now on.
    pub host_full: u64,
}

/// Identifies a page that is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

impl Ticket {
    /// Number that no other page of this crawl has, even over restarts.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Page to be fetched. It is in flight until [`Frontier::done`] or [`Frontier::retry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Identifies the page.
    pub ticket: Ticket,
    /// URL to fetch.
    pub url: Url,
    /// Number of links between a seed and this page.
    pub depth: u32,
    /// Kind of the URL.
    pub kind: Kind,
    /// Number of times that this process handed the page out before.
    pub attempt: u32,
    /// Number of earlier attempts that do not count as tries ([`Frontier::postpone`]).
    pub spared: u32,
    /// Delay between this page and the next one of its host.
    pub delay: Duration,
    /// Referring page, if known.
    pub referrer: Option<Arc<str>>,
}

impl Page {
    /// Number of tries before this one.
    pub fn tries(&self) -> u32 {
        self.attempt.saturating_sub(self.spared)
    }
}

/// Next step for the caller.
#[derive(Debug)]
pub enum Next {
    /// Fetch this page.
    Page(Box<Page>),
    /// No page may be fetched before this time, unless new links or done pages change that.
    Wait(Instant),
    /// All queued pages belong to hosts with as many pages in flight as allowed.
    Busy,
    /// No page is queued or in flight: the crawl is complete.
    Empty,
}

/// URL of a queue. An empty `url` means that the content is on disk only.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) depth: u32,
    pub(super) kind: Kind,
    pub(super) url: Box<str>,
    pub(super) referrer: Option<Arc<str>>,
}

/// Row with its place in the order of all rows, the number of times it was handed out, and how many of these do not
/// count as tries.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) attempt: u32,
    pub(super) spared: u32,
    pub(super) row: Arc<Row>,
}

/// Referrer of a page's links, copied once, when the first link turns out to be new.
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
