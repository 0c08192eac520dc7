//! Benchmark of the frontier: time of a page with its links, and memory for a million queued URLs.

#![allow(
    clippy::expect_used,
    reason = "a benchmark ends where something is not as it has to be"
)]

use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tracer_crawler::canonical::UrlText;
use tracer_crawler::frontier::{Candidate, DiskOptions, Frontier, Kind, Next, Politeness};
use url::Url;

const URLS: u64 = 1_000_000;
const HOSTS: u64 = 10_000;
const LINKS: u64 = 20;

fn urls(from: u64) -> Vec<Url> {
    let url = |number: u64| {
        format!(
            "https://host{}.example/section/page-{number}.html?view=full",
            number % HOSTS
        )
    };
    (from..from + LINKS)
        .map(|number| Url::parse(&url(number)).expect("a URL"))
        .collect()
}

fn add(frontier: &mut Frontier, urls: &[Url]) {
    let hash_key = frontier.hash_key();
    let candidate = |url| Candidate {
        url: UrlText::from(url),
        fingerprint: hash_key.fingerprint(Url::as_str(url)),
        depth: 1,
        kind: Kind::Page,
    };
    let candidates: Vec<Candidate<'_>> = urls.iter().map(candidate).collect();
    frontier
        .add(
            &candidates,
            Some("https://host.example/the/page/they/were/found/on.html"),
        )
        .expect("add");
}

/// Resident memory of this process in bytes: all of it, and the anonymous part.
fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let field = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("field");
        line.trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .expect("number")
            << 10
    };
    (field("VmRSS:"), field("RssAnon:"))
}

fn open(directory: &std::path::Path) -> Frontier {
    Frontier::open(directory, Politeness::default(), DiskOptions::default()).expect("open")
}

/// Queues and fetches a million URLs once and prints the results. This needs no statistics.
fn a_million(_: &mut Criterion) {
    let directory = tempfile::tempdir().expect("directory");
    let mut frontier = open(directory.path());
    let begin = Instant::now();
    for from in (0..URLS).step_by(LINKS as usize) {
        add(&mut frontier, &urls(from));
    }
    report("queued on disk", begin);
    frontier.snapshot().expect("snapshot");
    report("and durable", begin);
    let begin = Instant::now();
    drop(frontier);
    let mut frontier = open(directory.path());
    report("opened again", begin);
    let begin = Instant::now();
    let mut done = 0;
    while let Next::Page(page) = frontier.next(Instant::now()).expect("next") {
        frontier.done(page.ticket).expect("done");
        done += 1;
    }
    assert_eq!(done, URLS);
    report("handed out and done", begin);
}

fn report(what: &str, begin: Instant) {
    let (all, anonymous) = resident();
    println!(
        "{URLS} URLs of {HOSTS} hosts {what}: {:.1?}; resident {} MiB, {} MiB of them not of files",
        begin.elapsed(),
        all >> 20,
        anonymous >> 20
    );
}

fn pages(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("directory");
    let frontiers = [
        ("memory", Frontier::in_memory(Politeness::default())),
        ("disk", open(directory.path())),
    ];
    for (name, mut frontier) in frontiers {
        let mut from = 0;
        add(&mut frontier, &urls(u64::MAX / 2));
        criterion.bench_function(&format!("{name}: a page, 20 new links"), |bench| {
            let mut next = || {
                from += LINKS;
                urls(from)
            };
            bench.iter_batched(
                &mut next,
                |links| turn(&mut frontier, &links),
                BatchSize::SmallInput,
            );
        });
        let links = urls(0);
        criterion.bench_function(&format!("{name}: a page, 20 links seen before"), |bench| {
            bench.iter(|| turn(&mut frontier, &links));
        });
    }
}

/// Hands out a page, adds its links and reports it as done.
fn turn(frontier: &mut Frontier, links: &[Url]) {
    if let Next::Page(page) = frontier.next(Instant::now()).expect("next") {
        add(frontier, links);
        frontier.done(page.ticket).expect("done");
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = a_million, pages }
criterion_main!(benches);
