//! robots.txt ([RFC 9309](https://www.rfc-editor.org/rfc/rfc9309)): fetched once for each origin, kept for a time, asked for each URL.
//!
//! Parser and matcher are our own. Site owners write their files for Google's parser and try them with it, so a crawler
//! that reads a file in another way fetches what its owner forbids. The crates at hand do: robotxt 0.7 takes `*/feed/` for
//! `/*/feed/`, knows no agent with a version or words behind and ends a group at a crawl delay.
//! A table of files, agents and URLs with the answers of Google's parser is in `tests/robots`, and nothing that
//! it forbids may be fetched. In one point the crawler is stricter: the RFC compares percent-encodings by what they
//! stand for, Google byte by byte, and what either of them forbids is forbidden.

mod agent;
mod file;
mod pattern;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::{Position, Url};

pub use agent::agent_of;
pub use file::RobotsTxt;

/// Limit of the bytes read of a robots.txt; the rest is ignored (RFC 9309, section 2.5).
pub const BODY_LIMIT: usize = 500 << 10;
/// Limit of redirects followed (section 2.3.1.2).
pub const REDIRECT_LIMIT: u32 = 5;
/// Number of parts of the cache, each with its own lock and share of the memory. They are few, so that the largest
/// robots.txt fits into one.
const SHARDS: u64 = 4;

/// Result of fetching a robots.txt, after redirects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RobotsAnswer {
    /// Response of the server.
    Response {
        /// Status of the last response.
        status: u16,
        /// Decoded body, up to [`BODY_LIMIT`].
        body: Vec<u8>,
    },
    /// More redirects than [`REDIRECT_LIMIT`].
    TooManyRedirects,
    /// No response.
    Failed {
        /// Reason, for people.
        why: String,
    },
}

/// Fetcher of robots.txt files.
pub trait FetchRobots: Sync {
    /// Fetches this robots.txt, whatever other rules say, within a time limit of its own.
    fn fetch(&self, url: Url) -> impl Future<Output = RobotsAnswer> + Send;
}

/// Options for rules and their cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotsOptions {
    /// Product name by which groups of rules are chosen.
    pub agent: String,
    /// Age at which rules are fetched again; the RFC asks for at most a day.
    pub max_age: Duration,
    /// Age at which an unreachable robots.txt is tried again.
    pub unreachable_age: Duration,
    /// Limit to which longer crawl delays are reduced.
    pub max_crawl_delay: Duration,
    /// Memory for all rules.
    pub memory_bytes: u64,
}

impl Default for RobotsOptions {
    fn default() -> Self {
        Self {
            agent: "tracer".into(),
            max_age: Duration::from_secs(86_400),
            unreachable_age: Duration::from_secs(300),
            max_crawl_delay: Duration::from_secs(60),
            memory_bytes: 32 << 20,
        }
    }
}

/// Origin of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A robots.txt file.
    File,
    /// No robots.txt exists (4xx, too many redirects): everything is allowed (section 2.3.1.3).
    Unavailable,
    /// The robots.txt could not be fetched (5xx, 429, no response): nothing is allowed (section 2.3.1.4).
    Unreachable {
        /// Reason, for people.
        why: String,
    },
}

/// Rules of one origin.
#[derive(Debug)]
pub struct Rules {
    file: Arc<RobotsTxt>,
    origin: Origin,
    bytes: u64,
    until: Instant,
    ages: Arc<Ages>,
}

/// Times that may change during a crawl.
#[derive(Debug)]
struct Ages {
    max_crawl_delay_ns: AtomicU64,
    unreachable_ns: AtomicU64,
}

impl Ages {
    fn new(max_crawl_delay: Duration, unreachable_age: Duration) -> Self {
        Self {
            max_crawl_delay_ns: AtomicU64::new(ns(max_crawl_delay)),
            unreachable_ns: AtomicU64::new(ns(unreachable_age)),
        }
    }

    fn max_crawl_delay(&self) -> Duration {
        Duration::from_nanos(self.max_crawl_delay_ns.load(Ordering::Relaxed))
    }

    fn unreachable(&self) -> Duration {
        Duration::from_nanos(self.unreachable_ns.load(Ordering::Relaxed))
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Rules {
    /// True if the URL, which has to be of this origin, may be fetched.
    pub fn allows(&self, url: &Url) -> bool {
        match self.origin {
            Origin::File => self.file.allows(url),
            Origin::Unavailable => true,
            Origin::Unreachable { .. } => false,
        }
    }

    /// Time between two requests that the server asks for, up to the limit.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.file
            .crawl_delay()
            .map(|delay| delay.min(self.ages.max_crawl_delay()))
    }

    /// Sitemaps that the file names, on any host.
    pub fn sitemaps(&self) -> &[Url] {
        self.file.sitemaps()
    }

    /// Origin of the rules.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    fn of(answer: RobotsAnswer, options: &RobotsOptions, ages: &Arc<Ages>) -> Self {
        let mut file = RobotsTxt::default();
        let origin = match answer {
            RobotsAnswer::Response {
                status: 200..=299,
                body,
            } => {
                file = RobotsTxt::parse(&body, &options.agent);
                Origin::File
            }
            // Too many requests are no answer; all other 4xx say that there is no file.
            RobotsAnswer::Response { status, .. }
                if status == 429 || !(400..500).contains(&status) =>
            {
                Origin::Unreachable {
                    why: format!("status {status}"),
                }
            }
            RobotsAnswer::Response { .. } | RobotsAnswer::TooManyRedirects => Origin::Unavailable,
            RobotsAnswer::Failed { why } => Origin::Unreachable { why },
        };
        let age = if matches!(origin, Origin::Unreachable { .. }) {
            ages.unreachable()
        } else {
            options.max_age
        };
        Self {
            bytes: file.bytes() as u64,
            file: Arc::new(file),
            origin,
            until: Instant::now() + age,
            ages: Arc::clone(ages),
        }
    }
}

/// Weight of entries, limited to `most_bytes`: an entry heavier than a part of the cache would not be kept at all.
#[derive(Clone)]
struct ByBytes {
    most_bytes: u64,
}

impl Weighter<Box<str>, Arc<Rules>> for ByBytes {
    fn weight(&self, origin: &Box<str>, rules: &Arc<Rules>) -> u64 {
        (rules.bytes + origin.len() as u64).min(self.most_bytes)
    }
}

type Flight = Arc<OnceCell<Arc<Rules>>>;

/// Cache of the rules of all origins.
pub struct RobotsCache {
    options: RobotsOptions,
    ages: Arc<Ages>,
    cache: Cache<Box<str>, Arc<Rules>, ByBytes>,
    flights: Mutex<HashMap<Box<str>, Flight>>,
}

impl RobotsCache {
    /// Makes an empty cache.
    pub fn new(options: RobotsOptions) -> Self {
        let items = usize::try_from(options.memory_bytes / 512).unwrap_or(usize::MAX);
        let by_bytes = ByBytes {
            most_bytes: options.memory_bytes / SHARDS / 4 * 3,
        };
        let made = OptionsBuilder::new()
            .shards(SHARDS as usize)
            .estimated_items_capacity(items)
            .weight_capacity(options.memory_bytes)
            .build();
        let cache = match made {
            Ok(made) => Cache::with_options(
                made,
                by_bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            // Both capacities are set, so this does not fail.
            Err(_) => Cache::with_weighter(items, options.memory_bytes, by_bytes),
        };
        let ages = Ages::new(options.max_crawl_delay, options.unreachable_age);
        Self {
            ages: Arc::new(ages),
            options,
            cache,
            flights: Mutex::default(),
        }
    }

    /// Changes the limit of crawl delays, for cached rules as well, and the age at which an unreachable robots.txt is
    /// tried again.
    pub fn set_ages(&self, max_crawl_delay: Duration, unreachable_age: Duration) {
        let ages = &self.ages;
        (ages.max_crawl_delay_ns).store(ns(max_crawl_delay), Ordering::Relaxed);
        (ages.unreachable_ns).store(ns(unreachable_age), Ordering::Relaxed);
    }

    /// Cached rules for a URL, if they are not too old.
    pub fn cached(&self, url: &Url) -> Option<Arc<Rules>> {
        self.cache
            .get(&url[..Position::BeforePath])
            .filter(|rules| rules.until > Instant::now())
    }

    /// Rules for a URL, fetched if they are not cached. Callers that come during the fetch wait for its result. Old
    /// rules stay in force while the server cannot be reached.
    pub async fn rules(&self, url: &Url, fetcher: &impl FetchRobots) -> Arc<Rules> {
        if let Some(rules) = self.cached(url) {
            return rules;
        }
        let origin = &url[..Position::BeforePath];
        let flight = Arc::clone(self.flights().entry(origin.into()).or_default());
        let rules = flight.get_or_init(|| self.fetch(url, fetcher)).await;
        let mut flights = self.flights();
        if flights
            .get(origin)
            .is_some_and(|found| Arc::ptr_eq(found, &flight))
        {
            self.cache.insert(origin.into(), Arc::clone(rules));
            flights.remove(origin);
        }
        Arc::clone(rules)
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self, url: &Url, fetcher: &impl FetchRobots) -> Arc<Rules> {
        let mut place = url.clone();
        place.set_path("/robots.txt");
        place.set_query(None);
        let mut rules = Rules::of(fetcher.fetch(place).await, &self.options, &self.ages);
        let old = self
            .cache
            .peek(&url[..Position::BeforePath])
            .filter(|old| old.origin == Origin::File);
        if let (Origin::Unreachable { .. }, Some(old)) = (&rules.origin, old) {
            rules = Rules {
                file: Arc::clone(&old.file),
                origin: Origin::File,
                bytes: old.bytes,
                until: rules.until,
                ages: rules.ages,
            };
        }
        Arc::new(rules)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    struct Server {
        answers: Mutex<VecDeque<RobotsAnswer>>,
        asked: Mutex<Vec<String>>,
    }

    impl Server {
        fn new(answers: impl Into<VecDeque<RobotsAnswer>>) -> Self {
            Self {
                answers: Mutex::new(answers.into()),
                asked: Mutex::default(),
            }
        }

        fn asked(&self) -> usize {
            self.asked.lock().unwrap().len()
        }
    }

    impl FetchRobots for Server {
        async fn fetch(&self, url: Url) -> RobotsAnswer {
            self.asked.lock().unwrap().push(url.to_string());
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.answers.lock().unwrap().pop_front().unwrap()
        }
    }

    fn response(status: u16, body: &str) -> RobotsAnswer {
        RobotsAnswer::Response {
            status,
            body: body.into(),
        }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn cache() -> RobotsCache {
        RobotsCache::new(RobotsOptions {
            agent: "tracer".into(),
            ..RobotsOptions::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_each_answer_allows() {
        let rules = "User-agent: *\nDisallow: /a";
        for (answer, allows_a, allows_b) in [
            (response(200, rules), false, true),
            (response(206, rules), false, true),
            (response(404, rules), true, true),
            (response(403, rules), true, true),
            (response(429, ""), false, false),
            (RobotsAnswer::TooManyRedirects, true, true),
            (response(503, rules), false, false),
            (response(304, ""), false, false),
            (
                RobotsAnswer::Failed {
                    why: "no route".into(),
                },
                false,
                false,
            ),
        ] {
            let server = Server::new([answer.clone()]);
            let rules = cache().rules(&url("http://h/x"), &server).await;
            assert_eq!(rules.allows(&url("http://h/a?q")), allows_a, "{answer:?}");
            assert_eq!(rules.allows(&url("http://h/b")), allows_b, "{answer:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn own_group_delay_and_sitemaps() {
        let text = "User-agent: *\nDisallow: /\nUser-agent: TRACER\nAllow: /\nDisallow: /*.gif$\nCrawl-delay: 700\nSitemap: http://s/x.xml\n";
        let cache = cache();
        let rules = cache
            .rules(&url("http://h/"), &Server::new([response(200, text)]))
            .await;
        assert!(
            rules.allows(&url("http://h/a"))
                && !rules.allows(&url("http://h/a.gif"))
                && rules.allows(&url("http://h/a.gif?x"))
        );
        assert_eq!(rules.crawl_delay(), Some(Duration::from_secs(60)));
        cache.set_ages(Duration::from_secs(900), Duration::ZERO);
        assert_eq!(rules.crawl_delay(), Some(Duration::from_secs(700)));
        assert_eq!(rules.sitemaps(), [url("http://s/x.xml")]);
        assert_eq!(*rules.origin(), Origin::File);
    }

    #[tokio::test(start_paused = true)]
    async fn one_fetch_for_all_who_wait_and_one_an_origin() {
        let (cache, server) = (
            cache(),
            Server::new([response(200, ""), response(404, ""), response(404, "")]),
        );
        let ask = |text: &'static str| {
            let (cache, server) = (&cache, &server);
            async move { cache.rules(&url(text), server).await }
        };
        tokio::join!(ask("http://h/a"), ask("http://h/b?q"), ask("http://h/c"));
        ask("http://h/d").await;
        assert_eq!(*server.asked.lock().unwrap(), ["http://h/robots.txt"]);
        ask("http://h:81/").await;
        ask("https://h/").await;
        assert_eq!(
            server.asked.lock().unwrap()[1..],
            ["http://h:81/robots.txt", "https://h/robots.txt"]
        );
        assert!(cache.flights().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_fetch_to_the_next() {
        let (cache, server) = (cache(), Server::new([response(200, "")]));
        let page = url("http://h/");
        assert!(
            tokio::time::timeout(Duration::from_millis(10), cache.rules(&page, &server))
                .await
                .is_err()
        );
        cache.rules(&page, &server).await;
        assert_eq!(server.asked(), 2);
        assert!(cache.flights().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn rules_age_and_outlive_an_unreachable_server() {
        let cache = cache();
        let server = Server::new([
            response(200, "User-agent: *\nDisallow: /a"),
            response(500, ""),
            response(404, ""),
        ]);
        let page = url("http://h/a");
        assert!(!cache.rules(&page, &server).await.allows(&page));
        tokio::time::advance(Duration::from_secs(86_000)).await;
        assert!(cache.cached(&page).is_some());
        tokio::time::advance(Duration::from_secs(500)).await;
        assert!(cache.cached(&page).is_none());
        let kept = cache.rules(&page, &server).await;
        assert!(
            !kept.allows(&page) && kept.allows(&url("http://h/b")),
            "the old rules, not a ban"
        );
        tokio::time::advance(Duration::from_secs(301)).await;
        assert!(cache.rules(&page, &server).await.allows(&page));
        assert_eq!(server.asked(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_heaviest_robots_txt_is_kept() {
        let body = format!(
            "User-agent: *\nCrawl-delay: 1\n{}",
            "Allow:/\n".repeat((BODY_LIMIT - 40) / 8)
        );
        let cache = cache();
        for host in 0..4 {
            let page = url(&format!("http://h{host}/"));
            let server = Server::new([response(200, &body)]);
            let rules = cache.rules(&page, &server).await;
            assert!(rules.bytes > 5 << 20, "{} bytes", rules.bytes);
            assert!(cache.cached(&page).is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let cache = RobotsCache::new(RobotsOptions {
            memory_bytes: 1 << 20,
            ..RobotsOptions::default()
        });
        let body: String = std::iter::once("User-agent: *\n".into())
            .chain((0..1_000).map(|number| format!("Disallow: /{number}\n")))
            .collect();
        let server = Server::new((0..100).map(|_| response(200, &body)).collect::<Vec<_>>());
        for host in 0..100 {
            cache
                .rules(&url(&format!("http://h{host}/")), &server)
                .await;
        }
        assert!(cache.cache.weight() <= 1 << 20 && !cache.cache.is_empty());
        let long = format!(
            "User-agent: *\nAllow: /\n{}Disallow: /\n",
            "# x\n".repeat(BODY_LIMIT / 4)
        );
        let rules = cache
            .rules(&url("http://long/"), &Server::new([response(200, &long)]))
            .await;
        assert!(
            rules.allows(&url("http://long/a")),
            "what is behind the limit is not read"
        );
    }
}
