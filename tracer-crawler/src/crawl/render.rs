//! Links of pages that are built by scripts.

use std::sync::Arc;

use hyper::header::CONTENT_TYPE;

use super::page::PageAttempt;
use super::report::PageReport;
use crate::parse::HtmlParser;
use crate::render::Document;

impl PageAttempt<'_> {
    /// Parser of the page as it is once its scripts have run. If the browser fails, the page is parsed as it was
    /// fetched, and the failure is counted.
    pub(crate) async fn rendered(
        &self,
        parser: Option<HtmlParser>,
        report: &PageReport,
    ) -> Option<HtmlParser> {
        let parser = parser?;
        let (Some(renderer), Some(body)) = (&self.engine.renderer, &report.body) else {
            return Some(parser);
        };
        let head = report
            .step
            .as_ref()
            .and_then(|step| step.exchange.head.as_ref());
        let content_type = head.and_then(|head| head.field(CONTENT_TYPE.as_str()));
        let document = Document {
            url: &report.url,
            content_type: content_type.unwrap_or("text/html"),
            body,
        };
        match renderer.render(document).await {
            Ok(html) => {
                let utf8 = Some("text/html; charset=utf-8");
                let mut rendered = HtmlParser::new(Arc::clone(&self.engine.parse), utf8);
                rendered.write(html.as_bytes());
                Some(rendered)
            }
            Err(error) => {
                tracing::warn!(%error, "page taken without its scripts");
                self.engine.stats.skip("render_failed", 1);
                Some(parser)
            }
        }
    }
}
