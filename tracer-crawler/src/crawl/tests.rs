use url::Url;

use std::time::{Duration, Instant};

use super::engine::NextStep;
use super::page::{AttemptOutcome, PageAttempt};
use crate::deadline::{Clocks, Task};
use crate::fetch::Exchange;
use crate::frontier::{Next, Page};
use crate::outcome::{Failure, Scarce};
use crate::robots::{FetchRobots, RobotsAnswer};

use super::*;

const SEED: &str = "http://127.0.0.1:9/";

fn engine(settings: &Settings) -> Arc<Engine> {
    let parts = Parts {
        live: Arc::new(LiveSettings::new(settings.clone())),
        secrets: Secrets::default(),
        hooks: Arc::new(()),
        outs: Vec::new(),
        stats: Arc::default(),
        files: Default::default(),
    };
    let crawl = Crawl::new(parts, &[SEED.to_owned()]).unwrap();
    crawl.engine.apply(settings);
    crawl.engine
}

fn first(engine: &Engine) -> Box<Page> {
    match engine.with_frontier(|frontier| engine.next_step(frontier)) {
        Some(NextStep::Page(page)) => page,
        _ => panic!("no page"),
    }
}

#[tokio::test]
async fn what_this_machine_lacks_is_no_try_and_everything_pauses() {
    let mut settings = Settings::default();
    settings.crawl.max_pages = Some(1);
    let engine = engine(&settings);
    assert!(engine.rate.is_free());
    let page = first(&engine);
    let task = Task::start(page.ticket.number(), 0, &Clocks::default());
    let failure = Failure::System {
        scarce: Scarce::Descriptors,
        source: std::io::Error::from_raw_os_error(libc::EMFILE),
    };
    let before = Instant::now();
    let ended = PageAttempt::new(&engine, &page, &task, &settings).failed(Arc::new(failure));
    assert!(matches!(ended, AttemptOutcome::RetryUncounted(_)));
    engine.end(&page, &task, &ended);
    assert!(!engine.rate.is_free());
    engine.rate.pass().await;
    assert!(before.elapsed() >= Duration::from_secs(1), "without a rate");
    let later = Instant::now() + Duration::from_secs(60);
    let again = engine.with_frontier(|frontier| frontier.next_again(later));
    let Some(Next::Page(again)) = again else {
        panic!("{again:?}");
    };
    assert_eq!((again.tries(), again.attempt), (0, 1));
    let resumed = engine.task(&again, &settings);
    assert_eq!(resumed.deadline(), task.deadline(), "its clock runs on");
}

struct Slow;

impl FetchRobots for Slow {
    async fn fetch(&self, _: Url) -> RobotsAnswer {
        RobotsAnswer::Response {
            status: 200,
            body: b"User-agent: *\nCrawl-delay: 30\n".to_vec(),
        }
    }
}

#[tokio::test]
async fn settings_that_change_reach_those_who_keep_them() {
    let mut settings = Settings::default();
    settings.adaptive.rate = true;
    let engine = engine(&settings);
    let url = Url::parse(SEED).unwrap();
    let rules = engine.robots.rules(&url, &Slow).await;
    assert_eq!(rules.crawl_delay(), Some(Duration::from_secs(30)));
    settings.politeness.max_crawl_delay = Duration::from_secs(2);
    engine.apply(&settings);
    assert_eq!(rules.crawl_delay(), Some(Duration::from_secs(2)));

    let busy = Failure::Status {
        status: 503,
        retry_after: None,
    };
    for _ in 0..30 {
        engine.throttle_begin(&settings, &url);
        engine.throttle_end(&settings, &url, &Exchange::default(), Some(&busy));
    }
    let longest = engine.slowest(&url, Duration::ZERO);
    assert_eq!(longest, Duration::from_secs(10), "as `min_rate` has it");
    let words = ["2".to_owned()];
    let min_rate = settings.set("adaptive.min_rate", crate::settings::Given::Text(&words));
    min_rate.unwrap().unwrap();
    engine.throttle_begin(&settings, &url);
    engine.throttle_end(&settings, &url, &Exchange::default(), None);
    let longest = engine.slowest(&url, Duration::ZERO);
    assert_eq!(longest, Duration::from_millis(500));
}
