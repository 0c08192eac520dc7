//! An attempt at a page: robots.txt, request, redirects, links.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyper::Method;
use url::Url;

use super::engine::Engine;
use super::report::{PageReport, Step};
use super::sink::PageSink;
use super::throttle::settings_delay;
use crate::cache::Stored;
use crate::deadline::{Guard, Task};
use crate::fetch::{Exchange, Request, Terms, redirect, since_ns};
use crate::frontier::{Kind, Page};
use crate::out::record::{LinkCounts, RedirectRecord};
use crate::outcome::{Class, Failure, Stage};
use crate::parse::{Directives, HtmlParser, ParsedPage};
use crate::retry;
use crate::settings::Settings;

/// Result of one attempt at a page.
pub(crate) enum AttemptOutcome {
    /// The page has ended, in success or failure.
    Done(Box<PageReport>),
    /// The page was left out before a request was sent.
    Skipped(Box<PageReport>),
    /// The page is to be tried again, not before this time.
    Retry(Instant),
    /// The page is to be tried again, not before this time, and this attempt does not count against the limit.
    RetryUncounted(Instant),
    /// The page goes back into the queue, because its host wants a pause or the crawl ends.
    PutBack,
}

/// An attempt at a page.
pub(crate) struct PageAttempt<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) page: &'a Page,
    pub(crate) task: &'a Task,
    pub(crate) settings: &'a Settings,
    pub(crate) chain: Option<Chain>,
    terms: Terms,
    step: Option<Step>,
    /// Cached answer of the page.
    stored: Option<Stored>,
}

/// Redirects that led to a page.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// URL where the chain began.
    pub(crate) requested: Url,
    /// Requests that were answered with a redirect.
    pub(crate) redirects: Vec<RedirectRecord>,
}

/// Result of one request, as far as redirects are concerned.
enum RedirectOutcome {
    /// The answer is the page itself.
    NotRedirected(Box<PageSink>),
    /// The answer redirects to the page's own URL, mostly with a cookie; it is requested again.
    ToItself,
    /// The answer redirects to another URL of the crawl.
    Moved(Url),
    /// The answer redirects to a URL that does not belong to the crawl, for this reason.
    OutOfScope(&'static str),
}

/// Admission of a request.
pub(crate) enum Admission {
    /// The request may be sent.
    Granted,
    /// The page is left out, for this reason.
    Skip(&'static str),
    /// The page has to wait in the queue again.
    PutBack,
}

impl<'a> PageAttempt<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        page: &'a Page,
        task: &'a Task,
        settings: &'a Settings,
    ) -> Self {
        Self {
            engine,
            page,
            task,
            settings,
            chain: engine.chain_of(&page.url),
            terms: Terms::of(settings),
            step: None,
            stored: None,
        }
    }

    /// Runs the attempt and turns a failure into its result.
    pub(crate) async fn run(mut self, guard: &mut Guard, from: Option<&Url>) -> AttemptOutcome {
        match self.fetch(guard, from).await {
            Ok(ended) => ended,
            Err(failure) => self.failed(failure),
        }
    }

    async fn fetch(
        &mut self,
        guard: &mut Guard,
        from: Option<&Url>,
    ) -> Result<AttemptOutcome, Arc<Failure>> {
        let limit = self.settings.http.redirects;
        for again in 0..=limit {
            match self.admit(guard, again).await? {
                Admission::Granted => {}
                Admission::PutBack => return Ok(AttemptOutcome::PutBack),
                Admission::Skip(reason) => {
                    let report = self.report(None, Some(reason));
                    return Ok(AttemptOutcome::Skipped(Box::new(report)));
                }
            }
            match self.request(guard, from).await? {
                RedirectOutcome::NotRedirected(sink) => return Ok(self.finish(sink).await),
                RedirectOutcome::Moved(target) => {
                    let mut report = self.report(None, None);
                    report.moved = Some(target);
                    return Ok(AttemptOutcome::Done(Box::new(report)));
                }
                RedirectOutcome::OutOfScope(reason) => {
                    return Ok(AttemptOutcome::Done(Box::new(
                        self.report(None, Some(reason)),
                    )));
                }
                RedirectOutcome::ToItself => {}
            }
        }
        Err(Arc::new(Failure::TooManyRedirects { limit }))
    }

    /// Waits for everything that a request has to wait for, and decides whether it may be sent.
    async fn admit(&self, guard: &mut Guard, again: u32) -> Result<Admission, Arc<Failure>> {
        self.task.at(Stage::Turn);
        // While the page waited for its turn or for robots.txt, its host may have asked for a pause.
        if self.engine.is_paused(&self.page.url) {
            return Ok(Admission::PutBack);
        }
        if self.settings.politeness.robots {
            match self.robots(guard, &self.page.url).await? {
                Admission::Granted if self.engine.is_paused(&self.page.url) => {
                    return Ok(Admission::PutBack);
                }
                Admission::Granted => {}
                other => return Ok(other),
            }
        }
        if again == 0 {
            return Ok(Admission::Granted);
        }
        // For a page's first request the frontier has kept the host's delay and the worker has waited for the rate. A
        // request that follows a redirect to the same URL comes on top, so it waits for both here.
        let delay = settings_delay(self.settings);
        if !delay.is_zero() {
            let until = tokio::time::Instant::now() + delay;
            guard
                .sleep_until(self.task, until)
                .await
                .map_err(Arc::new)?;
        }
        let pass = async {
            self.engine.rate.pass().await;
            Ok(())
        };
        guard.run(self.task, None, pass).await.map_err(Arc::new)?;
        Ok(Admission::Granted)
    }

    async fn request(
        &mut self,
        guard: &mut Guard,
        from: Option<&Url>,
    ) -> Result<RedirectOutcome, Arc<Failure>> {
        let (engine, url) = (self.engine, &self.page.url);
        let mut headers = engine.headers(url, from);
        self.stored = engine.condition(self.page, &mut headers);
        let mut sink = PageSink::new(&engine.parse, engine.needs, engine.sitemap(self.page));
        let mut exchange = Exchange::default();
        let started = SystemTime::now();
        engine.throttle_begin(self.settings, url);
        let inside = engine.stats.in_flight.enter();
        let request = Request {
            method: &Method::GET,
            url,
            headers: &headers,
        };
        let done = engine
            .fetcher
            .fetch(
                guard,
                self.task,
                &self.terms,
                request,
                &mut exchange,
                &mut sink,
            )
            .await;
        drop(inside);
        engine.count(&exchange);
        let wish = engine.obey_retry_after(self.settings, url, &exchange);
        let outcome = done.and_then(|()| self.outcome(url, &exchange, wish));
        engine.throttle_end(self.settings, url, &exchange, outcome.as_ref().err());
        self.step = Some(Step {
            request_headers: headers,
            started,
            exchange,
            wire: sink.wire.take(),
        });
        match outcome {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => Ok(RedirectOutcome::NotRedirected(Box::new(sink))),
            Err(failure) => Err(Arc::new(failure)),
        }
    }

    /// Destination of a redirect answer; `None` when the answer is the page itself. `retry_after` is the pause it asks for.
    fn outcome(
        &self,
        url: &Url,
        exchange: &Exchange,
        retry_after: Option<Duration>,
    ) -> Result<Option<RedirectOutcome>, Failure> {
        let Some(head) = &exchange.head else {
            return Ok(None);
        };
        if let Some(hop) = redirect::next(&Method::GET, url, head)? {
            return self.redirected(hop.url).map(Some);
        }
        let status = head.status.as_u16();
        if status < 400 {
            return Ok(None);
        }
        Err(Failure::Status {
            status,
            retry_after,
        })
    }

    /// Decides on the target of a redirect. A target is treated like a link: it has to belong to the crawl, and it goes
    /// into the queue, so that the limits of its host apply.
    fn redirected(&self, target: Url) -> Result<RedirectOutcome, Failure> {
        let engine = self.engine;
        let text: Box<str> = target.as_str().chars().take(200).collect::<String>().into();
        let target = engine
            .scope
            .normalize(target)
            .map_err(|_| Failure::BadRedirect { target: text })?;
        engine.stats.redirects.add_one();
        let limit = self.settings.http.redirects.min(Kind::MAX_HOPS.into());
        if u32::from(self.hops()) >= limit {
            return Err(Failure::TooManyRedirects { limit });
        }
        if target == self.page.url {
            return Ok(RedirectOutcome::ToItself);
        }
        Ok(match engine.scope.check(&target) {
            Ok(()) => RedirectOutcome::Moved(target),
            Err(reason) => RedirectOutcome::OutOfScope(reason),
        })
    }

    /// Number of redirects that led here, including those before a restart.
    fn hops(&self) -> u8 {
        match self.page.kind {
            Kind::Redirected(hops) => hops,
            Kind::Page | Kind::Sitemap(_) => 0,
        }
    }

    /// Ends a page that was fetched: resolves its links, in at most as many pages at once as there are page workers.
    async fn finish(&mut self, mut sink: Box<PageSink>) -> AttemptOutcome {
        let (parser, sitemap) = (sink.parser.take(), sink.sitemap.take());
        let mut report = self.report(None, None);
        report.body = sink.body.take();
        #[cfg(feature = "render")]
        let parser = self.rendered(parser, &report).await;
        let waited = Instant::now();
        let place = self.engine.page_workers.acquire().await;
        self.engine.note_queue_delay(waited.elapsed());
        if let Some(parser) = parser {
            let begun = Instant::now();
            let mut page = self.parsed(parser, &report);
            let depth = self.page.depth + 1;
            report.links = Some(
                self.engine
                    .links(self.settings, depth, &report.url, &mut page),
            );
            report.parsed = Some(page);
            report.parse_ns = Some(sink.parse_ns + since_ns(begun));
        }
        if let Some(sitemap) = sitemap {
            let (links, urls) = self.engine.sitemap_links(sitemap);
            report.sitemap_urls = self.engine.needs.links.then_some(urls);
            report.links = Some(links);
        }
        if let Some(stored) = self.stored.take().filter(|_| report.status() == Some(304)) {
            report.fetched_before_ns = Some(stored.fetched_at_ns);
            report.links = Some(self.engine.stored_links(self.settings, self.page, &stored));
        }
        self.engine.keep(&report);
        drop(place);
        AttemptOutcome::Done(Box::new(report))
    }

    fn parsed(&self, parser: HtmlParser, report: &PageReport) -> ParsedPage {
        let mut page = parser.finish(&report.url, &self.engine.scope.normalizer);
        let fields = report
            .step
            .as_ref()
            .and_then(|step| step.exchange.head.as_ref())
            .map(|head| head.headers.get_all("x-robots-tag"));
        let mut directives: Directives = page.directives;
        for field in fields.iter().flatten() {
            if let Ok(text) = field.to_str() {
                directives.add_header(text, &self.engine.agent);
            }
        }
        page.directives = directives;
        page
    }

    /// Decides what follows a failure: another try, or the end of the page.
    pub(super) fn failed(&mut self, failure: Arc<Failure>) -> AttemptOutcome {
        if failure.class() == Class::Cancelled {
            return AttemptOutcome::PutBack;
        }
        let decision = retry::decide(&self.settings.retry, &failure, self.page.tries());
        let (wait, is_try) = match decision {
            retry::Decision::GiveUp => (None, true),
            retry::Decision::After(wait) => (Some(wait), true),
            retry::Decision::SlowDown(wait) => {
                self.engine.slow_down(&failure);
                (Some(wait), false)
            }
        };
        // A try that could not begin before the deadline of the page is not scheduled.
        if let Some(wait) = wait
            && tokio::time::Instant::now() + wait < self.task.deadline()
        {
            tracing::debug!(%failure, wait_ms = wait.as_millis() as u64, "another try");
            let at = Instant::now() + wait;
            if !is_try {
                return AttemptOutcome::RetryUncounted(at);
            }
            self.engine.stats.retries.add_one();
            return AttemptOutcome::Retry(at);
        }
        tracing::debug!(%failure, "failed");
        AttemptOutcome::Done(Box::new(self.report(Some(failure), None)))
    }

    fn report(
        &mut self,
        failure: Option<Arc<Failure>>,
        skipped: Option<&'static str>,
    ) -> PageReport {
        PageReport {
            id: self.page.ticket.number(),
            requested_url: self
                .chain
                .as_ref()
                .map_or_else(|| self.page.url.clone(), |chain| chain.requested.clone()),
            url: self.page.url.clone(),
            redirects: self
                .chain
                .take()
                .map_or_else(Vec::new, |chain| chain.redirects),
            hops: self.hops(),
            depth: self.page.depth,
            referrer: self.page.referrer.clone(),
            retries: self.page.tries(),
            step: self.step.take(),
            moved: None,
            failure,
            skipped,
            parsed: None,
            sitemap_urls: None,
            parse_ns: None,
            links: None,
            counts: LinkCounts::default(),
            fetched_before_ns: None,
            body: None,
            task_ns: self.task.elapsed_ns(),
        }
    }
}
