//! State shared by all workers of a crawl, and the way each worker gets its next page.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::conditional;
use super::crawl_scope::CrawlScope;
use super::load_shedding::LoadShedding;
use super::page::Chain;
use super::pause::Pauses;
use super::report::{Needs, Out};
use super::robots::RobotsFailures;
use super::throttle::Throttles;
use crate::cache::ResponseCache;
use crate::dedup::{Fingerprint, HashKey};
use crate::fetch::{self, Exchange, Fetcher};
use crate::frontier::{Frontier, FrontierError, Next, Page, Ticket};
use crate::header::HeaderMaker;
use crate::hook::Hooks;
use crate::limit::{Concurrency, Rate};
use crate::parse::ParseOptions;
use crate::retry;
use crate::robots::{RobotsCache, RobotsOptions, Rules, agent_of};
use crate::settings::{LiveSettings, Settings};
use crate::stats::{FinishReason, Stats};

/// Limit of remembered redirect chains whose target waits in the queue. Records of further targets contain only their
/// own request.
const MAX_CHAINS: usize = 100_000;

/// State shared by all workers.
pub(crate) struct Engine {
    pub(crate) live: Arc<LiveSettings>,
    pub(crate) fetcher: Fetcher,
    pub(crate) scope: Arc<CrawlScope>,
    pub(crate) maker: HeaderMaker,
    /// Product name that robots.txt files and robots meta elements address us by.
    pub(crate) agent: Box<str>,
    pub(crate) compression: bool,
    pub(crate) parse: Arc<ParseOptions>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) outs: Vec<Arc<dyn Out>>,
    pub(crate) needs: Needs,
    pub(crate) stats: Arc<Stats>,
    pub(crate) robots: RobotsCache,
    pub(crate) robots_failures: RobotsFailures,
    pub(crate) throttles: Throttles,
    pub(crate) pauses: Pauses,
    pub(crate) load_shedding: LoadShedding,
    /// Rate limit of all requests of the crawl together.
    pub(crate) rate: Rate,
    /// Limit of pages parsed at the same time.
    pub(crate) page_workers: Arc<Concurrency>,
    /// Key of the hash that makes fingerprints of URLs.
    pub(crate) hash_key: HashKey,
    /// Browser that runs the scripts of pages.
    #[cfg(feature = "render")]
    pub(crate) renderer: Option<crate::render::Renderer>,
    /// Answers of earlier crawls.
    pub(crate) cache: Option<ResponseCache>,
    /// Hash of the rules that decide which links are taken, see [`conditional::rules`].
    pub(crate) rules: u64,
    frontier: Mutex<Option<Frontier>>,
    /// Number of running workers.
    pub(crate) active: AtomicUsize,
    /// Number of workers allowed to run.
    pub(crate) limit: AtomicUsize,
    /// Number of pages begun, compared with the limit of pages.
    begun: AtomicU64,
    /// Deadlines of pages that wait for another try, by page number. The number of entries is bounded like the
    /// frontier's own list of such pages: by the number of pages that can fail within the longest back-off.
    pub(crate) deadlines: Mutex<HashMap<u64, tokio::time::Instant>>,
    /// Redirect chains by the fingerprint of the target that waits in the queue; they go into the target's record. A
    /// restart loses the chains but not the number of redirects.
    chains: Mutex<HashMap<u64, Chain>>,
    /// Longest wait for a page worker since the last call of [`Engine::take_queue_delay`], in ns.
    queue_delay_ns: AtomicU64,
    /// Cancelled when no further page may begin.
    pub(crate) stop: CancellationToken,
    /// Cancelled when pages under way are to be cut off.
    pub(crate) abort: CancellationToken,
    reason: Mutex<Option<FinishReason>>,
    /// Wakes the main loop of the crawl.
    pub(crate) wake: Notify,
    pub(crate) page_limit_hit: AtomicBool,
}

/// Parts that an engine is made from.
pub(crate) struct EngineParts {
    #[cfg(feature = "render")]
    pub(crate) renderer: Option<crate::render::Renderer>,
    pub(crate) live: Arc<LiveSettings>,
    pub(crate) fetcher: Fetcher,
    pub(crate) scope: Arc<CrawlScope>,
    pub(crate) maker: HeaderMaker,
    pub(crate) parse: Arc<ParseOptions>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) outs: Vec<Arc<dyn Out>>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) cache: Option<ResponseCache>,
    pub(crate) frontier: Frontier,
}

/// Next step of a worker that asks for a page.
pub(crate) enum NextStep {
    Page(Box<Page>),
    /// No page is due before this time.
    Wait(Instant),
    /// No page is due until one under way ends.
    Busy,
    /// No page is queued or in flight.
    Empty,
    /// The limit of pages is reached, and no begun page waits for another try.
    Full,
    /// The crawl is stopping; no further page begins.
    Stopped,
}

/// Time for which a robots.txt that could not be fetched is not requested again. This must not be longer than the
/// shortest wait of a page before its next try, so that the next try sees a new answer.
pub(crate) fn unreachable_age(settings: &Settings) -> Duration {
    retry::shortest_wait(&settings.retry)
}

impl Engine {
    pub(crate) fn new(parts: EngineParts) -> Self {
        let settings = parts.live.load();
        // The browser gets the body that was fetched.
        let own = Needs {
            body: settings.render.enabled,
            ..Needs::default()
        };
        let needs = parts.outs.iter().fold(own, |needs, out| {
            let more = out.needs();
            Needs {
                wire: needs.wire | more.wire,
                body: needs.body | more.body,
                links: needs.links | more.links,
            }
        });
        let agent = agent_of(parts.maker.user_agent());
        let robots = RobotsCache::new(RobotsOptions {
            agent: agent.clone(),
            max_age: settings.politeness.robots_max_age,
            unreachable_age: unreachable_age(&settings),
            max_crawl_delay: settings.politeness.max_crawl_delay,
            ..RobotsOptions::default()
        });
        Self {
            rules: conditional::rules(&settings, &parts.scope, &agent),
            agent: agent.into(),
            compression: settings.http.compression,
            needs,
            robots,
            robots_failures: RobotsFailures::default(),
            throttles: Throttles::default(),
            pauses: Pauses::default(),
            load_shedding: LoadShedding::default(),
            rate: Rate::new(Duration::ZERO, 1),
            page_workers: Concurrency::new(usize::MAX),
            hash_key: parts.frontier.hash_key(),
            #[cfg(feature = "render")]
            renderer: parts.renderer,
            cache: parts.cache,
            frontier: Mutex::new(Some(parts.frontier)),
            active: AtomicUsize::new(0),
            limit: AtomicUsize::new(1),
            begun: AtomicU64::new(0),
            deadlines: Mutex::default(),
            chains: Mutex::default(),
            queue_delay_ns: AtomicU64::new(0),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            reason: Mutex::default(),
            wake: Notify::new(),
            page_limit_hit: AtomicBool::new(false),
            live: parts.live,
            fetcher: parts.fetcher,
            scope: parts.scope,
            maker: parts.maker,
            parse: parts.parse,
            hooks: parts.hooks,
            outs: parts.outs,
            stats: parts.stats,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Frontier>> {
        self.frontier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the frontier. An error ends the crawl. Returns `None` after an error or once the frontier is
    /// closed.
    pub(crate) fn with_frontier<T>(
        &self,
        work: impl FnOnce(&mut Frontier) -> Result<T, FrontierError>,
    ) -> Option<T> {
        let mut frontier = self.lock();
        match work(frontier.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::error!(%error, "the crawl ends: its state cannot be kept");
                self.finish(FinishReason::OutputFailed);
                None
            }
        }
    }

    /// Takes the frontier out of the engine, to close it.
    pub(crate) fn take_frontier(&self) -> Option<Frontier> {
        self.lock().take()
    }

    /// Stops the crawl: no further page begins. Only the first reason is kept.
    pub(crate) fn finish(&self, reason: FinishReason) {
        let mut first = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(reason);
        drop(first);
        self.stop.cancel();
        self.wake.notify_one();
    }

    pub(crate) fn reason(&self) -> Option<FinishReason> {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses the next page, if one may begin now.
    pub(crate) fn next_step(&self, frontier: &mut Frontier) -> Result<NextStep, FrontierError> {
        if self.stop.is_cancelled() {
            return Ok(NextStep::Stopped);
        }
        // At the limit of pages only those already begun are tried again.
        let limit = self.live.load().crawl.max_pages.unwrap_or(u64::MAX);
        let is_full = self.begun.load(Ordering::Acquire) >= limit;
        let next = if is_full {
            frontier.next_again(Instant::now())?
        } else {
            frontier.next(Instant::now())?
        };
        Ok(match next {
            Next::Page(page) if self.begin(&page, limit) => NextStep::Page(page),
            Next::Page(page) => {
                frontier.put_back(page.ticket);
                self.page_limit_hit.store(true, Ordering::Relaxed);
                // A page under way may end up not counted, for instance as a redirect; then there is room again.
                NextStep::Busy
            }
            Next::Wait(until) => NextStep::Wait(until),
            Next::Busy => NextStep::Busy,
            Next::Empty if is_full => NextStep::Full,
            Next::Empty => NextStep::Empty,
        })
    }

    /// Counts a page against the limit of pages and returns whether it may begin. Further tries are not counted again.
    fn begin(&self, page: &Page, limit: u64) -> bool {
        if page.attempt > 0 {
            return true;
        }
        let count = |begun: u64| (begun < limit).then_some(begun + 1);
        self.begun
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, count)
            .is_ok()
    }

    /// Takes a page out of the count of begun pages, if this was its first try.
    pub(crate) fn unbegin(&self, attempt: u32) {
        if attempt == 0 {
            self.begun.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Headers of a request, without Host.
    pub(crate) fn headers(&self, url: &Url, from: Option<&Url>) -> HeaderMap {
        let mut headers = self.maker.make(url, from);
        if self.compression {
            let codings = HeaderValue::from_static(fetch::ACCEPT_ENCODING);
            headers.insert(ACCEPT_ENCODING, codings);
        }
        headers
    }

    /// Adds a request to the figures.
    pub(crate) fn count(&self, exchange: &Exchange) {
        let (stats, phases) = (&self.stats, &exchange.phases);
        stats.requests.add_one();
        stats.wire_bytes.add(exchange.wire_bytes);
        stats.decoded_bytes.add(exchange.decoded_bytes);
        for (histogram, time) in [
            (&stats.dns, phases.dns_ns),
            (&stats.connect, phases.connect_ns),
            (&stats.tls, phases.tls_ns),
            (&stats.ttfb, phases.ttfb_ns),
            (&stats.total, phases.transfer_ns.map(|_| phases.total_ns)),
        ] {
            if let Some(ns) = time {
                histogram.add_ns(ns);
            }
        }
        let reused = exchange.connection.is_some_and(|used| used.reuses > 0);
        stats.reused.add(u64::from(reused));
    }

    /// Applies the crawl delay and the sitemaps of a robots.txt.
    pub(crate) fn obey(&self, settings: &Settings, url: &Url, rules: &Rules) {
        if let Some(delay) = rules.crawl_delay() {
            self.obey_delay(url, delay);
        }
        if settings.politeness.sitemaps {
            self.add_sitemaps(rules.sitemaps(), 0);
        }
    }

    /// Sets the time between two pages of the host, and lets the first page wait for it as well.
    pub(crate) fn obey_delay(&self, url: &Url, robots: Duration) {
        let delay = self.slowest(url, robots);
        self.with_frontier(|frontier| {
            frontier.set_host_delay(url, Some(delay));
            // Fetching robots.txt was the first request to the host.
            frontier.hold_host(url, Instant::now() + delay);
            Ok(())
        });
    }

    /// Changes the time between two pages of the host.
    pub(crate) fn set_delay(&self, url: &Url, delay: Option<Duration>) {
        self.with_frontier(|frontier| {
            frontier.set_host_delay(url, delay);
            Ok(())
        });
    }

    fn chains(&self) -> MutexGuard<'_, HashMap<u64, Chain>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn chain_of(&self, url: &Url) -> Option<Chain> {
        let chains = self.chains();
        // Avoids hashing the URL: most crawls have few redirects under way.
        if chains.is_empty() {
            return None;
        }
        chains
            .get(&self.hash_key.fingerprint(url.as_str()).raw())
            .cloned()
    }

    pub(crate) fn remember_chain(&self, fingerprint: Fingerprint, chain: Chain) {
        let mut chains = self.chains();
        if chains.len() < MAX_CHAINS {
            chains.insert(fingerprint.raw(), chain);
        }
    }

    pub(crate) fn forget_chain(&self, url: &Url) {
        let mut chains = self.chains();
        if !chains.is_empty() {
            chains.remove(&self.hash_key.fingerprint(url.as_str()).raw());
        }
    }

    /// Records the time that a page waited for a page worker.
    pub(crate) fn note_queue_delay(&self, waited: Duration) {
        let ns = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.queue_delay_ns.fetch_max(ns, Ordering::Relaxed);
    }

    /// Longest wait for a page worker since the last call.
    pub(crate) fn take_queue_delay(&self) -> Duration {
        Duration::from_nanos(self.queue_delay_ns.swap(0, Ordering::Relaxed))
    }

    /// Puts a page back into the queue as if it had not begun.
    pub(crate) fn put_back(&self, frontier: &mut Frontier, ticket: Ticket, attempt: u32) {
        frontier.put_back(ticket);
        self.unbegin(attempt);
    }
}
