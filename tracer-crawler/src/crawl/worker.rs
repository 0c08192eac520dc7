//! Workers of the crawl. A worker that ends a page takes its next page under the same lock, without a queue or a
//! wake-up in between.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::Instrument;
use url::Url;

use super::engine::{Engine, NextStep};
use super::page::{AttemptOutcome, Chain, PageAttempt};
use super::report::PageReport;
use crate::deadline::{Guard, Task};
use crate::fetch::Terms;
use crate::frontier::{Candidate, Frontier, FrontierError, Kind, Page};
use crate::hook;
use crate::out::record::{LinkCounts, RedirectRecord};
use crate::outcome::{Class, Failure};
use crate::settings::Settings;
use crate::stats::FinishReason;

/// Counts a worker as active until dropped.
struct WorkerGuard(Arc<Engine>);

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        let engine = &self.0;
        let left = engine.active.fetch_sub(1, Ordering::AcqRel) - 1;
        engine.stats.workers.set(left as u64);
        engine.wake.notify_one();
    }
}

/// Starts a worker with its first page.
pub(crate) fn start(engine: &Arc<Engine>, page: Box<Page>) {
    let working = engine.active.fetch_add(1, Ordering::AcqRel) + 1;
    engine.stats.workers.set(working as u64);
    let worker = WorkerGuard(Arc::clone(engine));
    tokio::spawn(work(worker, page));
}

async fn work(worker: WorkerGuard, first: Box<Page>) {
    let engine = &worker.0;
    let mut guard = Guard::new(engine.abort.clone());
    // A worker that has found work looks whether there is more, so that the number of workers grows quickly.
    help(engine);
    let mut next = Some(first);
    while let Some(page) = next {
        next = engine.work_on(&mut guard, page).await;
    }
}

/// Starts another worker if there is room and work for it.
fn help(engine: &Arc<Engine>) {
    if engine.active.load(Ordering::Acquire) >= engine.limit.load(Ordering::Acquire) {
        return;
    }
    if let Some(NextStep::Page(page)) = engine.with_frontier(|frontier| engine.next_step(frontier))
    {
        start(engine, page);
    }
}

impl Engine {
    /// Works on one page and takes the next.
    async fn work_on(self: &Arc<Self>, guard: &mut Guard, page: Box<Page>) -> Option<Box<Page>> {
        let settings = self.live.load();
        // The wait comes before the page's clock starts, so that a low rate makes no page fail.
        let is_begun = self.pass_rate(&page, &settings).await;
        let task = self.task(&page, &settings);
        let span = tracing::debug_span!(
            "page",
            task_id = task.id,
            depth = task.depth,
            retry_count = task.retry_count,
            url = page.url.as_str()
        );
        let from = page
            .referrer
            .as_deref()
            .and_then(|text| Url::parse(text).ok());
        let told = hook::Page {
            url: page.url.clone(),
            depth: page.depth,
            referrer: from.clone(),
        };
        let done = if is_begun {
            // Pinned here because its state is large and would otherwise be copied on its way to the place where it is
            // polled.
            let work = pin!(async {
                let one = PageAttempt::new(self, &page, &task, &settings);
                let ended = one.run(guard, from.as_ref()).await;
                self.deliver(ended).await
            });
            hook::page(&*self.hooks, &told, work.instrument(span), end_of).await
        } else {
            Ok(AttemptOutcome::PutBack)
        };
        let ended = match done {
            Ok(ended) => ended,
            Err(message) => {
                // The guard may be in any state after a panic, so it is replaced.
                *guard = Guard::new(self.abort.clone());
                self.stats.panics.add_one();
                AttemptOutcome::Done(Box::new(panicked(&page, message)))
            }
        };
        self.tell(&ended);
        let (next, more) = self.end(&page, &task, &ended);
        if let Some(page) = more {
            start(self, page);
        }
        next
    }

    /// Waits until the rate limit of the whole crawl lets a page begin; false when the crawl stops first. A page that
    /// robots.txt is known to forbid sends no request and does not wait.
    async fn pass_rate(&self, page: &Page, settings: &Settings) -> bool {
        if self.rate.is_free() {
            return true;
        }
        let rules = self.robots.cached(&page.url);
        let is_forbidden = rules.is_some_and(|rules| !rules.allows(&page.url));
        if settings.politeness.robots && is_forbidden {
            return true;
        }
        tokio::select! {
            biased;
            () = self.rate.pass() => true,
            () = self.stop.cancelled() => false,
        }
    }

    /// Task of a page. A page that is tried again keeps its first deadline.
    pub(super) fn task(&self, page: &Page, settings: &Settings) -> Task {
        let clocks = Terms::of(settings).clocks;
        let id = page.ticket.number();
        let begun = (page.attempt > 0)
            .then(|| self.deadlines().remove(&id))
            .flatten();
        Task::resume(id, page.depth, page.tries(), begun, &clocks)
    }

    fn deadlines(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashMap<u64, tokio::time::Instant>> {
        self.deadlines
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Queues the links of a page that has ended, then hands it to the outputs. In this order nothing is lost if the
    /// process is killed.
    async fn deliver(&self, mut ended: AttemptOutcome) -> AttemptOutcome {
        let (AttemptOutcome::Done(report) | AttemptOutcome::Skipped(report)) = &mut ended else {
            return ended;
        };
        self.with_frontier(|frontier| self.add(frontier, report));
        for out in &self.outs {
            if let Err(error) = out.page(report).await {
                tracing::error!(%error, "the crawl ends: a result cannot be written");
                self.finish(FinishReason::OutputFailed);
                return AttemptOutcome::PutBack;
            }
        }
        ended
    }

    fn tell(&self, ended: &AttemptOutcome) {
        match ended {
            AttemptOutcome::Done(report) => {
                self.stats.depth.raise_to(report.depth.into());
                if let Some(failure) = &report.failure {
                    self.stats.failure(failure.class());
                    self.stats.keep_first(failure);
                }
                if let Some(reason) = report.skipped {
                    self.stats.skip(reason, 1);
                }
                if let Some(status) = report.status().filter(|_| report.moved.is_none()) {
                    self.stats.page(status);
                    self.stats.not_modified.add(u64::from(status == 304));
                }
            }
            AttemptOutcome::Skipped(report) => {
                self.stats.skip(report.skipped.unwrap_or_default(), 1)
            }
            AttemptOutcome::Retry(_)
            | AttemptOutcome::RetryUncounted(_)
            | AttemptOutcome::PutBack => {}
        }
    }

    /// Reports the end of a page to the frontier and takes the next pages, all under one lock: one page for this worker
    /// and one for another worker if there is room.
    pub(super) fn end(
        &self,
        page: &Page,
        task: &Task,
        ended: &AttemptOutcome,
    ) -> (Option<Box<Page>>, Option<Box<Page>>) {
        let turns = self.with_frontier(|frontier| {
            self.settle(frontier, page, task, ended)?;
            // This worker ends if the limit of workers was lowered.
            if self.active.load(Ordering::Acquire) > self.limit.load(Ordering::Acquire) {
                return Ok((NextStep::Busy, NextStep::Busy));
            }
            let own = self.next_step(frontier)?;
            let is_room = self.active.load(Ordering::Acquire) < self.limit.load(Ordering::Acquire);
            let more = if matches!(own, NextStep::Page(_)) && is_room {
                self.next_step(frontier)?
            } else {
                NextStep::Busy
            };
            Ok((own, more))
        });
        let page_of = |turn| match turn {
            NextStep::Page(page) => Some(page),
            _ => None,
        };
        turns.map_or((None, None), |(own, more)| (page_of(own), page_of(more)))
    }

    fn settle(
        &self,
        frontier: &mut Frontier,
        page: &Page,
        task: &Task,
        ended: &AttemptOutcome,
    ) -> Result<(), FrontierError> {
        match ended {
            AttemptOutcome::Retry(at) => {
                self.deadlines().insert(task.id, task.deadline());
                frontier.retry(page.ticket, *at);
            }
            AttemptOutcome::RetryUncounted(at) => {
                self.deadlines().insert(task.id, task.deadline());
                frontier.postpone(page.ticket, *at);
            }
            AttemptOutcome::PutBack => self.put_back(frontier, page.ticket, page.attempt),
            AttemptOutcome::Skipped(_) => {
                self.forget_chain(&page.url);
                self.unbegin(0);
                frontier.done(page.ticket)?;
            }
            AttemptOutcome::Done(report) => {
                self.forget_chain(&page.url);
                if report.moved.is_some() {
                    self.unbegin(0);
                }
                frontier.done(page.ticket)?;
            }
        }
        Ok(())
    }

    /// Queues the target of a redirect. If the target was seen before, or its host has reached its page limit, the
    /// chain ends here.
    fn move_on(
        &self,
        frontier: &mut Frontier,
        report: &mut PageReport,
    ) -> Result<(), FrontierError> {
        let Some(target) = &report.moved else {
            return Ok(());
        };
        let fingerprint = self.hash_key.fingerprint(target.as_str());
        let candidate = Candidate {
            url: target.into(),
            fingerprint,
            depth: report.depth,
            kind: Kind::Redirected(report.hops.saturating_add(1)),
        };
        let added = frontier.add(&[candidate], report.referrer.as_deref())?;
        if added.new == 0 {
            let is_seen = added.seen > 0;
            report.skipped = Some(if is_seen {
                "redirect_seen"
            } else {
                "host_full"
            });
        } else {
            let mut redirects = report.redirects.clone();
            redirects.push(RedirectRecord {
                status: report.status().unwrap_or(0),
                url: report.url.to_string(),
            });
            let chain = Chain {
                requested: report.requested_url.clone(),
                redirects,
            };
            self.remember_chain(fingerprint, chain);
        }
        Ok(())
    }

    /// Queues the links of a page and counts them.
    fn add(&self, frontier: &mut Frontier, report: &mut PageReport) -> Result<(), FrontierError> {
        if report.moved.is_some() {
            return self.move_on(frontier, report);
        }
        let Some(links) = report.links.take() else {
            return Ok(());
        };
        let candidates: Vec<_> = links
            .urls()
            .map(|(url, fingerprint)| Candidate {
                url,
                fingerprint,
                depth: links.depth,
                kind: Kind::Page,
            })
            .collect();
        let added = frontier.add(&candidates, Some(report.url.as_str()))?;
        let stats = &self.stats;
        stats.links.add(links.found);
        stats.duplicates.add(added.seen);
        stats.skip("host_full", added.host_full);
        for (reason, count) in &links.skipped {
            stats.skip(reason, *count);
        }
        report.counts = LinkCounts {
            found: links.found,
            new: added.new,
            seen: added.seen,
            skipped: links.skipped,
        };
        Ok(())
    }
}

/// Status and failure of a page, for the hooks.
fn end_of(ended: &AttemptOutcome) -> (Option<u16>, Option<Class>) {
    match ended {
        AttemptOutcome::Done(report) => {
            let failure = report.failure.as_ref().map(|failure| failure.class());
            (report.status(), failure)
        }
        AttemptOutcome::Skipped(_)
        | AttemptOutcome::Retry(_)
        | AttemptOutcome::RetryUncounted(_) => (None, None),
        AttemptOutcome::PutBack => (None, Some(Class::Cancelled)),
    }
}

fn panicked(page: &Page, message: String) -> PageReport {
    PageReport {
        id: page.ticket.number(),
        requested_url: page.url.clone(),
        url: page.url.clone(),
        redirects: Vec::new(),
        hops: 0,
        depth: page.depth,
        referrer: page.referrer.clone(),
        retries: page.tries(),
        step: None,
        moved: None,
        failure: Some(Arc::new(Failure::Panic(message.into()))),
        skipped: None,
        parsed: None,
        sitemap_urls: None,
        parse_ns: None,
        links: None,
        counts: LinkCounts::default(),
        fetched_before_ns: None,
        body: None,
        task_ns: 0,
    }
}
