//! Every URL of the site: what it answers, and what has to become of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::answer::{Answer, Manner};
use super::links::{Body, Counts};
use super::server::Sockets;

/// What has to become of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It has a record with this status and no failure.
    Fetched(u16),
    /// It has a record with this failure, and the status of the answer if there was one.
    Failed(&'static str, Option<u16>),
    /// It has a record that says why it was left out, and the status if it was asked for.
    Skipped(&'static str, Option<u16>),
    /// It has no record: robots.txt, and redirects that their target's record tells of.
    Silent,
}

/// All that is known of a URL beforehand.
#[derive(Debug, Clone)]
pub struct Expected {
    /// What becomes of it.
    pub fate: Fate,
    /// Requests that the server sees.
    pub requests: RangeInclusive<u32>,
    /// Of its record.
    pub links: Option<Counts>,
    /// Of its record.
    pub charset: Option<&'static str>,
    /// At least so many links from the seed.
    pub least_depth: u32,
    /// Redirects that lead to it, of its record.
    pub redirects: Vec<(u16, String)>,
    /// From its first to its last request at least this time.
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

/// Makes pages of a host that has no end.
pub(super) type Endless = fn(&str) -> Option<Answer>;

/// The site.
#[derive(Debug)]
pub struct Plan {
    clear_port: u16,
    tls_port: u16,
    /// Answers of a URL, one request after the other; the last one stays.
    pub(super) answers: HashMap<String, Vec<Answer>>,
    /// By `http://host:port`.
    pub(super) endless: HashMap<String, Endless>,
    expected: BTreeMap<String, Expected>,
    homes: Vec<String>,
    names: BTreeSet<String>,
    /// URLs left out that no record tells of, by reason.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    /// Hosts whose pages have to come with at least this time between them.
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

    /// A host in clear, without a robots.txt.
    pub fn host(&mut self, name: &str) -> Host<'_> {
        let host = self.bare_host("http", name, self.clear_port);
        host.robots_answer(Answer::new(404, "nothing here"), 1..=1)
    }

    /// A host with TLS, without a robots.txt.
    pub fn tls_host(&mut self, name: &str) -> Host<'_> {
        let host = self.bare_host("https", name, self.tls_port);
        host.robots_answer(Answer::new(404, "nothing here"), 1..=1)
    }

    /// A host whose robots.txt is not said yet.
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

    /// The page that links to all hosts.
    pub(super) fn close(&mut self) {
        let mut body = Body::new("portal");
        for home in &std::mem::take(&mut self.homes) {
            body.link(home);
        }
        let (html, counts) = body.end();
        self.host("portal").page("/", Answer::html(html), counts);
    }

    /// Where the crawl begins.
    pub fn seed(&self) -> String {
        format!("http://portal.site.test:{}/", self.clear_port)
    }

    /// The DNS server does not know this name.
    pub(super) fn forget_name(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn expected_mut(&mut self, url: &str) -> Option<&mut Expected> {
        self.expected.get_mut(url)
    }

    /// All names, for the DNS server.
    pub fn names(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }

    /// All that is known beforehand, by URL.
    pub fn expected(&self) -> &BTreeMap<String, Expected> {
        &self.expected
    }

    /// URLs that are asked for.
    pub fn pages(&self) -> usize {
        let is_asked = |expected: &&Expected| *expected.requests.end() > 0;
        self.expected.values().filter(is_asked).count()
    }
}

/// One host of the plan.
pub struct Host<'a> {
    pub(super) plan: &'a mut Plan,
    /// `http://name.site.test:port`
    pub(super) base: String,
}

impl Host<'_> {
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Says again what robots.txt is.
    pub(super) fn robots(self, rules: &str) -> Self {
        let answer = Answer::new(200, rules).with("content-type", "text/plain");
        self.robots_answer(answer, 1..=1)
    }

    pub(super) fn robots_answer(mut self, answer: Answer, requests: RangeInclusive<u32>) -> Self {
        self.put("/robots.txt", vec![answer], Fate::Silent, requests);
        self
    }

    /// The portal links to this page of it.
    pub(super) fn enter(&mut self, path: &str) {
        let url = self.url(path);
        self.plan.homes.push(url);
    }

    /// A URL with all that is known of it; more can be said of what is returned.
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

    /// What the endless part of the host answers, or nobody is asked for.
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

    /// A page that is fetched at once.
    pub(super) fn page(&mut self, path: &str, answer: Answer, links: Counts) -> &mut Expected {
        let status = answer.status;
        let page = self.put(path, vec![answer], Fate::Fetched(status), 1..=1);
        page.links = Some(links);
        page
    }

    /// A page without links.
    pub(super) fn leaf(&mut self, path: &str) -> &mut Expected {
        let (html, counts) = Body::new(path).end();
        self.page(path, Answer::html(html), counts)
    }

    /// A page that is told not to be asked for.
    pub(super) fn forbidden(&mut self, path: &str, reason: &'static str) -> &mut Expected {
        self.expect(path, Fate::Skipped(reason, None), 0..=0)
    }

    /// A page that fails for good at its first request.
    pub(super) fn fails(&mut self, path: &str, answer: Answer, class: &'static str) {
        let status = match answer.manner {
            Manner::Raw | Manner::Reset | Manner::Close => None,
            _ => Some(answer.status),
        };
        self.put(path, vec![answer], Fate::Failed(class, status), 1..=1);
    }

    /// The front page, which links to these.
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
