//! Comparison of the plan with both witnesses: the records of the crawler and the server's log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::links::Counts;
use super::log::Asked;
use super::plan::{Expected, Fate, Plan};

/// Greatest time by which a busy machine shortens the interval between two requests.
const SLACK: Duration = Duration::from_millis(150);
/// Most differences that are shown; there may be thousands.
const TOLD: usize = 40;

/// Record of the crawler, with the parts that the plan knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// URL of the record.
    pub url: String,
    /// Result of the URL.
    pub fate: String,
    /// Whole record.
    pub record: Value,
}

/// Reads the records of a file.
pub fn lines(path: &Path) -> Result<Vec<Line>> {
    let text = std::fs::read_to_string(path)?;
    text.lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            Ok(Line {
                url: record["url"].as_str().context("no url")?.to_owned(),
                fate: fate_of(&record),
                record,
            })
        })
        .collect()
}

fn fate_of(record: &Value) -> String {
    let status = &record["status"];
    let failure = record["failure"]["class"].as_str();
    let skipped = record["skipped"].as_str();
    match (failure, skipped) {
        (Some(class), None) => format!("failed {class} {status}"),
        (None, Some(reason)) => format!("skipped {reason} {status}"),
        (None, None) => format!("fetched {status}"),
        (Some(class), Some(reason)) => format!("both {class} and {reason}"),
    }
}

impl Fate {
    fn to_text(&self) -> Option<String> {
        let status = |status: &Option<u16>| status.map_or("null".to_owned(), |is| is.to_string());
        match self {
            Self::Fetched(status) => Some(format!("fetched {status}")),
            Self::Failed(class, at) => Some(format!("failed {class} {}", status(at))),
            Self::Skipped(reason, at) => Some(format!("skipped {reason} {}", status(at))),
            Self::Silent => None,
        }
    }
}

/// Comparisons of an undisturbed crawl.
impl Plan {
    /// Differences between the records and the plan, as text; at most [`TOLD`] of them.
    pub fn wrong_lines(&self, lines: &[Line]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen: BTreeMap<&str, &Line> = BTreeMap::new();
        for line in lines {
            if seen.insert(&line.url, line).is_some() {
                wrong.push(format!("{}: two records", line.url));
            }
            match self.expected().get(&line.url) {
                None => wrong.push(format!("{}: {}, nobody knows it", line.url, line.fate)),
                Some(expected) => check_line(line, expected, &mut wrong),
            }
        }
        for (url, expected) in self.expected() {
            if let Some(fate) = expected
                .fate
                .to_text()
                .filter(|_| !seen.contains_key(&**url))
            {
                wrong.push(format!("{url}: no record, expected {fate}"));
            }
        }
        told(wrong)
    }

    /// Differences between the server's log and the plan.
    pub fn wrong_requests(&self, log: &HashMap<String, Asked>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (url, asked) in log {
            let Some(expected) = self.expected().get(url) else {
                wrong.push(format!("{url}: asked for, and nobody should"));
                continue;
            };
            if asked.span() + SLACK < expected.least_time {
                wrong.push(format!("{url}: asked again after {:?}", asked.span()));
            }
        }
        for (url, expected) in self.expected() {
            let requests = log.get(url).map_or(0, |asked| asked.requests);
            if !expected.requests.contains(&requests) {
                let range = &expected.requests;
                wrong.push(format!("{url}: {requests} requests, expected {range:?}"));
            }
        }
        self.check_delays(log, &mut wrong);
        told(wrong)
    }

    /// Checks the delays that hosts ask for: on the whole their pages came no faster, and with too long a delay no slower than
    /// the limit.
    fn check_delays(&self, log: &HashMap<String, Asked>, wrong: &mut Vec<String>) {
        for (base, delay) in &self.delays {
            let of_host = |url: &&String| url.starts_with(&format!("{base}/"));
            let times: Vec<_> = log
                .iter()
                .filter(|(url, _)| of_host(url))
                .map(|(_, asked)| asked.first)
                .collect();
            let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
                wrong.push(format!("{base}: never asked"));
                continue;
            };
            let took = *last - *first;
            let least = *delay * u32::try_from(times.len() - 1).unwrap_or(u32::MAX);
            if took + SLACK < least || took > 3 * least {
                wrong.push(format!("{base}: {took:?}, expected {least:?} at least"));
            }
        }
    }
}

impl Plan {
    /// Differences between the plan and the summary in its counts of failures and of skipped URLs.
    pub fn wrong_summary(&self, text: &str) -> Vec<String> {
        let mut failed = BTreeMap::new();
        let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
        let left_out = self.left_out.iter();
        skipped.extend(left_out.map(|(reason, count)| ((*reason).to_owned(), *count)));
        for expected in self.expected().values() {
            match &expected.fate {
                Fate::Failed(class, _) => *failed.entry((*class).to_owned()).or_default() += 1,
                Fate::Skipped(reason, _) => *skipped.entry((*reason).to_owned()).or_default() += 1,
                Fate::Fetched(_) | Fate::Silent => {}
            }
            for (reason, count) in expected.links.iter().flat_map(|links| &links.skipped) {
                *skipped.entry(reason.clone()).or_default() += count;
            }
        }
        let mut wrong = Vec::new();
        for (name, expected) in [("failed", failed), ("skipped", skipped)] {
            let got = parts_of(text, name);
            if got != expected {
                wrong.push(format!("{name}: {got:?}, expected {expected:?}"));
            }
        }
        wrong
    }
}

/// Requests that an undisturbed crawl would not make.
#[derive(Debug)]
pub struct Repeated {
    /// Repeated requests for pages that are requested once.
    pub again: u64,
    /// Wrong and missing requests.
    pub wrong: Vec<String>,
}

/// Comparisons after kills. A page may have been fetched again, so that it has two records, which have to agree.
impl Plan {
    /// Differences between the results of the URLs and the plan.
    pub fn wrong_set(&self, lines: &[Line]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for line in lines {
            let Some(expected) = self.expected().get(&line.url) else {
                wrong.push(format!("{}: {}, nobody knows it", line.url, line.fate));
                continue;
            };
            seen.insert(line.url.as_str());
            let is_right = match expected.fate.to_text() {
                Some(fate) => line.fate == fate,
                // The redirect was requested again, when its target was already in the queue.
                None => line.fate.starts_with("skipped redirect_seen"),
            };
            if !is_right {
                let expected = &expected.fate;
                wrong.push(format!(
                    "{}: {}, expected {expected:?}",
                    line.url, line.fate
                ));
            }
            let counts = expected
                .links
                .as_ref()
                .filter(|links| **links != counts_of(&line.record));
            if let Some(links) = counts {
                let got = counts_of(&line.record);
                wrong.push(format!("{}: {got:?}, expected {links:?}", line.url));
            }
        }
        for (url, expected) in self.expected() {
            if expected.fate != Fate::Silent && !seen.contains(&**url) {
                wrong.push(format!("{url}: lost"));
            }
        }
        told(wrong)
    }

    /// Requests that were repeated.
    pub fn repeated(&self, log: &HashMap<String, Asked>) -> Repeated {
        let mut wrong = Vec::new();
        let mut again = 0;
        for (url, asked) in log {
            match self.expected().get(url) {
                None => wrong.push(format!("{url}: asked for, and nobody should")),
                Some(expected) if *expected.requests.end() == 0 => {
                    wrong.push(format!("{url}: asked for, and nobody should"));
                }
                // Each process requests robots.txt, and begins the tries of a page anew.
                Some(expected) if *expected.requests.end() > 1 || is_robots(url) => {}
                Some(_) => again += u64::from(asked.requests - 1),
            }
        }
        for (url, expected) in self.expected() {
            if *expected.requests.start() > 0 && !log.contains_key(url) {
                wrong.push(format!("{url}: never asked for"));
            }
        }
        Repeated {
            again,
            wrong: told(wrong),
        }
    }
}

/// Tells whether the URL is a robots.txt, or the file that one redirects to.
fn is_robots(url: &str) -> bool {
    url.ends_with("/robots.txt") || url.ends_with("/elsewhere.txt")
}

/// Reads the parts of a line such as `skipped  12 (robots 10, scheme 2)`, without the sum.
fn parts_of(text: &str, name: &str) -> BTreeMap<String, u64> {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    let parts = line.and_then(|line| line.split_once('(')?.1.strip_suffix(')'));
    let pairs = parts.unwrap_or("").split(", ").filter_map(|part| {
        let (name, count) = part.split_once(' ')?;
        Some((name.to_owned(), count.replace(',', "").parse().ok()?))
    });
    pairs.collect()
}

fn check_line(line: &Line, expected: &Expected, wrong: &mut Vec<String>) {
    let (url, record) = (&line.url, &line.record);
    let mut differ = |what: &str, got: String, expected: String| {
        if got != expected {
            wrong.push(format!("{url}: {what} {got}, expected {expected}"));
        }
    };
    let fate = expected.fate.to_text();
    differ("is", line.fate.clone(), fate.unwrap_or("no record".into()));
    if let Some(links) = &expected.links {
        let got = counts_of(record);
        differ("links", format!("{got:?}"), format!("{links:?}"));
        let (new, seen) = (&record["links"]["new"], &record["links"]["seen"]);
        let queued = new.as_u64().unwrap_or(0) + seen.as_u64().unwrap_or(0);
        let left_out: u64 = links.skipped.values().sum();
        if queued > links.found - left_out {
            differ("queued links", queued.to_string(), "fewer".to_owned());
        }
    }
    if let Some(charset) = expected.charset {
        let got = record["charset"].as_str().unwrap_or("none");
        differ("charset", got.to_owned(), charset.to_owned());
    }
    if record["depth"].as_u64() < Some(expected.least_depth.into()) {
        let least = format!("at least {}", expected.least_depth);
        differ("depth", record["depth"].to_string(), least);
    }
    let hops: Vec<(u16, String)> = record["redirects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|hop| {
            let status = hop["status"].as_u64().unwrap_or(0) as u16;
            (status, hop["url"].as_str().unwrap_or("").to_owned())
        })
        .collect();
    let begin = expected.redirects.first().map_or(url, |(_, url)| url);
    let requested = record["requested_url"].as_str().unwrap_or("");
    differ("requested as", requested.to_owned(), begin.clone());
    differ(
        "redirects",
        format!("{hops:?}"),
        format!("{:?}", expected.redirects),
    );
}

fn counts_of(record: &Value) -> Counts {
    let links = &record["links"];
    let skipped = links["skipped"].as_object().into_iter().flatten();
    Counts {
        found: links["found"].as_u64().unwrap_or(0),
        skipped: skipped
            .map(|(reason, count)| (reason.clone(), count.as_u64().unwrap_or(0)))
            .collect(),
    }
}

fn told(mut wrong: Vec<String>) -> Vec<String> {
    let count = wrong.len();
    wrong.sort();
    if count > TOLD {
        wrong.truncate(TOLD);
        wrong.push(format!("… {count} in all"));
    }
    wrong
}
