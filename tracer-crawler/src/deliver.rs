//! Runs the hook command as an output of the crawl.

use std::sync::Arc;

use crate::{
    crawl::{Out, PageReport, Written, record},
    hook::ExecPerPage,
    settings::Settings,
    stats::Stats,
};

/// Output that passes each page that has ended to the command of `--exec-per-page`.
pub struct ExecOut {
    exec: ExecPerPage,
    link_urls: bool,
}

impl ExecOut {
    /// Makes the output; `None` without a command in the settings.
    pub fn new(settings: &Settings, stats: Arc<Stats>) -> Option<Self> {
        Some(Self {
            exec: ExecPerPage::new(&settings.hooks, stats)?,
            link_urls: settings.output.jsonl_links,
        })
    }
}

impl Out for ExecOut {
    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a> {
        Box::pin(async move {
            // A redirect is not a page, and the record of its target contains it. A page that robots.txt forbids was
            // never requested.
            let is_asked = report.skipped.is_none() || report.step.is_some();
            if report.moved.is_some() || !is_asked {
                return Ok(());
            }
            let mut line = serde_json::to_vec(&record(report, self.link_urls))
                .map_err(|error| crate::crawl::OutError(error.into()))?;
            line.push(b'\n');
            self.exec.run(report.url.as_str(), &line).await;
            Ok(())
        })
    }
}
