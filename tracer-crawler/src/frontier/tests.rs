use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn add_at(frontier: &mut Frontier, depth: u32, urls: &[&str]) -> Added {
    let urls: Vec<Url> = urls.iter().map(|text| url(text)).collect();
    let hash_key = frontier.hash_key();
    let candidates: Vec<Candidate<'_>> = urls
        .iter()
        .map(|url| Candidate {
            url: url.into(),
            fingerprint: hash_key.fingerprint(url.as_str()),
            depth,
            kind: Kind::Page,
        })
        .collect();
    frontier.add(&candidates, Some("http://referrer/")).unwrap()
}

fn add(frontier: &mut Frontier, urls: &[&str]) -> Added {
    add_at(frontier, 0, urls)
}

fn small() -> DiskOptions {
    DiskOptions {
        memory_bytes: 64 << 10,
        snapshot_interval: Duration::from_secs(3600),
        ..DiskOptions::default()
    }
}

/// Runs a test in memory and on disk.
fn both(politeness: Politeness, test: impl Fn(Frontier)) {
    test(Frontier::in_memory(politeness));
    let dir = tempfile::tempdir().unwrap();
    test(Frontier::open(dir.path(), politeness, small()).unwrap());
}

fn next(frontier: &mut Frontier, now: Instant) -> Page {
    match frontier.next(now).unwrap() {
        Next::Page(page) => *page,
        other => panic!("expected a page, got {other:?}"),
    }
}

/// All pages in the order they come, each done at once.
fn drain(frontier: &mut Frontier) -> Vec<String> {
    let mut urls = Vec::new();
    loop {
        match frontier.next(Instant::now()).unwrap() {
            Next::Page(page) => {
                frontier.done(page.ticket).unwrap();
                urls.push(page.url.to_string());
            }
            Next::Empty => return urls,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn new_once_and_in_turn() {
    both(Politeness::default(), |mut frontier| {
        let added = add(
            &mut frontier,
            &["http://a/1", "http://a/2", "http://b/1", "http://a/1"],
        );
        assert_eq!(
            added,
            Added {
                new: 3,
                seen: 1,
                host_full: 0
            }
        );
        assert_eq!(
            add(&mut frontier, &["http://a/2"]),
            Added {
                seen: 1,
                ..Added::default()
            }
        );
        let page = next(&mut frontier, Instant::now());
        assert_eq!(
            (page.url.as_str(), page.depth, page.attempt),
            ("http://a/1", 0, 0)
        );
        assert_eq!(page.referrer.as_deref(), Some("http://referrer/"));
        frontier.done(page.ticket).unwrap();
        assert_eq!(drain(&mut frontier), ["http://b/1", "http://a/2"]);
        let figures = frontier.figures();
        assert_eq!(
            (figures.done, figures.seen, figures.hosts, figures.queued),
            (3, 3, 2, 0)
        );
        frontier.close().unwrap();
    });
}

#[test]
fn a_host_has_its_limit() {
    both(
        Politeness {
            per_host: 2,
            ..Politeness::default()
        },
        |mut frontier| {
            add(
                &mut frontier,
                &["http://a/1", "http://a/2", "http://a/3", "https://a/1"],
            );
            let now = Instant::now();
            let pages: Vec<Page> = (0..3).map(|_| next(&mut frontier, now)).collect();
            assert_eq!(
                pages
                    .iter()
                    .map(|page| page.url.as_str())
                    .collect::<Vec<_>>(),
                ["http://a/1", "https://a/1", "http://a/2"]
            );
            assert!(matches!(frontier.next(now).unwrap(), Next::Busy));
            frontier.done(pages[0].ticket).unwrap();
            assert_eq!(next(&mut frontier, now).url.as_str(), "http://a/3");
            assert!(matches!(frontier.next(now).unwrap(), Next::Busy));
            add(&mut frontier, &["http://a/4", "http://a/5"]);
            frontier.set_politeness(Politeness {
                per_host: 9,
                ..Politeness::default()
            });
            assert_eq!(next(&mut frontier, now).url.as_str(), "http://a/4");
        },
    );
}

#[test]
fn delays_and_holds() {
    let delay = Duration::from_secs(10);
    both(
        Politeness {
            delay,
            ..Politeness::default()
        },
        |mut frontier| {
            add(
                &mut frontier,
                &["http://a/1", "http://a/2", "http://a/3", "http://b/1"],
            );
            let start = Instant::now();
            next(&mut frontier, start);
            next(&mut frontier, start);
            assert!(
                matches!(frontier.next(start).unwrap(), Next::Wait(time) if time == start + delay)
            );
            assert_eq!(
                next(&mut frontier, start + delay).url.as_str(),
                "http://a/2"
            );
            frontier.set_host_delay(&url("http://a/"), Some(Duration::from_secs(60)));
            frontier.hold_host(&url("http://a/"), start + delay * 3);
            assert!(
                matches!(frontier.next(start + delay * 2).unwrap(), Next::Wait(time) if time == start + delay * 3)
            );
            next(&mut frontier, start + delay * 3);
            assert!(matches!(
                frontier.next(start + delay * 3).unwrap(),
                Next::Busy
            ));
            add(&mut frontier, &["http://a/4"]);
            assert!(
                matches!(frontier.next(start + delay * 4).unwrap(), Next::Wait(time) if time == start + delay * 9)
            );
        },
    );
}

#[test]
fn retries_come_again_with_their_number() {
    both(Politeness::default(), |mut frontier| {
        add(&mut frontier, &["http://a/1"]);
        let start = Instant::now();
        let at = start + Duration::from_secs(5);
        let page = next(&mut frontier, start);
        frontier.retry(page.ticket, at);
        assert!(matches!(frontier.next(start).unwrap(), Next::Wait(time) if time == at));
        assert_eq!(frontier.figures().queued, 1);
        let again = next(&mut frontier, at);
        assert_eq!(
            (again.ticket, again.attempt, again.url.as_str()),
            (page.ticket, 1, "http://a/1")
        );
        frontier.put_back(again.ticket);
        let again = next(&mut frontier, at);
        assert_eq!(again.attempt, 1);
        frontier.done(again.ticket).unwrap();
        frontier.done(again.ticket).unwrap();
        assert_eq!(frontier.figures().done, 1, "done twice is done once");
        assert!(matches!(frontier.next(at).unwrap(), Next::Empty));
    });
}

#[test]
fn the_longer_delay_counts() {
    let politeness = |seconds| Politeness {
        delay: Duration::from_secs(seconds),
        ..Politeness::default()
    };
    both(politeness(10), |mut frontier| {
        add(&mut frontier, &["http://a/1", "http://a/2", "http://a/3"]);
        frontier.set_host_delay(&url("http://a/"), Some(Duration::from_secs(1)));
        let start = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(next(&mut frontier, start).delay, second * 10);
        let waits = |frontier: &mut Frontier, now| match frontier.next(now).unwrap() {
            Next::Wait(time) => time,
            other => panic!("{other:?}"),
        };
        assert_eq!(waits(&mut frontier, start), start + second * 10);
        frontier.set_politeness(politeness(60));
        next(&mut frontier, start + second * 10);
        let now = start + second * 10;
        assert_eq!(waits(&mut frontier, now), now + second * 60);
    });
}

#[test]
fn only_those_handed_out_before() {
    let politeness = Politeness {
        per_host: 2,
        ..Politeness::default()
    };
    both(politeness, |mut frontier| {
        add(
            &mut frontier,
            &["http://a/1", "http://a/2", "http://a/3", "http://b/1"],
        );
        let start = Instant::now();
        let at = start + Duration::from_secs(5);
        let pages: Vec<Page> = (0..3).map(|_| next(&mut frontier, start)).collect();
        let next_again = |frontier: &mut Frontier, now| frontier.next_again(now).unwrap();
        assert!(matches!(next_again(&mut frontier, start), Next::Busy));
        frontier.retry(pages[0].ticket, at);
        frontier.postpone(pages[1].ticket, at);
        assert!(matches!(next_again(&mut frontier, start), Next::Wait(time) if time == at));
        // One page is back in its queue, and its host is held.
        frontier.put_back(pages[2].ticket);
        frontier.hold_host(&url("http://b/"), at);
        let mut found = Vec::new();
        while let Next::Page(page) = next_again(&mut frontier, at) {
            found.push((page.url.to_string(), page.attempt, page.tries()));
            frontier.done(page.ticket).unwrap();
        }
        found.sort();
        let expected = [("http://a/1", 1, 1), ("http://b/1", 1, 0)];
        assert_eq!(found, expected.map(|(url, a, b)| (url.to_owned(), a, b)));
        assert!(matches!(next_again(&mut frontier, at), Next::Empty));
        assert_eq!(drain(&mut frontier), ["http://a/2", "http://a/3"]);
    });
}

#[test]
fn one_that_comes_again_keeps_to_its_hosts_limits() {
    let politeness = Politeness {
        per_host: 1,
        delay: Duration::from_secs(9),
        ..Politeness::default()
    };
    both(politeness, |mut frontier| {
        add(&mut frontier, &["http://a/1", "http://a/2"]);
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let page = next(&mut frontier, start);
        frontier.retry(page.ticket, start + second);
        let other = next(&mut frontier, start + second * 9);
        assert_eq!(other.attempt, 1, "the one of before comes first");
        frontier.retry(other.ticket, start + second * 10);
        let again = |frontier: &mut Frontier, seconds| {
            frontier.next_again(start + second * seconds).unwrap()
        };
        assert!(
            matches!(again(&mut frontier, 11), Next::Wait(time) if time == start + second * 18)
        );
        let third = next(&mut frontier, start + second * 18);
        assert_eq!(third.attempt, 2);
        frontier.put_back(third.ticket);
        assert!(
            matches!(again(&mut frontier, 18), Next::Wait(time) if time == start + second * 27)
        );
        assert!(matches!(again(&mut frontier, 27), Next::Page(_)));
        assert!(matches!(
            frontier.next(start + second * 99).unwrap(),
            Next::Busy
        ));
    });
}

#[test]
fn the_interval_of_snapshots_changes_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
    add(&mut frontier, &["http://a/1"]);
    let journals = || -> BTreeSet<String> {
        let names = std::fs::read_dir(dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("journal.")).collect()
    };
    let (before, later) = (journals(), Instant::now() + Duration::from_secs(10));
    next(&mut frontier, later);
    assert_eq!(journals(), before);
    frontier.set_snapshot_interval(Duration::from_secs(1));
    frontier.next(later).unwrap();
    assert_ne!(journals(), before, "a new journal is begun");
}

#[test]
fn many_retries_keep_their_text_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut frontier = Frontier::open(
        dir.path(),
        Politeness {
            per_host: 100_000,
            ..Politeness::default()
        },
        small(),
    )
    .unwrap();
    let urls: Vec<String> = (0..20_000)
        .map(|number| format!("http://a/{number}"))
        .collect();
    add(
        &mut frontier,
        &urls.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let start = Instant::now();
    let tickets: Vec<Ticket> = urls
        .iter()
        .map(|_| next(&mut frontier, start).ticket)
        .collect();
    for ticket in tickets {
        frontier.retry(ticket, start + Duration::from_secs(1));
    }
    let mut found: Vec<String> = urls
        .iter()
        .map(|_| {
            next(&mut frontier, start + Duration::from_secs(1))
                .url
                .to_string()
        })
        .collect();
    found.sort();
    let mut expected = urls.clone();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_host_takes_only_so_many_pages() {
    both(
        Politeness {
            max_pages_per_host: Some(2),
            ..Politeness::default()
        },
        |mut frontier| {
            let added = add(
                &mut frontier,
                &["http://a/1", "http://a/2", "http://a/3", "http://b/1"],
            );
            assert_eq!(
                added,
                Added {
                    new: 3,
                    seen: 0,
                    host_full: 1
                }
            );
            assert_eq!(add(&mut frontier, &["http://a/3"]).seen, 1);
        },
    );
}

#[test]
fn upcoming_hosts_in_order() {
    both(
        Politeness {
            delay: Duration::from_secs(9),
            ..Politeness::default()
        },
        |mut frontier| {
            add(
                &mut frontier,
                &["http://a/1", "http://a/2", "https://b/1", "http://c:81/1"],
            );
            next(&mut frontier, Instant::now());
            let hosts = frontier.upcoming_hosts(2);
            assert_eq!(
                hosts.iter().map(|host| &**host).collect::<Vec<_>>(),
                ["b:443", "c:81"]
            );
            assert_eq!(frontier.upcoming_hosts(9).len(), 3);
        },
    );
}

#[test]
fn a_long_queue_goes_over_the_disk_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
    let urls: Vec<String> = (0..5_000)
        .map(|number| format!("http://h{}/{number}", number % 7))
        .collect();
    for page in urls.chunks(10) {
        add(
            &mut frontier,
            &page.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
    let drained = drain(&mut frontier);
    assert_eq!(
        drained, urls,
        "round robin over hosts of equal length is the order of adding"
    );
    frontier.close().unwrap();
}

#[test]
fn one_crawl_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let _frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
    let second = Frontier::open(dir.path(), Politeness::default(), small());
    assert!(matches!(second.err(), Some(FrontierError::InUse { .. })));
}

/// Model of what a reopened frontier has to hold: everything that was added and not done.
struct Model {
    seen: BTreeSet<String>,
    open: BTreeSet<String>,
}

#[test]
fn reopened_after_close_or_drop() {
    for close in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut model = Model {
            seen: BTreeSet::new(),
            open: BTreeSet::new(),
        };
        for round in 0..6 {
            let mut frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
            assert_eq!(
                frontier.figures().queued,
                model.open.len() as u64,
                "round {round}"
            );
            assert_eq!(
                frontier.figures().seen,
                model.seen.len() as u64,
                "round {round}"
            );
            let urls: Vec<String> = (0..1_000)
                .map(|number| format!("http://h{}/{}", number % 13, number + round * 500))
                .collect();
            for page in urls.chunks(25) {
                add(
                    &mut frontier,
                    &page.iter().map(String::as_str).collect::<Vec<_>>(),
                );
            }
            model.open.extend(
                urls.iter()
                    .filter(|url| !model.seen.contains(*url))
                    .cloned(),
            );
            model.seen.extend(urls);
            for count in 0..600 {
                let page = next(&mut frontier, Instant::now());
                assert!(model.open.contains(page.url.as_str()));
                // Every tenth page stays in flight.
                if count % 10 != 0 {
                    frontier.done(page.ticket).unwrap();
                    model.open.remove(page.url.as_str());
                }
            }
            if close {
                frontier.close().unwrap();
            }
        }
        let mut frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
        let rest: BTreeSet<String> = drain(&mut frontier).into_iter().collect();
        assert_eq!(rest, model.open);
        assert_eq!(frontier.figures().done, model.seen.len() as u64);
    }
}

#[test]
fn a_lost_table_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
    let urls: Vec<String> = (0..3_000)
        .map(|number| format!("http://h/{number}"))
        .collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    add(&mut frontier, &urls[..2_000]);
    frontier.snapshot().unwrap();
    add(&mut frontier, &urls[2_000..]);
    drop(frontier);
    for damage in [0, 1] {
        let path = dir.path().join("seen.dedup");
        match damage {
            0 => std::fs::remove_file(&path).unwrap(),
            _ => std::fs::write(&path, b"damaged").unwrap(),
        }
        let mut frontier = Frontier::open(dir.path(), Politeness::default(), small()).unwrap();
        assert_eq!(
            add(&mut frontier, &urls),
            Added {
                seen: 3_000,
                ..Added::default()
            }
        );
        assert_eq!(frontier.figures().queued, 3_000);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add(Vec<u8>),
    Take,
    Done(usize),
    Retry(usize),
    PutBack(usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Step::Add),
        6 => Just(Step::Take),
        4 => any::<usize>().prop_map(Step::Done),
        1 => any::<usize>().prop_map(Step::Retry),
        1 => any::<usize>().prop_map(Step::PutBack),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..80)
}

fn name(number: u8) -> String {
    format!("http://h{}/{number}", number % 5)
}

/// Takes the page at this index out of the pages in flight.
fn pick(in_flight: &mut VecDeque<Page>, index: usize) -> Option<Page> {
    let length = in_flight.len();
    if length == 0 {
        None
    } else {
        in_flight.remove(index % length)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn like_a_set_of_open_pages(steps in steps(), on_disk: bool) {
        let dir = tempfile::tempdir().unwrap();
        let options = DiskOptions { memory_bytes: 4096, ..small() };
        let open = || if on_disk {
            Frontier::open(dir.path(), Politeness::default(), options.clone()).unwrap()
        } else {
            Frontier::in_memory(Politeness::default())
        };
        let mut frontier = Some(open());
        let mut model = Model { seen: BTreeSet::new(), open: BTreeSet::new() };
        let mut in_flight = VecDeque::new();
        let now = Instant::now();
        for step in steps {
            let live = frontier.as_mut().unwrap();
            match step {
                Step::Add(numbers) => {
                    let names: Vec<String> = numbers.iter().map(|number| name(*number)).collect();
                    let new = names.iter().filter(|name| model.seen.insert((*name).clone())).inspect(|name| { model.open.insert((*name).clone()); }).count();
                    let added = add(live, &names.iter().map(String::as_str).collect::<Vec<_>>());
                    prop_assert_eq!(added.new, new as u64);
                }
                Step::Take => if let Next::Page(page) = live.next(now).unwrap() {
                    prop_assert!(model.open.contains(page.url.as_str()));
                    prop_assert!(in_flight.iter().all(|other: &Page| other.url != page.url), "handed out twice");
                    in_flight.push_back(*page);
                },
                Step::Done(index) => if let Some(page) = pick(&mut in_flight, index) {
                    live.done(page.ticket).unwrap();
                    model.open.remove(page.url.as_str());
                },
                Step::Retry(index) => if let Some(page) = pick(&mut in_flight, index) { live.retry(page.ticket, now) },
                Step::PutBack(index) => if let Some(page) = pick(&mut in_flight, index) { live.put_back(page.ticket) },
                Step::Reopen => if on_disk {
                    drop(frontier.take());
                    frontier = Some(open());
                    in_flight.clear();
                },
            }
            let figures = frontier.as_ref().unwrap().figures();
            prop_assert_eq!(figures.queued + figures.in_flight, model.open.len() as u64);
        }
        let mut frontier = frontier.unwrap();
        for page in in_flight {
            frontier.put_back(page.ticket);
        }
        let rest: BTreeSet<String> = drain(&mut frontier).into_iter().collect();
        prop_assert_eq!(rest, model.open);
    }
}
