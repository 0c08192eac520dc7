//! Crawl with this crawler, in the profile that the fourth argument names.

use std::sync::{Arc, Mutex};

use hdrhistogram::Histogram;
use tracer_crawler::crawl::{Crawl, Parts};
use tracer_crawler::hook::{Hooks, Page, PageEnd};
use tracer_crawler::settings::{LiveSettings, Profile, Settings};
use tracer_crawler::stats::Stats;

/// Hooks that record the duration of pages.
struct Times(Mutex<Histogram<u64>>);

impl Hooks for Times {
    fn on_page_finish(&self, _: &Page, end: &PageEnd) {
        let ns = u64::try_from(end.took.as_nanos()).unwrap_or(u64::MAX);
        let _ = self.0.lock().expect("not poisoned").record(ns);
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let task = peers::Task::from_args();
    let is_tuned = std::env::args().nth(4).as_deref() != Some("default");
    let mut settings = Settings::of(if is_tuned { Profile::Tuned } else { Profile::Default });
    let at_once = u32::try_from(task.concurrency).expect("a small number");
    settings.limits.concurrency = at_once;
    settings.limits.per_host = at_once;
    settings.politeness.robots = false;
    settings.scope.max_path_segments = 100;
    let clock = peers::Clock::start();
    let times = Arc::new(Times(Mutex::new(peers::histogram())));
    let parts = Parts {
        live: Arc::new(LiveSettings::new(settings)),
        secrets: Default::default(),
        hooks: Arc::clone(&times) as Arc<dyn Hooks>,
        outs: Vec::new(),
        stats: Arc::new(Stats::default()),
        files: Default::default(),
    };
    let crawl = Crawl::new(parts, &[task.url]).expect("a crawl");
    let figures = crawl.run().await;
    clock.report(figures.pages, figures.links, Some(&times.0.lock().expect("not poisoned")));
}
