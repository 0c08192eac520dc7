//! Tests of whole crawls of a generated site.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{Asked, Reply, Server, Then, page, raw, with};
use tracer_crawler::crawl::{
    Crawl, CrawlError, Out, OutError, Outputs, PageReport, Parts, Written,
};
use tracer_crawler::hook::{Hooks, Page, PageEnd};
use tracer_crawler::settings::{Given, LiveSettings, Profile, Settings};
use tracer_crawler::stats::{FinishReason, Snapshot, Stats};

/// Page as an output received it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Line {
    status: Option<u16>,
    failure: Option<&'static str>,
    requested: String,
    retries: u32,
    redirects: u32,
    moved: Option<String>,
    skipped: Option<&'static str>,
    times: usize,
}

#[derive(Default)]
struct Collected {
    pages: Mutex<BTreeMap<String, Line>>,
    fails: bool,
}

impl Out for Collected {
    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a> {
        let mut pages = self.pages.lock().unwrap();
        let path = |url: &url::Url| url.path().to_owned();
        let line = pages.entry(path(&report.url)).or_default();
        *line = Line {
            status: report.status(),
            failure: report
                .failure
                .as_ref()
                .map(|failure| failure.class().name()),
            requested: path(&report.requested_url),
            retries: report.retries,
            redirects: report.redirects.len() as u32,
            moved: report.moved.as_ref().map(path),
            skipped: report.skipped,
            times: line.times + 1,
        };
        let fails = self.fails;
        Box::pin(async move {
            if fails {
                return Err(OutError("disk full".into()));
            }
            Ok(())
        })
    }
}

struct Outcome {
    figures: Snapshot,
    pages: BTreeMap<String, Line>,
}

impl Outcome {
    fn paths(&self) -> BTreeSet<&str> {
        self.pages.keys().map(String::as_str).collect()
    }
}

fn settings() -> Settings {
    let mut settings = Settings::of(Profile::Tuned);
    settings.retry.backoff = Duration::from_millis(10);
    settings.adaptive.rate = false;
    settings
}

fn set(settings: &mut Settings, key: &str, value: &str) {
    let words = [value.to_owned()];
    settings.set(key, Given::Text(&words)).unwrap().unwrap();
}

struct Setup {
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    out: Arc<Collected>,
}

impl Setup {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            hooks: Arc::new(()),
            out: Arc::default(),
        }
    }

    fn crawl(&self, seeds: &[String]) -> Result<Crawl, CrawlError> {
        let parts = Parts {
            live: Arc::new(LiveSettings::new(self.settings.clone())),
            secrets: Default::default(),
            hooks: Arc::clone(&self.hooks),
            outs: vec![Arc::clone(&self.out) as Arc<dyn Out>],
            stats: Arc::new(Stats::default()),
            files: Default::default(),
        };
        Crawl::new(parts, seeds)
    }

    async fn run(&self, seeds: &[String]) -> Outcome {
        let figures = self.crawl(seeds).unwrap().run().await;
        Outcome {
            figures,
            pages: self.out.pages.lock().unwrap().clone(),
        }
    }
}

async fn crawl(settings: Settings, server: &Server) -> Outcome {
    Setup::new(settings)
        .run(&[server.url("/").to_string()])
        .await
}

fn links(paths: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    paths
        .into_iter()
        .map(|path| format!("<a href=\"{path}\">x</a>\n"))
        .collect()
}

fn no_robots(asked: &Asked<'_>) -> Option<Reply> {
    let none = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    (asked.path == "/robots.txt").then(|| raw(none, Then::Keep))
}

fn number(path: &str) -> usize {
    path.trim_matches('/').parse().unwrap_or(0)
}

/// Site that is a tree of `n` pages: page k links to 3k+1 .. 3k+3, to itself, and back to the root.
fn tree(asked: &Asked<'_>, n: usize) -> Reply {
    let k = number(asked.path);
    let children = (3 * k + 1..=3 * k + 3)
        .filter(|child| *child < n)
        .map(|child| format!("/{child}"));
    page(links(
        children.chain([asked.path.to_owned(), "/".to_owned()]),
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_once_and_no_more_connections_than_allowed() {
    const PAGES: usize = 2000;
    let server =
        Server::start(|asked| no_robots(asked).unwrap_or_else(|| tree(asked, PAGES))).await;
    let outcome = crawl(settings(), &server).await;
    assert_eq!(outcome.pages.len(), PAGES);
    assert!(
        outcome
            .pages
            .values()
            .all(|line| line.times == 1 && line.status == Some(200))
    );
    let figures = outcome.figures;
    assert_eq!(figures.finish_reason, Some(FinishReason::Done));
    assert_eq!((figures.pages, figures.failed), (PAGES as u64, 0));
    // One more request is for robots.txt.
    assert_eq!(figures.requests, PAGES as u64 + 1);
    assert_eq!(server.requests.load(Ordering::SeqCst), PAGES + 1);
    let limit = settings().limits.per_host as usize;
    assert!(server.opened() <= limit, "{} connections", server.opened());
    assert_eq!(figures.connections, server.opened() as u64);
    assert_eq!(figures.links, figures.duplicates + PAGES as u64 - 1);
    assert_eq!(
        (figures.in_flight, figures.queued, figures.workers),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn what_goes_wrong_has_its_class_and_what_is_left_out_its_reason() {
    let robots = "User-agent: *\nDisallow: /private\n";
    let tries = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |asked| match asked.path {
        "/robots.txt" => page(robots),
        "/" => page(links([
            "/ok", "/missing", "/moved", "/loop", "/outside", "/truncated", "/private/1", "/flaky", "/down",
            "mailto:a@b.example", "http://elsewhere.example/", "/ok#part",
        ]) + "<a rel=nofollow href=/nofollow>x</a>"),
        "/missing" => raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        "/moved" => raw("HTTP/1.1 301 Moved\r\nLocation: /target\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        "/loop" => raw("HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        "/outside" => raw("HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        "/truncated" => raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Then::Close),
        "/flaky" if tries.fetch_add(1, Ordering::SeqCst) < 2 => raw("HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        "/down" => raw("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", Then::Keep),
        _ => page("fine"),
    })
    .await;
    let outcome = crawl(settings(), &server).await;
    let line = |path: &str| outcome.pages[path].clone();
    assert_eq!(
        (
            line("/missing").status,
            line("/missing").failure,
            line("/missing").retries
        ),
        (Some(404), Some("status"), 0)
    );
    assert_eq!(
        (
            line("/target").requested.as_str(),
            line("/target").redirects
        ),
        ("/moved", 1)
    );
    assert_eq!(line("/moved").moved.as_deref(), Some("/target"));
    assert_eq!(line("/loop").failure, Some("too_many_redirects"));
    assert_eq!(line("/outside").skipped, Some("outside_host"));
    assert_eq!(
        (line("/truncated").failure, line("/truncated").retries),
        (Some("truncated"), 2)
    );
    assert_eq!(
        (
            line("/flaky").status,
            line("/flaky").retries,
            line("/flaky").times
        ),
        (Some(200), 2, 1)
    );
    assert_eq!(
        (
            line("/down").status,
            line("/down").failure,
            line("/down").retries
        ),
        (Some(500), Some("status"), 2)
    );
    let private = line("/private/1");
    assert_eq!((private.skipped, private.status), (Some("robots"), None));
    assert!(!outcome.pages.contains_key("/nofollow"));
    let skipped = outcome.figures.skipped;
    for (reason, count) in [
        ("robots", 1),
        ("outside_host", 2),
        ("scheme", 1),
        ("nofollow", 1),
    ] {
        assert_eq!(skipped.get(reason), Some(&count), "{reason}: {skipped:?}");
    }
    assert_eq!(
        outcome.figures.failures,
        BTreeMap::from([("status", 2), ("too_many_redirects", 1), ("truncated", 1)])
    );
    assert_eq!(outcome.figures.retries, 6);
}

#[tokio::test]
async fn chains_of_redirects_end() {
    let server = Server::start(|asked| {
        no_robots(asked).unwrap_or_else(|| match asked.path {
            "/" => page(links(["/r/0", "/a"])),
            "/a" => raw(
                "HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
                Then::Keep,
            ),
            "/b" => raw(
                "HTTP/1.1 302 F\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n",
                Then::Keep,
            ),
            // This path leads to ever new pages.
            path => {
                let n: u64 = path.rsplit('/').next().unwrap().parse().unwrap();
                raw(
                    format!(
                        "HTTP/1.1 302 F\r\nLocation: /r/{}\r\nContent-Length: 0\r\n\r\n",
                        n + 1
                    ),
                    Then::Keep,
                )
            }
        })
    })
    .await;
    let mut settings = settings();
    settings.http.redirects = 5;
    let outcome = crawl(settings, &server).await;
    let last = &outcome.pages["/r/5"];
    assert_eq!(
        (last.failure, last.requested.as_str(), last.redirects),
        (Some("too_many_redirects"), "/r/0", 5)
    );
    assert!(!outcome.pages.contains_key("/r/6"));
    assert_eq!(outcome.figures.skipped["redirect_seen"], 1);
    assert_eq!(
        outcome.figures.pages, 2,
        "the first page, and the one that failed with an answer"
    );
}

#[tokio::test]
async fn limits_of_depth_pages_and_time() {
    let server =
        Server::start(|asked| no_robots(asked).unwrap_or_else(|| tree(asked, 100_000))).await;
    let mut by_depth = settings();
    by_depth.crawl.depth = Some(2);
    let outcome = crawl(by_depth, &server).await;
    assert_eq!((outcome.pages.len(), outcome.figures.depth), (1 + 3 + 9, 2));
    assert_eq!(outcome.figures.finish_reason, Some(FinishReason::Done));
    // Each of the nine pages links to three children, itself and the root.
    assert_eq!(outcome.figures.skipped["too_deep"], 9 * 5);

    let mut by_pages = settings();
    by_pages.crawl.max_pages = Some(57);
    let outcome = crawl(by_pages, &server).await;
    assert_eq!(
        (outcome.pages.len(), outcome.figures.finish_reason),
        (57, Some(FinishReason::PageLimit))
    );

    let mut by_time = settings();
    by_time.crawl.max_time = Some(Duration::from_millis(300));
    by_time.politeness.delay = Duration::from_millis(50);
    let outcome = crawl(by_time, &server).await;
    assert_eq!(outcome.figures.finish_reason, Some(FinishReason::TimeLimit));
    assert!(!outcome.pages.is_empty());
}

#[tokio::test]
async fn pages_at_the_limit_have_their_retries() {
    let tries = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |asked| {
        no_robots(asked).unwrap_or_else(|| match asked.path {
            "/" => page(links(["/flaky", "/down", "/reset", "/more", "/rest"])),
            "/flaky" if tries.fetch_add(1, Ordering::SeqCst) > 0 => page(links(["/new"])),
            "/flaky" | "/down" => raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Then::Keep),
            "/reset" => raw("", Then::Reset),
            _ => page(""),
        })
    })
    .await;
    let mut settings = settings();
    settings.limits.per_host = 1;
    settings.crawl.max_pages = Some(4);
    let outcome = crawl(settings, &server).await;
    assert_eq!(
        outcome.paths(),
        BTreeSet::from(["/", "/flaky", "/down", "/reset"])
    );
    let line = |path: &str| &outcome.pages[path];
    assert_eq!(
        (line("/flaky").status, line("/flaky").retries),
        (Some(200), 1)
    );
    assert_eq!(
        (line("/down").status, line("/down").retries),
        (Some(503), 2)
    );
    assert_eq!(
        (line("/reset").failure, line("/reset").retries),
        (Some("closed"), 2)
    );
    assert_eq!(outcome.figures.finish_reason, Some(FinishReason::PageLimit));
}

/// Crawls several seeds of one host and returns the time until the last page was requested.
async fn crawl_seeds(settings: Settings, robots: &'static str, paths: &[&str]) -> Duration {
    let last: Arc<Mutex<Option<Instant>>> = Arc::default();
    let seen = Arc::clone(&last);
    let server = Server::start(move |asked| {
        if asked.path == "/robots.txt" {
            return page(robots);
        }
        *seen.lock().unwrap() = Some(Instant::now());
        page("")
    })
    .await;
    let seeds: Vec<_> = paths
        .iter()
        .map(|path| server.url(path).to_string())
        .collect();
    let (begin, setup) = (Instant::now(), Setup::new(settings));
    let outcome = tokio::time::timeout(Duration::from_secs(60), setup.run(&seeds)).await;
    assert_eq!(outcome.unwrap().pages.len(), paths.len());
    let last = last.lock().unwrap().unwrap();
    last - begin
}

#[tokio::test]
async fn a_crawl_delay_counts_for_those_who_had_their_turn_before_it_was_known() {
    let mut settings = settings();
    set(&mut settings, "limits.rate", "50");
    let robots = "User-agent: *\nCrawl-delay: 0.2\n";
    let took = crawl_seeds(settings, robots, &["/1", "/2", "/3", "/4"]).await;
    // The delay comes once after robots.txt and after each page but the last.
    assert!(took >= Duration::from_millis(800), "{took:?}");
}

#[tokio::test]
async fn a_crawl_delay_longer_than_its_robots_txt_counts_is_no_end() {
    let mut settings = settings();
    settings.politeness.robots_max_age = Duration::from_millis(1);
    let robots = "User-agent: *\nCrawl-delay: 0.05\n";
    let took = crawl_seeds(settings, robots, &["/1", "/2", "/3"]).await;
    assert!(took >= Duration::from_millis(150), "{took:?}");
}

#[tokio::test]
async fn a_short_crawl_delay_makes_no_host_faster() {
    let mut settings = settings();
    settings.politeness.delay = Duration::from_millis(200);
    let robots = "User-agent: *\nCrawl-delay: 0.01\n";
    let took = crawl_seeds(settings, robots, &["/1", "/2", "/3", "/4"]).await;
    assert!(took >= Duration::from_millis(600), "{took:?}");
}

#[tokio::test]
async fn the_first_retry_asks_for_robots_txt_again() {
    let asked_robots = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        if asked.path == "/robots.txt" && asked_robots.fetch_add(1, Ordering::SeqCst) == 0 {
            return raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Then::Keep);
        }
        no_robots(asked).unwrap_or_else(|| page(""))
    })
    .await;
    let mut settings = settings();
    settings.retry.backoff = Duration::from_millis(400);
    settings.retry.attempts = 1;
    let outcome = crawl(settings, &server).await;
    let line = &outcome.pages["/"];
    assert_eq!((line.status, line.retries), (Some(200), 1));
}

#[tokio::test]
async fn crawl_delay_and_delay_hold() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = Arc::clone(&times);
    let server = Server::start(move |asked| {
        if asked.path == "/robots.txt" {
            return page("User-agent: *\nCrawl-delay: 0.1\n");
        }
        seen.lock().unwrap().push(Instant::now());
        tree(asked, 6)
    })
    .await;
    let outcome = crawl(settings(), &server).await;
    assert_eq!(outcome.pages.len(), 6);
    let times = times.lock().unwrap();
    for pair in times.windows(2) {
        // The requests were sent with the right distance, but the network may bring two closer together.
        assert!(
            pair[1] - pair[0] > Duration::from_millis(60),
            "{:?}",
            pair[1] - pair[0]
        );
    }
}

#[tokio::test]
async fn a_stop_lets_pages_end_and_a_state_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|asked| no_robots(asked).unwrap_or_else(|| tree(asked, 300))).await;
    let mut settings = settings();
    settings.state.dir = Some(directory.path().join("state"));
    settings.limits.per_host = 2;
    let seeds = [server.url("/").to_string()];
    let mut all = BTreeSet::new();
    let mut times = 0;
    for round in 1.. {
        let setup = Setup::new(settings.clone());
        let crawl = setup.crawl(if round == 1 { &seeds } else { &[] }).unwrap();
        let stop = crawl.stop_token();
        let out = Arc::clone(&setup.out);
        let stopper = tokio::spawn(async move {
            while out.pages.lock().unwrap().len() < 50 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            stop.cancel();
        });
        let figures = crawl.run().await;
        stopper.abort();
        let pages = setup.out.pages.lock().unwrap().clone();
        times += pages.values().map(|line| line.times).sum::<usize>();
        all.extend(pages.into_keys());
        if figures.finish_reason == Some(FinishReason::Done) {
            break;
        }
        assert_eq!(figures.finish_reason, Some(FinishReason::Interrupted));
        assert!(round < 20);
    }
    assert_eq!(
        (all.len(), times),
        (300, 300),
        "each page once over all rounds"
    );
}

#[tokio::test]
async fn pages_that_do_not_end_are_cut_after_the_grace() {
    let server =
        Server::start(|asked| no_robots(asked).unwrap_or_else(|| raw("", Then::Hang))).await;
    let mut settings = settings();
    settings.timeouts.shutdown = Duration::from_millis(50);
    let setup = Setup::new(settings);
    let crawl = setup.crawl(&[server.url("/").to_string()]).unwrap();
    let stop = crawl.stop_token();
    let stopper = async {
        while server.requests.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    let (figures, ()) = tokio::join!(crawl.run(), stopper);
    assert_eq!(figures.finish_reason, Some(FinishReason::Interrupted));
    assert_eq!((figures.failed, figures.in_flight), (0, 0));
    assert!(
        setup.out.pages.lock().unwrap().is_empty(),
        "it comes again when the crawl goes on"
    );
}

/// Hooks that panic on some pages and record their calls.
#[derive(Default)]
struct Notes {
    panics: AtomicUsize,
    finished: AtomicUsize,
    crawls: AtomicUsize,
}

impl Hooks for Notes {
    fn on_finish(&self, _: &Snapshot) {
        self.crawls.fetch_add(1, Ordering::SeqCst);
    }
    fn on_page_finish(&self, _: &Page, _: &PageEnd) {
        self.finished.fetch_add(1, Ordering::SeqCst);
    }
    fn on_page_panic(&self, _: &Page, message: &str) {
        assert_eq!(message, "page 7");
        self.panics.fetch_add(1, Ordering::SeqCst);
    }
}

struct Panics;

impl Out for Panics {
    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a> {
        assert!(report.url.path() != "/7", "page 7");
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_panic_in_one_page_ends_that_page_alone() {
    let server = Server::start(|asked| no_robots(asked).unwrap_or_else(|| tree(asked, 50))).await;
    let hooks = Arc::new(Notes::default());
    let parts = Parts {
        live: Arc::new(LiveSettings::new(settings())),
        secrets: Default::default(),
        hooks: Arc::clone(&hooks) as Arc<dyn Hooks>,
        outs: vec![Arc::new(Panics)],
        stats: Arc::new(Stats::default()),
        files: Default::default(),
    };
    let figures = Crawl::new(parts, &[server.url("/").to_string()])
        .unwrap()
        .run()
        .await;
    assert_eq!(figures.finish_reason, Some(FinishReason::Done));
    assert_eq!((figures.panics, figures.failures["panic"]), (1, 1));
    assert_eq!(hooks.panics.load(Ordering::SeqCst), 1);
    assert_eq!(hooks.crawls.load(Ordering::SeqCst), 1);
    // The links of the page were queued before the panic.
    assert_eq!(hooks.finished.load(Ordering::SeqCst), 50);
}

#[tokio::test]
async fn an_output_that_fails_ends_the_crawl() {
    let server = Server::start(|asked| no_robots(asked).unwrap_or_else(|| tree(asked, 1000))).await;
    let mut setup = Setup::new(settings());
    setup.out = Arc::new(Collected {
        fails: true,
        ..Collected::default()
    });
    let outcome = setup.run(&[server.url("/").to_string()]).await;
    assert_eq!(
        outcome.figures.finish_reason,
        Some(FinishReason::OutputFailed)
    );
}

#[tokio::test]
async fn limits_change_while_it_runs() {
    let now = Arc::new(AtomicUsize::new(0));
    let (at_work, most) = (Arc::clone(&now), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let server = Server::start(move |asked| {
        no_robots(asked).unwrap_or_else(|| {
            let working = at_work.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(working, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            at_work.fetch_sub(1, Ordering::SeqCst);
            tree(asked, 400)
        })
    })
    .await;
    let mut few = settings();
    few.limits.concurrency = 1;
    let live = Arc::new(LiveSettings::new(few.clone()));
    let out = Arc::new(Collected::default());
    let stats = Arc::new(Stats::default());
    let parts = Parts {
        live: Arc::clone(&live),
        secrets: Default::default(),
        hooks: Arc::new(()),
        outs: vec![Arc::clone(&out) as Arc<dyn Out>],
        stats: Arc::clone(&stats),
        files: Default::default(),
    };
    let crawl = Crawl::new(parts, &[server.url("/").to_string()]).unwrap();
    let changer = async {
        while out.pages.lock().unwrap().len() < 50 {
            assert!(stats.workers.get() <= 1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(server.opened(), 1);
        let mut more = few;
        more.limits.concurrency = 8;
        live.swap(more);
    };
    let (figures, ()) = tokio::join!(crawl.run(), changer);
    assert_eq!(figures.pages, 400);
    assert!(server.opened() > 1, "more at once after the change");
    assert!(server.opened() <= 8);
}

#[tokio::test]
async fn a_host_whose_robots_txt_cannot_be_had_is_not_crawled() {
    let asked_pages = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked_pages);
    let server = Server::start(move |asked| {
        if asked.path == "/robots.txt" {
            return raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Then::Keep);
        }
        counter.fetch_add(1, Ordering::SeqCst);
        page("")
    })
    .await;
    let outcome = crawl(settings(), &server).await;
    assert_eq!(asked_pages.load(Ordering::SeqCst), 0);
    let line = &outcome.pages["/"];
    assert_eq!(
        (line.failure, line.retries, line.status),
        (Some("status"), 2, None)
    );
}

#[tokio::test]
async fn seeds_are_checked() {
    for seed in ["", "example.org", "ftp://example.org/", "http://"] {
        let error = Setup::new(settings())
            .crawl(&[seed.to_owned()])
            .err()
            .unwrap();
        assert!(matches!(error, CrawlError::Seed { .. }), "{seed}: {error}");
    }
    assert!(matches!(
        Setup::new(settings()).crawl(&[]).err().unwrap(),
        CrawlError::NoSeeds
    ));
}

#[tokio::test]
async fn the_task_clock_runs_on_over_retries() {
    let server = Server::start(|asked| {
        no_robots(asked)
            .unwrap_or_else(|| raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Then::Keep))
    })
    .await;
    let mut settings = settings();
    settings.retry.attempts = 1000;
    settings.retry.backoff = Duration::from_millis(20);
    settings.timeouts.task = Duration::from_millis(300);
    let outcome = crawl(settings, &server).await;
    let line = &outcome.pages["/"];
    assert_eq!(line.failure, Some("status"));
    assert!(
        (3..=20).contains(&line.retries),
        "{} tries in 300 ms",
        line.retries
    );
}

#[tokio::test]
async fn compressed_pages_are_parsed() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(links(["/a", "/b"]).as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let server = Server::start(move |asked| {
        no_robots(asked).unwrap_or_else(|| {
            assert!(asked.head.contains("accept-encoding: gzip"));
            with("Content-Encoding: gzip\r\n", &body)
        })
    })
    .await;
    let outcome = crawl(settings(), &server).await;
    assert_eq!(outcome.paths(), BTreeSet::from(["/", "/a", "/b"]));
}

#[tokio::test]
async fn answers_that_browsers_take_are_taken() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let text = links(["/leaf"]) + &"<p>text</p>".repeat(500);
    encoder.write_all(text.as_bytes()).unwrap();
    let gzip = encoder.finish().unwrap();
    let server = Server::start(move |asked| {
        no_robots(asked).unwrap_or_else(|| match asked.path {
            "/" => page(links([
                "/space", "/fold", "/line", "/name", "/more", "/cut",
            ])),
            "/space" => with("X-A : b\r\n", links(["/1"])),
            "/fold" => with("X-A: b\r\n c\r\n", links(["/2"])),
            "/line" => with("no header line\r\n", links(["/3"])),
            "/name" => with("Content-Encoding: utf-8\r\n", links(["/4"])),
            "/more" => with("Content-Encoding: gzip\r\n", [&gzip[..], b"11111"].concat()),
            "/cut" => with("Content-Encoding: gzip\r\n", &gzip[..gzip.len() - 12]),
            _ => page(""),
        })
    })
    .await;
    let outcome = crawl(settings(), &server).await;
    for line in outcome.pages.values() {
        assert_eq!((line.status, line.failure), (Some(200), None), "{line:?}");
    }
    let led_to = outcome.paths().split_off("/1");
    let expected = [
        "/1", "/2", "/3", "/4", "/cut", "/fold", "/leaf", "/line", "/more", "/name", "/space",
    ];
    assert_eq!(led_to, BTreeSet::from(expected));
}

#[tokio::test]
async fn an_empty_location_sends_nowhere() {
    let server = Server::start(|asked| {
        let moved = "HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 0\r\n\r\n";
        no_robots(asked).unwrap_or_else(|| raw(moved, Then::Keep))
    })
    .await;
    let outcome = crawl(settings(), &server).await;
    let line = &outcome.pages["/"];
    assert_eq!(
        (line.status, line.failure, line.times),
        (Some(302), None, 1)
    );
    assert_eq!(outcome.figures.requests, 2, "with robots.txt");
}

#[tokio::test]
async fn what_may_not_be_stored_is_asked_for_without_a_condition() {
    let directory = tempfile::tempdir().unwrap();
    let (server, conditions) = unchanging(|asked| match asked.path {
        "/" => with("Cache-Control: no-store, private\r\n", links(["/a"])),
        _ => page(""),
    })
    .await;
    let mut settings = settings();
    settings.cache.dir = Some(directory.path().join("cache"));
    for asked_again in [0, 1] {
        let outcome = crawl(settings.clone(), &server).await;
        assert_eq!(outcome.paths(), BTreeSet::from(["/", "/a"]));
        assert_eq!(conditions.load(Ordering::SeqCst), asked_again);
    }
}

#[tokio::test]
async fn sitemaps_of_robots_txt_lead_to_pages() {
    let server = Server::start(|asked| {
        let base = format!("http://{}", asked.head.split("host: ").nth(1).unwrap().lines().next().unwrap());
        match asked.path {
            "/robots.txt" => page(format!("User-agent: *\nSitemap: {base}/index.xml\n")),
            "/index.xml" => page(format!("<sitemapindex><sitemap><loc>{base}/inner.xml</loc></sitemap></sitemapindex>")),
            "/inner.xml" => page(format!("<urlset><url><loc>{base}/only-here</loc></url><url><loc>http://elsewhere.example/</loc></url></urlset>")),
            _ => page(""),
        }
    })
    .await;
    let mut settings = settings();
    settings.politeness.sitemaps = true;
    let outcome = crawl(settings, &server).await;
    assert_eq!(
        outcome.paths(),
        BTreeSet::from(["/", "/index.xml", "/inner.xml", "/only-here"])
    );
    assert_eq!(outcome.figures.skipped["outside_host"], 1);
}

/// Server of a tree of ten pages, one of which has moved, and of a sitemap.
async fn tree_with_a_sitemap() -> Server {
    Server::start(|asked| {
        no_robots(asked).unwrap_or_else(|| match asked.path {
            "/3" => raw(
                "HTTP/1.1 301 M\r\nLocation: /moved\r\nContent-Length: 0\r\n\r\n",
                Then::Keep,
            ),
            "/9" => page(links(["/sitemap.xml"])),
            "/sitemap.xml" => {
                let host = asked.head.split("host: ").nth(1).unwrap();
                let base = format!("http://{}", host.lines().next().unwrap());
                page(format!(
                    "<urlset><url><loc>{base}/1</loc></url><url><loc>http://x.example/</loc></url></urlset>"
                ))
            }
            _ => tree(asked, 10),
        })
    })
    .await
}

/// Crawls with the outputs that the settings name.
async fn crawl_with_outputs(settings: &Settings, seed: &str) -> Snapshot {
    let outputs = Outputs::open(settings, &Default::default());
    let parts = Parts {
        live: Arc::new(LiveSettings::new(settings.clone())),
        secrets: Default::default(),
        hooks: Arc::new(()),
        outs: vec![Arc::new(outputs.unwrap().unwrap())],
        stats: Arc::new(Stats::default()),
        files: Default::default(),
    };
    let crawl = Crawl::new(parts, &[seed.to_owned()]).unwrap();
    crawl.run().await
}

/// Object of the page with this end of its URL.
fn line<'a>(lines: &'a [serde_json::Value], end: &str) -> &'a serde_json::Value {
    let is_it = |line: &&serde_json::Value| line["url"].as_str().unwrap().ends_with(end);
    lines.iter().find(is_it).unwrap()
}

/// Text of a WARC file.
fn warc_text(path: &Path) -> String {
    let mut text = String::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap());
    std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
    text
}

#[tokio::test]
async fn outputs_hold_every_page() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let server = tree_with_a_sitemap().await;
    let mut settings = settings();
    settings.politeness.sitemaps = true;
    settings.output.jsonl = Some(at("pages.jsonl"));
    settings.output.jsonl_links = true;
    settings.output.warc = Some(at("pages.warc.gz"));
    settings.output.bodies = Some(at("bodies"));
    settings.state.dir = Some(at("state"));
    let figures = crawl_with_outputs(&settings, server.url("/").as_ref()).await;
    let text = std::fs::read_to_string(at("pages.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((lines.len() as u64, figures.pages), (11, 11));
    for line in &lines {
        assert_eq!(line["status"], 200);
        let name = line["body_sha256"].as_str().unwrap();
        let body = std::fs::read(at("bodies").join(&name[..2]).join(name)).unwrap();
        assert_eq!(line["decoded_bytes"], body.len());
        assert!(line["ttfb_ns"].as_u64().unwrap() > 0);
    }
    let root = &lines[0];
    assert_eq!(
        (&root["links"]["found"], &root["links"]["new"]),
        (&5.into(), &3.into())
    );
    assert_eq!(root["link_urls"].as_array().unwrap().len(), 5);
    let moved = line(&lines, "/moved");
    assert!(moved["requested_url"].as_str().unwrap().ends_with("/3"));
    assert_eq!(moved["redirects"][0]["status"], 301);
    let responses = warc_text(&at("pages.warc.gz"))
        .matches("WARC-Type: response")
        .count();
    assert_eq!(responses, 12, "the redirect as well");
    let named = line(&lines, "/sitemap.xml")["link_urls"]
        .as_array()
        .unwrap();
    assert_eq!(named.len(), 2);
    assert_eq!(named[1], "http://x.example/");
}

/// Server that answers for every page of `site` whether it has changed, with a count of the conditional requests.
async fn unchanging(
    site: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let conditions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&conditions);
    let server = Server::start(move |asked| {
        no_robots(asked).unwrap_or_else(|| {
            if asked.head.contains("if-none-match: \"v1\"") {
                counter.fetch_add(1, Ordering::SeqCst);
                return raw(
                    "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n",
                    Then::Keep,
                );
            }
            let Reply { bytes, then } = site(asked);
            let text = String::from_utf8(bytes).unwrap();
            raw(text.replacen("\r\n", "\r\nETag: \"v1\"\r\n", 1), then)
        })
    })
    .await;
    (server, conditions)
}

#[tokio::test]
async fn a_second_crawl_asks_whether_pages_have_changed() {
    let directory = tempfile::tempdir().unwrap();
    let (server, _) = unchanging(|asked| tree(asked, 20)).await;
    let mut settings = settings();
    settings.cache.dir = Some(directory.path().join("cache"));
    for not_modified in [0, 20] {
        let outcome = crawl(settings.clone(), &server).await;
        assert_eq!(
            (outcome.pages.len(), outcome.figures.not_modified),
            (20, not_modified)
        );
        assert_eq!(outcome.figures.finish_reason, Some(FinishReason::Done));
    }
}

#[tokio::test]
async fn a_later_crawl_finds_what_an_earlier_one_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let (server, _) = unchanging(|asked| tree(asked, 13)).await;
    let mut settings = settings();
    settings.cache.dir = Some(directory.path().join("cache"));
    for (depth, excluded, pages, not_modified) in [
        (Some(0), "never", 1, 0),
        (Some(1), "never", 4, 1),
        (None, "never", 13, 4),
        // Under other rules the stored links are not valid, so no request is conditional.
        (None, "/2$", 9, 0),
        (None, "never", 13, 4),
        (None, "never", 13, 13),
    ] {
        settings.crawl.depth = depth;
        set(&mut settings, "scope.exclude", excluded);
        let outcome = crawl(settings.clone(), &server).await;
        assert_eq!(
            (outcome.pages.len(), outcome.figures.not_modified),
            (pages, not_modified),
            "depth {depth:?} without {excluded}"
        );
    }
}

#[tokio::test]
async fn a_sitemap_that_has_not_changed_leads_to_the_same_pages() {
    let directory = tempfile::tempdir().unwrap();
    let (server, conditions) = unchanging(|asked| {
        let host = asked.head.split("host: ").nth(1).unwrap();
        let base = format!("http://{}", host.lines().next().unwrap());
        match asked.path {
            "/sitemap.xml" => page(format!(
                "<sitemapindex><sitemap><loc>{base}/inner.xml</loc></sitemap></sitemapindex>"
            )),
            "/inner.xml" => page(format!(
                "<urlset><url><loc>{base}/only-here</loc></url></urlset>"
            )),
            _ => page(links(["/deeper"])),
        }
    })
    .await;
    let mut settings = settings();
    settings.politeness.sitemaps = true;
    settings.crawl.depth = Some(0);
    settings.cache.dir = Some(directory.path().join("cache"));
    for asked_again in [0, 3] {
        let setup = Setup::new(settings.clone());
        let outcome = setup.run(&[server.url("/sitemap.xml").to_string()]).await;
        assert_eq!(
            outcome.paths(),
            BTreeSet::from(["/sitemap.xml", "/inner.xml", "/only-here"])
        );
        assert_eq!(conditions.load(Ordering::SeqCst), asked_again);
    }
    // The same document read as a page is not the stored sitemap.
    settings.politeness.sitemaps = false;
    let setup = Setup::new(settings);
    setup.run(&[server.url("/sitemap.xml").to_string()]).await;
    assert_eq!(conditions.load(Ordering::SeqCst), 3);
}
