//! Kills a crawl of a generated site (SIGKILL) at random moments and resumes it, until it has been killed often enough
//! and is complete. Then every existing page has been fetched and no other, and only pages in flight at a kill were
//! fetched twice.
//!
//! A second part removes what is lost when a machine goes down: the end of the journal, and the table of seen URLs.
//! Pages may be fetched again then, but none is lost.

#![allow(
    clippy::expect_used,
    reason = "a test ends where something is not as it has to be"
)]

use std::collections::{HashMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use tracer_crawler::canonical::UrlText;
use tracer_crawler::dedup::HashKey;
use tracer_crawler::frontier::{Candidate, DiskOptions, Frontier, Kind, Next, Page, Politeness};
use url::Url;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const PAGES: u64 = 12_000;
const HOSTS: u64 = 37;
const IN_FLIGHT: usize = 16;
const KILLS: usize = 60;
const CRASHES: usize = 12;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, directory] = args.as_slice()
        && mode == "child"
    {
        crawl(Path::new(directory));
        return ExitCode::SUCCESS;
    }
    // A name on the command line selects tests, as in the standard harness.
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if !filters.is_empty()
        && !filters
            .iter()
            .any(|filter| "kill".contains(filter.as_str()))
    {
        println!("kill: filtered out");
        return ExitCode::SUCCESS;
    }
    let mut random = Random(HashKey::random().0);
    println!("kill: seed {}", random.0);
    kills(&mut random);
    crashes(&mut random);
    beginnings(&mut random);
    // This is the line of the standard harness, for tools that count tests.
    println!("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
    ExitCode::SUCCESS
}

fn url_of(page: u64) -> Url {
    let url = format!("http://h{}.test/{page}", page % HOSTS);
    Url::parse(&url).expect("a URL of the imagined site")
}

/// Links of a page: forward as a tree, so that all pages can be reached, and some at random.
fn links_of(page: u64) -> Vec<Url> {
    let tree = (1..=4).map(|child| page * 4 + child);
    let random = (0..4).map(|number| xxh3_64_with_seed(&page.to_le_bytes(), number) % PAGES);
    tree.chain(random)
        .filter(|page| *page < PAGES)
        .map(url_of)
        .collect()
}

/// Runs one process of the crawl, which continues from the existing state.
fn crawl(directory: &Path) {
    // The memory is tiny, so that data is always under way between memory, journal and database.
    let options = DiskOptions {
        memory_bytes: 128 << 10,
        snapshot_interval: Duration::from_millis(30),
        ..DiskOptions::default()
    };
    let politeness = Politeness {
        per_host: 4,
        ..Politeness::default()
    };
    let mut frontier = Frontier::open(&directory.join("state"), politeness, options).expect("open");
    let mut log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join("fetched"))
        .expect("log");
    let mut random = Random(u64::from(std::process::id()));
    add(&mut frontier, &[url_of(0)]);
    let mut in_flight: VecDeque<Page> = VecDeque::new();
    loop {
        let is_done = match frontier.next(Instant::now()).expect("next") {
            Next::Page(page) => {
                // The line is written by one call, so a kill does not cut it.
                let line = format!("{}\n", page.url);
                log.write_all(line.as_bytes()).expect("log");
                in_flight.push_back(*page);
                false
            }
            Next::Empty => break,
            Next::Busy | Next::Wait(_) => true,
        };
        if is_done || in_flight.len() >= IN_FLIGHT {
            let chosen = random.below(in_flight.len() as u64) as usize;
            let page = in_flight.remove(chosen).expect("something is in flight");
            finish(&mut frontier, page, &mut random);
        }
    }
    frontier.close().expect("close");
}

fn finish(frontier: &mut Frontier, page: Page, random: &mut Random) {
    let number = page.url.path()[1..].parse().expect("number of a page");
    add(frontier, &links_of(number));
    if page.attempt == 0 && random.below(20) == 0 {
        frontier.put_back(page.ticket);
    } else {
        frontier.done(page.ticket).expect("done");
    }
}

fn add(frontier: &mut Frontier, urls: &[Url]) {
    let hash_key = frontier.hash_key();
    let candidate = |url| Candidate {
        url: UrlText::from(url),
        fingerprint: hash_key.fingerprint(Url::as_str(url)),
        depth: 0,
        kind: Kind::Page,
    };
    let candidates: Vec<Candidate<'_>> = urls.iter().map(candidate).collect();
    frontier.add(&candidates, None).expect("add");
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        xxh3_64_with_seed(&self.0.to_le_bytes(), 1) % limit
    }
}

fn start(directory: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("child").arg(directory).stdout(Stdio::null());
    command.spawn().expect("start a crawl")
}

/// Lets the crawl run for a while. Returns true if it was killed, false if it was complete before.
fn run_and_kill(directory: &Path, random: &mut Random) -> bool {
    let mut child = start(directory);
    std::thread::sleep(Duration::from_micros(random.below(120_000)));
    let ended = child.try_wait().expect("wait");
    if let Some(status) = ended {
        assert!(status.success(), "a resumed crawl failed: {status}");
        return false;
    }
    child.kill().expect("kill");
    child.wait().expect("wait");
    true
}

fn run_to_the_end(directory: &Path) {
    let status = start(directory).wait().expect("wait");
    assert!(status.success(), "the last run failed: {status}");
}

/// Number of times each page was fetched; fails if the set of pages is not that of the site.
fn fetched(directory: &Path) -> HashMap<String, u64> {
    let text = fs::read_to_string(directory.join("fetched")).expect("log");
    let mut counts: HashMap<String, u64> = HashMap::new();
    for line in text.lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    for page in 0..PAGES {
        assert!(
            counts.contains_key(url_of(page).as_str()),
            "page {page} was lost"
        );
    }
    assert_eq!(counts.len() as u64, PAGES, "pages that do not exist");
    counts
}

fn kills(random: &mut Random) {
    let (mut kills, mut crawls, mut again) = (0, 0, 0);
    while kills < KILLS {
        let directory = tempfile::tempdir().expect("directory");
        let mut here = 0;
        while kills + here < KILLS && run_and_kill(directory.path(), random) {
            here += 1;
        }
        run_to_the_end(directory.path());
        let fetches: u64 = fetched(directory.path()).values().sum();
        // Pages that were put back are logged twice by design, so they have a bound of their own: a few in a hundred.
        let put_back = PAGES / 20 + PAGES / 50;
        let allowed = (here * IN_FLIGHT) as u64 + put_back;
        assert!(
            fetches - PAGES <= allowed,
            "{} fetched again after {here} kills",
            fetches - PAGES
        );
        (kills, crawls, again) = (kills + here, crawls + 1, again + fetches - PAGES);
    }
    println!(
        "kill: {kills} kills in {crawls} crawls of {PAGES} pages, {again} fetched again, none lost"
    );
}

/// Kills the process while it makes its files, and checks that the remains can be opened.
fn beginnings(random: &mut Random) {
    for _ in 0..KILLS / 2 {
        let directory = tempfile::tempdir().expect("directory");
        let mut child = start(directory.path());
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        child.kill().expect("kill");
        child.wait().expect("wait");
        let state = directory.path().join("state");
        Frontier::open(&state, Politeness::default(), DiskOptions::default())
            .expect("open after a kill");
    }
}

fn crashes(random: &mut Random) {
    let directory = tempfile::tempdir().expect("directory");
    let mut crashes = 0;
    while crashes < CRASHES && run_and_kill(directory.path(), random) {
        tear(&directory.path().join("state"), random);
        crashes += 1;
    }
    run_to_the_end(directory.path());
    let fetches: u64 = fetched(directory.path()).values().sum();
    println!(
        "kill: {crashes} crashes with torn files, {} fetched again, none lost",
        fetches - PAGES
    );
}

/// Cuts the end off the newest journal, and removes or damages the table of seen URLs.
fn tear(state: &Path, random: &mut Random) {
    let Ok(entries) = fs::read_dir(state) else {
        return;
    };
    let number = |path: &PathBuf| {
        path.extension()
            .and_then(|number| number.to_str()?.parse::<u64>().ok())
    };
    let journals = entries
        .map(|entry| entry.expect("entry").path())
        .filter(|path| number(path).is_some());
    if let Some(newest) = journals.max_by_key(number) {
        let file = OpenOptions::new()
            .write(true)
            .open(newest)
            .expect("journal");
        let length = file.metadata().expect("length").len();
        file.set_len(length - random.below(length + 1))
            .expect("cut");
    }
    let table = state.join("seen.dedup");
    if table.exists() {
        let file = OpenOptions::new().write(true).open(&table).expect("table");
        file.set_len(random.below(8192)).expect("cut");
    }
}
