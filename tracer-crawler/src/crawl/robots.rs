//! Fetches robots.txt files through the crawl's own fetcher, with a timeout of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;
use url::Url;

use super::engine::Engine;
use super::page::{Admission, PageAttempt};
use super::throttle::settings_delay;
use crate::deadline::{Clocks, Guard, Task};
use crate::fetch::{Collect, Exchange, Request, Terms, origin_key, redirect};
use crate::outcome::Failure;
use crate::robots::{BODY_LIMIT, FetchRobots, Origin, REDIRECT_LIMIT, RobotsAnswer, Rules};

/// Limit of failures remembered, one per origin. Beyond it the pages of an origin fail without the original class.
const MAX_FAILURES: usize = 10_000;

/// Failures to fetch a robots.txt, by origin. The pages of the origin fail in the same way.
#[derive(Debug, Default)]
pub(crate) struct RobotsFailures(Mutex<HashMap<Box<str>, Arc<Failure>>>);

impl RobotsFailures {
    fn remember(&self, url: &Url, failure: Failure) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_FAILURES {
            failures.clear();
        }
        failures.insert(origin_key(url).into(), Arc::new(failure));
    }

    fn of(&self, url: &Url) -> Option<Arc<Failure>> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(origin_key(url)).cloned()
    }
}

impl PageAttempt<'_> {
    /// Decides by robots.txt whether the page may be fetched now.
    pub(crate) async fn robots(
        &self,
        guard: &mut Guard,
        url: &Url,
    ) -> Result<Admission, Arc<Failure>> {
        let engine = self.engine;
        let rules = match engine.robots.cached(url) {
            Some(rules) => rules,
            None => {
                let ask = async { Ok(engine.robots.rules(url, engine).await) };
                let rules = guard.run(self.task, None, ask).await.map_err(Arc::new)?;
                engine.obey(self.settings, url, &rules);
                rules
            }
        };
        if let Some(failure) = engine.robots_failure(url, &rules) {
            return Err(failure);
        }
        if !rules.allows(url) {
            return Ok(Admission::Skip("robots"));
        }
        let Some(delay) = rules.crawl_delay() else {
            return Ok(Admission::Granted);
        };
        // The delay was not known when this page was taken from the queue. Put back, the page waits for it.
        if self.page.delay < delay {
            let known = engine.with_frontier(|frontier| Ok(frontier.host_delay(url)));
            if known.is_some_and(|known| known < delay) {
                engine.obey_delay(url, delay);
            }
            return Ok(Admission::PutBack);
        }
        // Brings the delay down after `max_crawl_delay` has been lowered.
        let longest = engine.slowest(url, delay);
        if self.page.delay > longest.max(settings_delay(self.settings)) {
            engine.set_delay(url, Some(longest));
        }
        Ok(Admission::Granted)
    }
}

impl FetchRobots for Engine {
    async fn fetch(&self, url: Url) -> RobotsAnswer {
        let settings = self.live.load();
        let mut terms = Terms::of(&settings);
        terms.clocks = Clocks {
            task: settings.politeness.robots_timeout,
            ..terms.clocks
        };
        let mut guard = Guard::new(self.abort.clone());
        let task = Task::start(0, 0, &terms.clocks);
        let mut place = url.clone();
        for _ in 0..=REDIRECT_LIMIT {
            match self.robots_step(&mut guard, &task, &terms, &place).await {
                Ok(Step::Answer(status, body, retry_after)) => {
                    if status >= 500 || status == 429 {
                        let failure = Failure::Status {
                            status,
                            retry_after,
                        };
                        self.robots_failures.remember(&url, failure);
                    }
                    return RobotsAnswer::Response { status, body };
                }
                Ok(Step::Moved(target)) => place = target,
                Err(failure) => {
                    let why = failure.to_string();
                    tracing::debug!(%url, why, "robots.txt");
                    self.robots_failures.remember(&url, failure);
                    return RobotsAnswer::Failed { why };
                }
            }
        }
        RobotsAnswer::TooManyRedirects
    }
}

enum Step {
    /// Status, body, and the pause it asks for.
    Answer(u16, Vec<u8>, Option<Duration>),
    Moved(Url),
}

impl Engine {
    async fn robots_step(
        &self,
        guard: &mut Guard,
        task: &Task,
        terms: &Terms,
        url: &Url,
    ) -> Result<Step, Failure> {
        let mut exchange = Exchange::default();
        let mut sink = Collect::new(BODY_LIMIT);
        let headers = self.headers(url, None);
        let request = Request {
            method: &Method::GET,
            url,
            headers: &headers,
        };
        let done = self
            .fetcher
            .fetch(guard, task, terms, request, &mut exchange, &mut sink)
            .await;
        self.count(&exchange);
        let retry_after = self.obey_retry_after(&self.live.load(), url, &exchange);
        let Some(head) = &exchange.head else {
            // An exchange without a head has failed.
            return Err(done.err().unwrap_or(Failure::Closed));
        };
        match redirect::next(&Method::GET, url, head) {
            Ok(Some(hop)) => Ok(Step::Moved(hop.url)),
            // A redirect without a usable target counts as a missing file (RFC 9309 section 2.3.1.3).
            Err(_) => Ok(Step::Answer(404, Vec::new(), None)),
            Ok(None) => {
                // The part of a broken body that arrived is used, if there is any.
                if sink.body.is_empty() {
                    done?;
                }
                let status = head.status.as_u16();
                Ok(Step::Answer(status, sink.body, retry_after))
            }
        }
    }

    /// Failure of all pages of an origin if its robots.txt could not be fetched.
    pub(crate) fn robots_failure(&self, url: &Url, rules: &Rules) -> Option<Arc<Failure>> {
        let Origin::Unreachable { why } = rules.origin() else {
            return None;
        };
        let unknown = || {
            Arc::new(Failure::Lost {
                stage: crate::outcome::Stage::Turn,
                detail: format!("robots.txt: {why}").into(),
            })
        };
        Some(self.robots_failures.of(url).unwrap_or_else(unknown))
    }
}
