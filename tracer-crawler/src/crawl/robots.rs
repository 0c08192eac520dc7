//! robots.txt of each origin (RFC 9309): fetched once by the first who needs it, while the others wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use robotxt::Robots;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::engine::Engine;
use crate::deadline::{Clocks, Guard, Task};
use crate::fetch::{Collect, Exchange, Request, Terms, redirect};
use crate::outcome::Failure;

/// RFC 9309 section 2.5: at least 500 KiB are read.
const MAX_BYTES: usize = 512 * 1024;
/// Section 2.3.1.2: at least five redirects are followed.
const MAX_REDIRECTS: u32 = 5;
/// Origins remembered.
const MAX_ORIGINS: usize = 50_000;
/// How long a failure to fetch it counts: shorter than any page waits for its next try.
const FAILURE_TTL: Duration = Duration::from_millis(200);

/// What an origin asks of crawlers.
#[derive(Debug)]
pub(crate) enum Rules {
    /// Nothing.
    AllowAll,
    /// Its rules.
    Robots(Box<Robots>),
    /// It could not be asked: its pages fail the same way (section 2.3.1.4 forbids to fetch them).
    Unreachable(Arc<Failure>),
}

impl Rules {
    /// Whether a page may be fetched.
    pub(crate) fn allow(&self, url: &Url) -> bool {
        match self {
            Self::AllowAll => true,
            Self::Robots(robots) => robots.is_url_allowed(url),
            Self::Unreachable(_) => false,
        }
    }

    /// What it asks to have between two requests.
    pub(crate) fn crawl_delay(&self) -> Option<Duration> {
        match self {
            Self::Robots(robots) => robots.crawl_delay(),
            _ => None,
        }
    }
}

type Shared = Arc<Rules>;

#[derive(Debug)]
enum Entry {
    Known { rules: Shared, until: Instant },
    Asked(watch::Receiver<Option<Shared>>),
}

/// Rules by origin.
#[derive(Debug, Default)]
pub(crate) struct RobotsCache(Mutex<HashMap<Box<str>, Entry>>);

/// What is known of an origin.
pub(crate) enum Found {
    /// Its rules.
    Known(Shared),
    /// Somebody is asking.
    Wait(watch::Receiver<Option<Shared>>),
    /// Nothing: the one who was told this asks, and tells the others.
    Ask(Asking),
}

/// The duty to ask. Dropped without an answer, the next one gets it.
pub(crate) struct Asking {
    sender: watch::Sender<Option<Shared>>,
}

impl RobotsCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, origin: &str) -> Found {
        let now = Instant::now();
        let mut entries = self.lock();
        match entries.get(origin) {
            Some(Entry::Known { rules, until }) if *until > now => {
                return Found::Known(Arc::clone(rules));
            }
            // Closed: the one who asked was cancelled.
            Some(Entry::Asked(receiver)) if receiver.has_changed().is_ok() => {
                return Found::Wait(receiver.clone());
            }
            _ => {}
        }
        if entries.len() >= MAX_ORIGINS {
            let mut keep = false;
            entries.retain(|_, entry| {
                keep = !keep;
                keep || matches!(entry, Entry::Asked(_))
            });
        }
        let (sender, receiver) = watch::channel(None);
        entries.insert(origin.into(), Entry::Asked(receiver));
        Found::Ask(Asking { sender })
    }

    fn learn(&self, origin: &str, asking: &Asking, rules: &Shared, ttl: Duration) {
        let known = Entry::Known {
            rules: Arc::clone(rules),
            until: Instant::now() + ttl,
        };
        self.lock().insert(origin.into(), known);
        asking.sender.send_replace(Some(Arc::clone(rules)));
    }
}

impl Engine {
    /// Asks an origin for its rules, tells all who wait, and makes its delay known.
    pub(crate) async fn ask_robots(
        &self,
        url: &Url,
        asking: Asking,
        cancel: &CancellationToken,
    ) -> Arc<Rules> {
        let settings = self.live.load();
        let limit = settings.politeness.robots_timeout;
        let terms = Terms {
            clocks: Clocks {
                task: limit,
                ..Terms::of(&settings).clocks
            },
            ..Terms::of(&settings)
        };
        let rules = Arc::new(self.fetch_robots(url, &terms, cancel).await);
        let ttl = match &*rules {
            Rules::Unreachable(_) => FAILURE_TTL,
            _ => settings.politeness.robots_max_age,
        };
        if let Some(delay) = rules.crawl_delay() {
            let delay = delay.min(settings.politeness.max_crawl_delay);
            self.set_robots_delay(url, delay);
        }
        self.robots
            .learn(crate::fetch::origin_key(url), &asking, &rules, ttl);
        rules
    }

    async fn fetch_robots(&self, url: &Url, terms: &Terms, cancel: &CancellationToken) -> Rules {
        let Ok(mut url) = url.join("/robots.txt") else {
            return Rules::AllowAll;
        };
        let mut guard = Guard::new(cancel.clone());
        let task = Task::start(0, 0, &terms.clocks);
        for _ in 0..=MAX_REDIRECTS {
            let mut exchange = Exchange::default();
            let mut sink = Collect::new(MAX_BYTES);
            let headers = self.headers(&url, None);
            let request = Request {
                method: &Method::GET,
                url: &url,
                headers: &headers,
            };
            let done = self
                .fetcher
                .fetch(&mut guard, &task, terms, request, &mut exchange, &mut sink)
                .await;
            self.count(&exchange);
            if let (Err(failure), true) = (&done, exchange.head.is_none()) {
                tracing::debug!(%url, %failure, "robots.txt");
                return unreachable(done);
            }
            let Some(head) = &exchange.head else {
                return Rules::AllowAll;
            };
            match redirect::next(&Method::GET, &url, head) {
                Ok(Some(hop)) => url = hop.url,
                // A redirect to nowhere is like none (section 2.3.1.3).
                Err(_) => return Rules::AllowAll,
                Ok(None) => return self.rules(head.status.as_u16(), &sink.body, done),
            }
        }
        Rules::AllowAll
    }

    /// Section 2.3.1: 2xx holds the rules, 4xx means none, 5xx forbids all until it passes. 429 is a "later" too.
    fn rules(&self, status: u16, body: &[u8], done: Result<(), Failure>) -> Rules {
        match status {
            200..=299 if done.is_ok() || !body.is_empty() => {
                let robots = Robots::parse(body, &*self.agent);
                Rules::Robots(Box::new(robots))
            }
            200..=299 => unreachable(done),
            429 | 500..=599 => Rules::Unreachable(Arc::new(Failure::Status {
                status,
                retry_after: None,
            })),
            _ => Rules::AllowAll,
        }
    }
}

fn unreachable(done: Result<(), Failure>) -> Rules {
    match done {
        Ok(()) => Rules::AllowAll,
        Err(failure) => Rules::Unreachable(Arc::new(failure)),
    }
}
