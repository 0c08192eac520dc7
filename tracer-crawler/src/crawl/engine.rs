//! What all workers of a crawl share, and how they get their pages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::brake::Brake;
use super::conditional;
use super::pace::Paces;
use super::page::Chain;
use super::pause::Pauses;
use super::reach::Reach;
use super::report::{Needs, Out};
use super::robots::RobotsFailures;
use crate::cache::ResponseCache;
use crate::dedup::{Fingerprint, Seed};
use crate::fetch::{self, Exchange, Fetcher};
use crate::frontier::{Frontier, FrontierError, Next, Page, Ticket};
use crate::header::HeaderMaker;
use crate::hook::Hooks;
use crate::limit::{Concurrency, Rate};
use crate::parse::ParseOptions;
use crate::retry;
use crate::robots::{RobotsCache, RobotsOptions, Rules, agent_of};
use crate::settings::{Live, Settings};
use crate::stats::{FinishReason, Stats};

/// Targets of redirects that wait and whose chain is remembered; records of more tell only of their own request.
const MAX_CHAINS: usize = 100_000;

/// Shared by all workers.
pub(crate) struct Engine {
    pub(crate) live: Arc<Live>,
    pub(crate) fetcher: Fetcher,
    pub(crate) reach: Arc<Reach>,
    pub(crate) maker: HeaderMaker,
    /// The name that robots.txt and robots meta elements know us by.
    pub(crate) agent: Box<str>,
    pub(crate) compression: bool,
    pub(crate) parse: Arc<ParseOptions>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) outs: Vec<Arc<dyn Out>>,
    pub(crate) needs: Needs,
    pub(crate) stats: Arc<Stats>,
    pub(crate) robots: RobotsCache,
    pub(crate) robots_failures: RobotsFailures,
    pub(crate) paces: Paces,
    pub(crate) pauses: Pauses,
    pub(crate) brake: Brake,
    /// All requests of the crawl.
    pub(crate) rate: Rate,
    /// Work on pages whose body is there.
    pub(crate) page_workers: Arc<Concurrency>,
    pub(crate) seed: Seed,
    /// Runs the scripts of pages.
    #[cfg(feature = "render")]
    pub(crate) renderer: Option<crate::render::Renderer>,
    /// What was fetched before.
    pub(crate) cache: Option<ResponseCache>,
    /// A hash of what decides which links are taken.
    pub(crate) rules: u64,
    frontier: Mutex<Option<Frontier>>,
    /// Workers.
    pub(crate) active: AtomicUsize,
    /// Workers there may be.
    pub(crate) limit: AtomicUsize,
    /// Pages begun, against the limit of pages.
    begun: AtomicU64,
    /// End of the task's clock of pages that wait for another try. Bounded as the frontier's own list of them is: by how many fail within
    /// the longest wait before a try.
    pub(crate) deadlines: Mutex<HashMap<u64, tokio::time::Instant>>,
    /// How targets of redirects that wait were come to, for their records. A restart forgets it, but not how many redirects there were.
    chains: Mutex<HashMap<u64, Chain>>,
    /// Longest wait for a page worker since the last look, in ns.
    queue_delay_ns: AtomicU64,
    /// No page is begun any more.
    pub(crate) stop: CancellationToken,
    /// Pages under way are cut.
    pub(crate) abort: CancellationToken,
    reason: Mutex<Option<FinishReason>>,
    /// Wakes the main loop.
    pub(crate) wake: Notify,
    pub(crate) page_limit_hit: AtomicBool,
}

/// What a crawl is made of.
pub(crate) struct Made {
    #[cfg(feature = "render")]
    pub(crate) renderer: Option<crate::render::Renderer>,
    pub(crate) live: Arc<Live>,
    pub(crate) fetcher: Fetcher,
    pub(crate) reach: Arc<Reach>,
    pub(crate) maker: HeaderMaker,
    pub(crate) parse: Arc<ParseOptions>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) outs: Vec<Arc<dyn Out>>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) cache: Option<ResponseCache>,
    pub(crate) frontier: Frontier,
}

/// What there is to do.
pub(crate) enum Turn {
    Page(Box<Page>),
    /// Nothing before this time.
    Wait(Instant),
    /// Nothing until a page ends.
    Busy,
    /// Nothing left.
    Empty,
    /// The limit of pages is used up, and no page that was begun waits for another try.
    Full,
    /// No page is begun any more.
    Stopped,
}

/// How long a robots.txt that could not be had is not asked for again: no longer than a page waits before its next try.
pub(crate) fn unreachable_age(settings: &Settings) -> Duration {
    retry::shortest_wait(&settings.retry)
}

impl Engine {
    pub(crate) fn new(made: Made) -> Self {
        let settings = made.live.load();
        // The browser gets the document that was fetched.
        let own = Needs {
            body: settings.render.enabled,
            ..Needs::default()
        };
        let needs = made.outs.iter().fold(own, |needs, out| {
            let more = out.needs();
            Needs {
                wire: needs.wire | more.wire,
                body: needs.body | more.body,
                links: needs.links | more.links,
            }
        });
        let agent = agent_of(made.maker.user_agent());
        let robots = RobotsCache::new(RobotsOptions {
            agent: agent.clone(),
            max_age: settings.politeness.robots_max_age,
            unreachable_age: unreachable_age(&settings),
            max_crawl_delay: settings.politeness.max_crawl_delay,
            ..RobotsOptions::default()
        });
        Self {
            rules: conditional::rules(&settings, &made.reach, &agent),
            agent: agent.into(),
            compression: settings.http.compression,
            needs,
            robots,
            robots_failures: RobotsFailures::default(),
            paces: Paces::default(),
            pauses: Pauses::default(),
            brake: Brake::default(),
            rate: Rate::new(Duration::ZERO, 1),
            page_workers: Concurrency::new(usize::MAX),
            seed: made.frontier.seed(),
            #[cfg(feature = "render")]
            renderer: made.renderer,
            cache: made.cache,
            frontier: Mutex::new(Some(made.frontier)),
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
            live: made.live,
            fetcher: made.fetcher,
            reach: made.reach,
            maker: made.maker,
            parse: made.parse,
            hooks: made.hooks,
            outs: made.outs,
            stats: made.stats,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Frontier>> {
        self.frontier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the frontier. Its error ends the crawl; so does, quietly, its being closed.
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

    /// Takes the frontier away, to close it.
    pub(crate) fn take_frontier(&self) -> Option<Frontier> {
        self.lock().take()
    }

    /// No page is begun from now on; the first reason counts.
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

    /// The next page, if one may be begun.
    pub(crate) fn turn(&self, frontier: &mut Frontier) -> Result<Turn, FrontierError> {
        if self.stop.is_cancelled() {
            return Ok(Turn::Stopped);
        }
        // At the limit of pages those that were begun come to their end.
        let limit = self.live.load().crawl.max_pages.unwrap_or(u64::MAX);
        let is_full = self.begun.load(Ordering::Acquire) >= limit;
        let next = if is_full {
            frontier.next_again(Instant::now())?
        } else {
            frontier.next(Instant::now())?
        };
        Ok(match next {
            Next::Page(page) if self.begin(&page, limit) => Turn::Page(page),
            Next::Page(page) => {
                frontier.put_back(page.ticket);
                self.page_limit_hit.store(true, Ordering::Relaxed);
                // Pages under way may yet turn out to be none.
                Turn::Busy
            }
            Next::Wait(until) => Turn::Wait(until),
            Next::Busy => Turn::Busy,
            Next::Empty if is_full => Turn::Full,
            Next::Empty => Turn::Empty,
        })
    }

    /// Counts a page against the limit; one that is tried again was counted before.
    fn begin(&self, page: &Page, limit: u64) -> bool {
        if page.attempt > 0 {
            return true;
        }
        let count = |begun: u64| (begun < limit).then_some(begun + 1);
        self.begun
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, count)
            .is_ok()
    }

    /// A page that was begun became none.
    pub(crate) fn unbegin(&self, attempt: u32) {
        if attempt == 0 {
            self.begun.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Headers of a request, but for Host.
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

    /// Makes what a robots.txt asks for count.
    pub(crate) fn obey(&self, settings: &Settings, url: &Url, rules: &Rules) {
        if let Some(delay) = rules.crawl_delay() {
            self.obey_delay(url, delay);
        }
        if settings.politeness.sitemaps {
            self.add_sitemaps(rules.sitemaps(), 0);
        }
    }

    /// From now on there is this time between two pages of the host, and before the next one.
    pub(crate) fn obey_delay(&self, url: &Url, robots: Duration) {
        let delay = self.slowest(url, robots);
        self.with_frontier(|frontier| {
            frontier.set_host_delay(url, Some(delay));
            // Its robots.txt was the first request.
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
        // Most crawls have few redirects under way.
        if chains.is_empty() {
            return None;
        }
        chains
            .get(&self.seed.fingerprint(url.as_str()).raw())
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
            chains.remove(&self.seed.fingerprint(url.as_str()).raw());
        }
    }

    /// A page waited for a page worker.
    pub(crate) fn note_queue_delay(&self, waited: Duration) {
        let ns = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.queue_delay_ns.fetch_max(ns, Ordering::Relaxed);
    }

    /// The longest such wait since the last call.
    pub(crate) fn take_queue_delay(&self) -> Duration {
        Duration::from_nanos(self.queue_delay_ns.swap(0, Ordering::Relaxed))
    }

    /// A page goes back as if it had not been begun.
    pub(crate) fn put_back(&self, frontier: &mut Frontier, ticket: Ticket, attempt: u32) {
        frontier.put_back(ticket);
        self.unbegin(attempt);
    }
}
