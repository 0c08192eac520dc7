//! A host that answers with Retry-After is left alone, all its pages.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::certificate;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::net::TcpListener;
use tracer_crawler::crawl::{Crawl, Out, PageReport, Parts, Written};
use tracer_crawler::files::Files;
use tracer_crawler::settings::{LiveSettings, Profile, Settings};
use tracer_crawler::stats::{FinishReason, Snapshot, Stats};

const PAGES: usize = 60;

/// Protocol of the server.
#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    Http1,
    Http2,
}

/// A site whose first page leads to all others, and which is too busy for a while.
struct Busy {
    status: u16,
    /// The pages that it is too busy for.
    about: fn(&str) -> bool,
    /// Time for which it is too busy, from the first request for one of them.
    time: Duration,
    /// Makes the value of Retry-After.
    says: fn(Instant, Duration) -> String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    since: Option<Instant>,
    /// Requests in that time: those answered so, and all others.
    refused: usize,
    others: usize,
}

impl Busy {
    fn new(about: fn(&str) -> bool, time: Duration) -> Self {
        Self {
            status: 429,
            about,
            time,
            says: |_, time| time.as_secs().to_string(),
            state: Mutex::default(),
        }
    }

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let mut state = self.state.lock().unwrap();
        let is_about = (self.about)(path);
        if is_about {
            state.since.get_or_insert_with(Instant::now);
        }
        let is_busy = state.since.is_some_and(|since| since.elapsed() < self.time);
        state.refused += usize::from(is_busy && is_about);
        state.others += usize::from(is_busy && !is_about);
        let answer = Response::builder().header("content-type", "text/html");
        let links = || (0..PAGES).map(|n| format!("<a href=/p{n}>x</a>")).collect();
        let (answer, body): (_, String) = match (path, state.since) {
            (_, Some(since)) if is_busy && is_about => {
                let says = (self.says)(since, self.time);
                (
                    answer.status(self.status).header("retry-after", says),
                    String::new(),
                )
            }
            ("/robots.txt", _) => (answer.status(404), String::new()),
            ("/", _) => (answer, links()),
            _ => (answer, String::new()),
        };
        answer.body(Full::new(Bytes::from(body))).unwrap()
    }

    /// Serves until the test ends; the URL of the first page.
    async fn serve(self: &Arc<Self>, protocol: Protocol) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (config, _) = certificate(&["localhost"]);
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let site = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (site, acceptor) = (Arc::clone(&site), acceptor.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = site.answer(request.uri().path());
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(async move {
                    if protocol == Protocol::Http1 {
                        let server = hyper::server::conn::http1::Builder::new();
                        let _ = server.serve_connection(TokioIo::new(stream), service).await;
                        return;
                    }
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let scheme = ["http", "https"][usize::from(protocol == Protocol::Http2)];
        format!("{scheme}://localhost:{port}/")
    }
}

/// Statuses of pages; 0 where there was no answer.
#[derive(Default)]
struct Statuses(Mutex<BTreeMap<u16, usize>>);

impl Out for Statuses {
    fn page<'a>(&'a self, report: &'a PageReport) -> Written<'a> {
        let status = report.status().unwrap_or(0);
        *self.0.lock().unwrap().entry(status).or_default() += 1;
        Box::pin(std::future::ready(Ok(())))
    }
}

fn settings() -> Settings {
    let mut settings = Settings::of(Profile::Tuned);
    settings.retry.backoff = Duration::from_millis(10);
    settings.adaptive.rate = false;
    settings.limits.per_host = 8;
    settings.http.http2 = true;
    settings.tls.insecure = true;
    settings
}

async fn crawl(
    settings: &Settings,
    site: Busy,
    protocol: Protocol,
) -> (State, BTreeMap<u16, usize>, Snapshot) {
    crawl_from(&[""], settings, site, protocol).await
}

/// Crawls the site from several pages on.
async fn crawl_from(
    paths: &[&str],
    settings: &Settings,
    site: Busy,
    protocol: Protocol,
) -> (State, BTreeMap<u16, usize>, Snapshot) {
    let site = Arc::new(site);
    let statuses = Arc::new(Statuses::default());
    let parts = Parts {
        files: Files::default(),
        live: Arc::new(LiveSettings::new(settings.clone())),
        secrets: Default::default(),
        hooks: Arc::new(()),
        outs: vec![Arc::clone(&statuses) as Arc<dyn Out>],
        stats: Arc::new(Stats::default()),
    };
    let root = site.serve(protocol).await;
    let seeds: Vec<_> = paths.iter().map(|path| format!("{root}{path}")).collect();
    let figures = Crawl::new(parts, &seeds).unwrap().run().await;
    let pages = statuses.0.lock().unwrap().clone();
    let state = std::mem::take(&mut *site.state.lock().unwrap());
    (state, pages, figures)
}

fn is_page(path: &str) -> bool {
    path.starts_with("/p")
}

/// The pages under way when the first of them is refused, and no other.
#[track_caller]
fn assert_few(state: &State, settings: &Settings) {
    let most = settings.limits.per_host as usize;
    assert!(
        (1..=most).contains(&state.refused),
        "{} requests",
        state.refused
    );
    assert_eq!(state.others, 0);
}

#[tokio::test]
async fn a_busy_host_gets_no_further_requests_until_it_wants_them() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for status in [429, 503] {
            let mut site = Busy::new(is_page, Duration::from_secs(1));
            site.status = status;
            let settings = settings();
            let (state, pages, figures) = crawl(&settings, site, protocol).await;
            assert_few(&state, &settings);
            assert_eq!(pages, BTreeMap::from([(200, PAGES + 1)]));
            assert_eq!(figures.finish_reason, Some(FinishReason::Done));
        }
    }
}

#[tokio::test]
async fn the_end_of_a_pause_may_be_a_date() {
    // Whole seconds, and the server is busy for no longer than until then.
    let mut site = Busy::new(is_page, Duration::from_millis(900));
    site.says = |since, _| {
        let begun = OffsetDateTime::from(SystemTime::now() - since.elapsed());
        let form = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        (begun + Duration::from_secs(2)).format(&form).unwrap()
    };
    let settings = settings();
    let (state, pages, _) = crawl(&settings, site, Protocol::Http1).await;
    assert_few(&state, &settings);
    assert_eq!(pages, BTreeMap::from([(200, PAGES + 1)]));
}

#[tokio::test]
async fn a_busy_robots_txt_is_a_busy_host() {
    for status in [429, 503] {
        let mut site = Busy::new(|path| path == "/robots.txt", Duration::from_secs(1));
        site.status = status;
        let mut settings = settings();
        settings.limits.per_host = 2;
        // Those that had no turn yet when the answer came would ask again at once.
        settings.retry.backoff = Duration::ZERO;
        let seeds = ["", "p1", "p2", "p3", "p4", "p5"];
        let (state, pages, _) = crawl_from(&seeds, &settings, site, Protocol::Http1).await;
        assert_eq!((state.refused, state.others), (1, 0));
        assert_eq!(pages, BTreeMap::from([(200, PAGES + 1)]));
    }
}

#[tokio::test]
async fn pages_that_are_not_tried_again_let_the_others_wait_as_well() {
    let mut settings = settings();
    settings.retry.attempts = 0;
    let site = Busy::new(is_page, Duration::from_secs(1));
    let (state, pages, _) = crawl(&settings, site, Protocol::Http1).await;
    assert_few(&state, &settings);
    let failed = state.refused;
    assert_eq!(
        pages,
        BTreeMap::from([(200, PAGES + 1 - failed), (429, failed)])
    );
}

#[tokio::test]
async fn a_pause_is_no_longer_than_the_limit() {
    let mut settings = settings();
    settings.limits.per_host = 10;
    settings.retry.max_retry_after = Duration::from_millis(300);
    let site = Busy::new(is_page, Duration::from_secs(3600));
    let begun = Instant::now();
    let (state, pages, _) = crawl(&settings, site, Protocol::Http1).await;
    // Those that get such an answer fail at once; the host has its pauses all the same.
    assert_eq!(pages, BTreeMap::from([(200, 1), (429, PAGES)]));
    assert_eq!(state.refused, PAGES);
    let pauses = PAGES as u32 / settings.limits.per_host - 1;
    assert!(begun.elapsed() >= settings.retry.max_retry_after * pauses);
}

#[tokio::test]
async fn a_page_that_waits_for_the_rate_is_not_sent_into_a_pause() {
    let mut settings = settings();
    settings.limits.rate = tracer_crawler::settings::PerSecond::new(50.0);
    let site = Busy::new(is_page, Duration::from_secs(1));
    let (state, pages, _) = crawl(&settings, site, Protocol::Http1).await;
    // One is sent every 20 ms, and the answer to the first is there long before the second.
    assert!(state.refused < 8, "{} requests", state.refused);
    assert_eq!(pages, BTreeMap::from([(200, PAGES + 1)]));
}
