//! Crawl with reqwest: a set of seen URLs, a queue, and a number of tasks. Links are found by lol_html, or by the
//! crawler's own parser when the fourth argument is `own-parser`.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hdrhistogram::Histogram;
use lol_html::html_content::Element;
use lol_html::{HtmlRewriter, Settings, element};
use tokio::sync::Notify;
use tracer_crawler::parse::{HtmlParser, ParseOptions};
use tracer_crawler::canonical::Normalizer;
use url::Url;

struct Shared {
    client: reqwest::Client,
    host: String,
    state: Mutex<State>,
    work: Notify,
    has_own_parser: bool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Url>,
    seen: HashSet<String>,
    under_way: usize,
    pages: u64,
    links: u64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let task = peers::Task::from_args();
    let first = Url::parse(&task.url).expect("a URL");
    let clock = peers::Clock::start();
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(task.concurrency)
        .tcp_nodelay(true)
        .user_agent("peers")
        .build()
        .expect("a client");
    let state = State {
        queue: [first.clone()].into(),
        seen: [first.as_str().to_owned()].into(),
        ..State::default()
    };
    let shared = Arc::new(Shared {
        client,
        host: first.host_str().expect("a host").to_owned(),
        state: Mutex::new(state),
        work: Notify::new(),
        has_own_parser: std::env::args().nth(4).as_deref() == Some("own-parser"),
    });
    let workers: Vec<_> = (0..task.concurrency).map(|_| tokio::spawn(work(Arc::clone(&shared)))).collect();
    let mut times = peers::histogram();
    for worker in workers {
        times.add(worker.await.expect("no panic")).expect("the same bounds");
    }
    let state = shared.state.lock().expect("not poisoned");
    clock.report(state.pages, state.links, Some(&times));
}

async fn work(shared: Arc<Shared>) -> Histogram<u64> {
    let mut times = peers::histogram();
    let options = Arc::new(ParseOptions::default());
    let normalizer = Normalizer::default();
    loop {
        let woken = shared.work.notified();
        let next = {
            let mut state = shared.state.lock().expect("not poisoned");
            let next = state.queue.pop_front();
            if next.is_none() && state.under_way == 0 {
                shared.work.notify_waiters();
                return times;
            }
            state.under_way += usize::from(next.is_some());
            next
        };
        let Some(url) = next else {
            woken.await;
            continue;
        };
        let begun = Instant::now();
        let links = page(&shared, &url, &options, &normalizer).await;
        let _ = times.record(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let mut state = shared.state.lock().expect("not poisoned");
        state.under_way -= 1;
        state.pages += 1;
        state.links += links.len() as u64;
        let mut new = 0;
        for link in links {
            if link.host_str() == Some(&shared.host) && state.seen.insert(link.as_str().to_owned()) {
                state.queue.push_back(link);
                new += 1;
            }
        }
        let is_over = state.under_way == 0 && state.queue.is_empty();
        drop(state);
        if is_over {
            shared.work.notify_waiters();
        }
        (0..new).for_each(|_| shared.work.notify_one());
    }
}

async fn page(shared: &Shared, url: &Url, options: &Arc<ParseOptions>, normalizer: &Normalizer) -> Vec<Url> {
    let Ok(mut response) = shared.client.get(url.clone()).send().await else {
        return Vec::new();
    };
    if !shared.has_own_parser {
        return response.bytes().await.map(|body| links(url, &body)).unwrap_or_default();
    }
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let mut parser = HtmlParser::new(Arc::clone(options), content_type);
    while let Ok(Some(chunk)) = response.chunk().await {
        parser.write(&chunk);
    }
    parser.finish(url, normalizer).links.iter().filter_map(|link| link.url.to_url().ok()).collect()
}

/// Links found by lol_html, in UTF-8 and without directives, which is less than the crawler reads.
fn links(url: &Url, body: &[u8]) -> Vec<Url> {
    let (mut links, base) = (Vec::new(), RefCell::new(url.clone()));
    let href = |tag: &Element<'_, '_>| tag.get_attribute("href").unwrap_or_default();
    let settings = Settings::new()
        .with_strict(false)
        .append_element_content_handler(element!("base[href]", |tag| {
            if let Ok(found) = url.join(&href(tag)) {
                *base.borrow_mut() = found;
            }
            Ok(())
        }))
        .append_element_content_handler(element!("a[href], area[href], link[href]", |tag| {
            if let Ok(mut link) = base.borrow().join(&href(tag)) {
                link.set_fragment(None);
                links.push(link);
            }
            Ok(())
        }));
    let mut reader = HtmlRewriter::new(settings, |_: &[u8]| ());
    let read = reader.write(body).and_then(|()| reader.end());
    read.map(|()| links).unwrap_or_default()
}
