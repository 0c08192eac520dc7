//! Plan of the site: the answers and the expected result of every URL.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::answer::{Answer, Manner};
use super::links::{Body, Counts};
use super::sockets::Sockets;

/// Expected result of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Record with this status and no failure.
    Fetched(u16),
    /// Record with this failure, and with the status of the answer if there was one.
    Failed(&'static str, Option<u16>),
    /// Record with the reason why the URL was skipped, and with the status if it was requested.
    Skipped(&'static str, Option<u16>),
    /// No record: robots.txt, and redirects that are part of their target's record.
    Silent,
}

/// Expectations about a URL.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Result of the URL.
    pub fate: Fate,
    /// Number of requests that the server sees.
    pub requests: RangeInclusive<u32>,
    /// Counts of links in the record.
    pub links: Option<Counts>,
    /// Charset in the record.
    pub charset: Option<&'static str>,
    /// Least number of links from the seed.
    pub least_depth: u32,
    /// Redirects that lead to the URL, as in its record.
    pub redirects: Vec<(u16, String)>,
    /// Least time from the first request to the last.
    pub least_time: Duration,
}

impl Expected {
    fn new(fate: Fate, requests: RangeInclusive<u32>) -> Self {
        Self {
            fate,
            requests,
            links: None,
            charset: None,
            least_depth: 0,
            redirects: Vec::new(),
            least_time: Duration::ZERO,
        }
    }
}

/// Function that makes the pages of an endless host.
pub(super) type Endless = fn(&str) -> Option<Answer>;

/// Plan of a site.
#[derive(Debug)]
pub struct Plan {
    clear_port: u16,
    tls_port: u16,
    /// Answers of a URL, one for each request; the last one is repeated.
    pub(super) answers: HashMap<String, Vec<Answer>>,
    /// Endless hosts by `http://host:port`.
    pub(super) endless: HashMap<String, Endless>,
    expected: BTreeMap<String, Expected>,
    homes: Vec<String>,
    names: BTreeSet<String>,
    /// Number of skipped URLs without a record, by reason.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    /// Least time between requests, by host.
    pub(super) delays: BTreeMap<String, Duration>,
}

impl Plan {
    pub(super) fn new(sockets: &Sockets) -> Self {
        let (clear_port, tls_port) = sockets.ports();
        Self {
            clear_port,
            tls_port,
            answers: HashMap::new(),
            endless: HashMap::new(),
            expected: BTreeMap::new(),
            homes: Vec::new(),
            names: BTreeSet::new(),
            left_out: BTreeMap::new(),
            delays: BTreeMap::new(),
        }
    }

    /// Adds a host without TLS and without a robots.txt.
    pub fn host(&mut self, name: &str) -> Host<'_> {
        let host = self.bare_host("http", name, self.clear_port);
        host.robots_answer(Answer::new(404, "nothing here"), 1..=1)
    }

    /// Adds a host with TLS and without a robots.txt.
    pub fn tls_host(&mut self, name: &str) -> Host<'_> {
        let host = self.bare_host("https", name, self.tls_port);
        host.robots_answer(Answer::new(404, "nothing here"), 1..=1)
    }

    /// Adds a host whose robots.txt is not yet set.
    pub(super) fn bare_host(&mut self, scheme: &str, name: &str, port: u16) -> Host<'_> {
        let name = format!("{name}.site.test");
        let base = format!("{scheme}://{name}:{port}");
        self.names.insert(name);
        Host { plan: self, base }
    }

    pub(super) fn clear_port(&self) -> u16 {
        self.clear_port
    }

    pub(super) fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// Adds the page that links to all hosts.
    pub(super) fn close(&mut self) {
        let mut body = Body::new("portal");
        for home in &std::mem::take(&mut self.homes) {
            body.link(home);
        }
        let (html, counts) = body.end();
        self.host("portal").page("/", Answer::html(html), counts);
    }

    /// URL where the crawl begins.
    pub fn seed(&self) -> String {
        format!("http://portal.site.test:{}/", self.clear_port)
    }

    /// Removes a name from those that the DNS server knows.
    pub(super) fn forget_name(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn expected_mut(&mut self, url: &str) -> Option<&mut Expected> {
        self.expected.get_mut(url)
    }

    /// Names that the DNS server knows.
    pub fn names(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }

    /// Expectations by URL.
    pub fn expected(&self) -> &BTreeMap<String, Expected> {
        &self.expected
    }

    /// Number of URLs that are requested.
    pub fn pages(&self) -> usize {
        let is_asked = |expected: &&Expected| *expected.requests.end() > 0;
        self.expected.values().filter(is_asked).count()
    }
}

/// Host of a plan.
pub struct Host<'a> {
    pub(super) plan: &'a mut Plan,
    /// `http://name.site.test:port`
    pub(super) base: String,
}

impl Host<'_> {
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Replaces robots.txt.
    pub(super) fn robots(self, rules: &str) -> Self {
        let answer = Answer::new(200, rules).with("content-type", "text/plain");
        self.robots_answer(answer, 1..=1)
    }

    pub(super) fn robots_answer(mut self, answer: Answer, requests: RangeInclusive<u32>) -> Self {
        self.put("/robots.txt", vec![answer], Fate::Silent, requests);
        self
    }

    /// Makes the portal link to this page.
    pub(super) fn enter(&mut self, path: &str) {
        let url = self.url(path);
        self.plan.homes.push(url);
    }

    /// Adds a URL with its answers and expectations, which the caller may extend.
    pub(super) fn put(
        &mut self,
        path: &str,
        answers: Vec<Answer>,
        fate: Fate,
        requests: RangeInclusive<u32>,
    ) -> &mut Expected {
        let url = self.url(path);
        self.plan.answers.insert(url.clone(), answers);
        let expected = self.plan.expected.entry(url);
        let expected = expected.insert_entry(Expected::new(fate, requests));
        expected.into_mut()
    }

    /// Adds a URL that the endless part of the host answers, or that nobody requests.
    pub(super) fn expect(
        &mut self,
        path: &str,
        fate: Fate,
        requests: RangeInclusive<u32>,
    ) -> &mut Expected {
        let url = self.url(path);
        let expected = self.plan.expected.entry(url);
        let expected = expected.insert_entry(Expected::new(fate, requests));
        expected.into_mut()
    }

    /// Adds a page that is fetched at the first try.
    pub(super) fn page(&mut self, path: &str, answer: Answer, links: Counts) -> &mut Expected {
        let status = answer.status;
        let page = self.put(path, vec![answer], Fate::Fetched(status), 1..=1);
        page.links = Some(links);
        page
    }

    /// Adds a page without links.
    pub(super) fn leaf(&mut self, path: &str) -> &mut Expected {
        let (html, counts) = Body::new(path).end();
        self.page(path, Answer::html(html), counts)
    }

    /// Adds a page that must not be requested.
    pub(super) fn forbidden(&mut self, path: &str, reason: &'static str) -> &mut Expected {
        self.expect(path, Fate::Skipped(reason, None), 0..=0)
    }

    /// Adds a page that fails for good at its first request.
    pub(super) fn fails(&mut self, path: &str, answer: Answer, class: &'static str) {
        let status = match answer.manner {
            Manner::Raw | Manner::Reset | Manner::Close => None,
            _ => Some(answer.status),
        };
        self.put(path, vec![answer], Fate::Failed(class, status), 1..=1);
    }

    /// Adds the front page, which links to these pages.
    pub(super) fn home(&mut self, links: &[&str]) {
        let mut body = Body::new("home");
        for link in links {
            body.link(link);
        }
        let (html, counts) = body.end();
        self.page("/", Answer::html(html), counts);
        self.enter("/");
    }
}
