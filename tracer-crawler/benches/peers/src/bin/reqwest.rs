//! The same work with reqwest: the same parser, a set of seen URLs, a queue, so many tasks.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tracer_crawler::parse::{HtmlParser, ParseOptions};
use tracer_crawler::url::Normalizer;
use url::Url;

struct Shared {
    client: reqwest::Client,
    host: String,
    state: Mutex<State>,
    work: Notify,
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
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let mut parser = HtmlParser::new(Arc::clone(options), content_type);
    while let Ok(Some(chunk)) = response.chunk().await {
        parser.write(&chunk);
    }
    parser.finish(url, normalizer).links.into_iter().map(|link| link.url).collect()
}
