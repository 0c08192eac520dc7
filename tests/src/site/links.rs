//! Links of a page, and the counts that a crawler has to report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Numbers of links of a page, and of skipped links by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of all links.
    pub found: u64,
    /// Skipped links by reason.
    pub skipped: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts of a page without skipped links.
    pub(super) fn found(found: u64) -> Self {
        Self {
            found,
            ..Self::default()
        }
    }

    /// Adds skipped links.
    pub(super) fn and(mut self, reason: &str, count: u64) -> Self {
        *self.skipped.entry(reason.to_owned()).or_default() += count;
        self.found += count;
        self
    }
}

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Body {
    html: String,
    pub(super) counts: Counts,
}

impl Body {
    pub(super) fn new(title: &str) -> Self {
        let html = format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>\n");
        Self {
            html,
            counts: Counts::default(),
        }
    }

    /// A link of the crawl.
    pub(super) fn link(&mut self, href: &str) {
        self.counts.found += 1;
        self.text(href);
    }

    /// A link that does not belong to the crawl.
    pub(super) fn left_out(&mut self, href: &str, reason: &str) {
        self.counts = std::mem::take(&mut self.counts).and(reason, 1);
        self.text(href);
    }

    fn text(&mut self, href: &str) {
        let _ = writeln!(self.html, "<p><a href=\"{href}\">there</a></p>");
    }

    /// Text that is no link.
    pub(super) fn prose(&mut self, words: u64) {
        for _ in 0..words {
            self.html.push_str("Lorem ipsum &amp; so on. ");
        }
    }

    pub(super) fn end(mut self) -> (String, Counts) {
        self.html.push_str("</body></html>\n");
        (self.html, self.counts)
    }
}
