//! Receives the body of a page as it arrives, for the parser and for outputs that need it whole.

use std::sync::Arc;
use std::time::Instant;

use hyper::header::CONTENT_TYPE;

use super::report::Needs;
use super::sitemap::Reading;
use crate::fetch::{Head, Sink, Want, since_ns};
use crate::parse::{HtmlParser, ParseOptions, is_html};

/// Receiver of one response.
pub(crate) struct PageSink {
    options: Arc<ParseOptions>,
    needs: Needs,
    /// Set when the URL is a sitemap.
    pub(crate) sitemap: Option<Reading>,
    pub(crate) parser: Option<HtmlParser>,
    /// Time spent in the parser.
    pub(crate) parse_ns: u64,
    pub(crate) wire: Option<Vec<u8>>,
    pub(crate) body: Option<Vec<u8>>,
}

impl PageSink {
    pub(crate) fn new(options: &Arc<ParseOptions>, needs: Needs, sitemap: Option<Reading>) -> Self {
        Self {
            options: Arc::clone(options),
            needs,
            sitemap,
            parser: None,
            parse_ns: 0,
            wire: None,
            body: None,
        }
    }
}

impl Sink for PageSink {
    fn head(&mut self, head: &Head) -> Want {
        self.wire = self.needs.wire.then(Vec::new);
        self.body = self.needs.body.then(Vec::new);
        self.parser = None;
        if head.status.is_success() {
            let content_type = head.field(CONTENT_TYPE.as_str());
            if self.sitemap.is_none() && is_html(content_type) {
                self.parser = Some(HtmlParser::new(Arc::clone(&self.options), content_type));
            }
            return Want::Body;
        }
        self.sitemap = None;
        // The body of a redirect or an error is read only for outputs that keep it.
        if self.needs.wire || self.needs.body {
            Want::Body
        } else {
            Want::Nothing
        }
    }

    fn wire(&mut self, bytes: &[u8]) {
        if let Some(wire) = &mut self.wire {
            wire.extend_from_slice(bytes);
        }
    }

    fn body(&mut self, bytes: &[u8]) -> Want {
        if let Some(parser) = &mut self.parser {
            let begun = Instant::now();
            parser.write(bytes);
            self.parse_ns += since_ns(begun);
        }
        if let Some(sitemap) = &mut self.sitemap {
            sitemap.write(bytes);
        }
        if let Some(body) = &mut self.body {
            body.extend_from_slice(bytes);
        }
        Want::Body
    }
}
