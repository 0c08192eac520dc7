//! Rules of a robots.txt for one crawler.
//!
//! Lines are read as Google's parser reads them, since site owners write their files for it: keys by their beginning
//! and with their frequent misspellings, a missing colon, agents with a version or words behind, unknown lines that end no
//! group.

use std::time::Duration;

use url::{Position, Url};

use super::agent;
use super::pattern::{Pattern, canonical_path};

/// Bytes of a line that count; the rest of it is not looked at.
const MAX_LINE_BYTES: usize = 16_663;
/// Memory of a rule or a sitemap's address besides its text, in bytes.
const RULE_BYTES: usize = 96;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The rules, the crawl delay and the sitemaps of one robots.txt, for one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RobotsTxt {
    rules: Vec<Rule>,
    delay: Option<Duration>,
    sitemaps: Vec<Url>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    allows: bool,
    pattern: Pattern,
}

/// The two ways to compare a rule with a URL; what one of them forbids is forbidden.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// Byte by byte.
    AsWritten,
    /// Rule and URL in one spelling of percent-encodings.
    Canonical,
}

impl RobotsTxt {
    /// Reads what a file says to `agent`, the product name without version. Any bytes are a robots.txt.
    pub fn parse(body: &[u8], agent: &str) -> Self {
        let mut parser = Parser::new(agent::product(agent.as_bytes()));
        for (key, value) in lines(body).filter_map(key_and_value) {
            parser.line(key, value);
        }
        parser.finish()
    }

    /// Tells whether a URL of the file's origin may be fetched.
    pub fn allows(&self, url: &Url) -> bool {
        let path = url[Position::BeforePath..Position::AfterQuery].as_bytes();
        if !self.allows_by(Reading::AsWritten, path) {
            return false;
        }
        let spelled = canonical_path(path);
        let is_same =
            *spelled == *path && self.rules.iter().all(|rule| rule.pattern.is_canonical());
        is_same || self.allows_by(Reading::Canonical, &spelled)
    }

    /// The longest pattern that matches decides; where two are as long as each other, the one that allows.
    fn allows_by(&self, reading: Reading, path: &[u8]) -> bool {
        let longest = |allows| {
            let rules = self.rules.iter().filter(move |rule| rule.allows == allows);
            rules.filter_map(|rule| rule.matched(reading, path)).max()
        };
        longest(false) <= longest(true)
    }

    /// Time between two requests, as the file asks for it.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.delay
    }

    /// The sitemaps that the file names, whoever asks.
    pub fn sitemaps(&self) -> &[Url] {
        &self.sitemaps
    }

    /// Memory that it takes, roughly.
    pub(super) fn bytes(&self) -> usize {
        let rules = self
            .rules
            .iter()
            .map(|rule| rule.pattern.bytes() + RULE_BYTES);
        let sitemaps = self
            .sitemaps
            .iter()
            .map(|url| url.as_str().len() + RULE_BYTES);
        rules.chain(sitemaps).sum::<usize>() + RULE_BYTES
    }
}

impl Rule {
    /// The length of the pattern if it matches.
    fn matched(&self, reading: Reading, path: &[u8]) -> Option<usize> {
        let pattern = match reading {
            Reading::AsWritten => self.pattern.as_written(),
            Reading::Canonical => self.pattern.canonical(),
        };
        super::pattern::matches(pattern, path).then_some(pattern.len())
    }
}

/// Crawlers that the lines which follow are for.
#[derive(Debug, Default, Clone, Copy)]
struct For {
    all: bool,
    us: bool,
}

/// Statements for our name, and for all crawlers.
#[derive(Debug, Default)]
struct Said<T> {
    us: T,
    all: T,
}

impl<T> Said<T> {
    /// The place for what a group says; none when the group is for others.
    fn of(&mut self, group: For) -> Option<&mut T> {
        match group {
            For { us: true, .. } => Some(&mut self.us),
            For { all: true, .. } => Some(&mut self.all),
            _ => None,
        }
    }

    fn choose(self, us: bool) -> T {
        if us { self.us } else { self.all }
    }
}

struct Parser<'a> {
    agent: &'a [u8],
    group: For,
    /// The group has rules: the next User-agent line begins another one.
    has_rules: bool,
    /// Agents that a crawl delay is meant for: those named before it. Crawl delays are in no standard and end no group of rules.
    delay_group: For,
    has_delay: bool,
    is_named: bool,
    rules: Said<Vec<Rule>>,
    delay: Said<Option<Duration>>,
    sitemaps: Vec<Url>,
}

impl<'a> Parser<'a> {
    fn new(agent: &'a [u8]) -> Self {
        Self {
            agent,
            group: For::default(),
            has_rules: false,
            delay_group: For::default(),
            has_delay: false,
            is_named: false,
            rules: Said::default(),
            delay: Said::default(),
            sitemaps: Vec::new(),
        }
    }

    fn line(&mut self, key: Key, value: &[u8]) {
        match key {
            Key::UserAgent => self.user_agent(value),
            Key::Allow => self.rule(true, value),
            Key::Disallow => self.rule(false, value),
            Key::CrawlDelay => self.crawl_delay(value),
            Key::Sitemap => self.sitemaps.extend(sitemap(value)),
        }
    }

    fn user_agent(&mut self, value: &[u8]) {
        if std::mem::take(&mut self.has_rules) {
            self.group = For::default();
            self.delay_group = For::default();
        }
        if std::mem::take(&mut self.has_delay) {
            self.delay_group = For::default();
        }
        let is_for_all = matches!(value, [b'*'] | [b'*', b' ' | b'\t' | 0x0B | 0x0C, ..]);
        let product = agent::product(value);
        let is_for_us =
            !is_for_all && !product.is_empty() && product.eq_ignore_ascii_case(self.agent);
        for group in [&mut self.group, &mut self.delay_group] {
            group.all |= is_for_all;
            group.us |= is_for_us;
        }
        self.is_named |= is_for_us;
    }

    fn rule(&mut self, allows: bool, value: &[u8]) {
        if !self.group.all && !self.group.us {
            return;
        }
        self.has_rules = true;
        // An empty one says nothing.
        if value.is_empty() {
            return;
        }
        let pattern = Pattern::new(value);
        // Who allows a directory's index page allows the directory itself.
        let directory = pattern.directory_of_index().filter(|_| allows);
        if let Some(rules) = self.rules.of(self.group) {
            let patterns = directory.into_iter().chain([pattern]);
            rules.extend(patterns.map(|pattern| Rule { allows, pattern }));
        }
    }

    fn crawl_delay(&mut self, value: &[u8]) {
        self.has_delay = true;
        if let (Some(said), Some(delay)) = (self.delay.of(self.delay_group), delay(value)) {
            *said = Some(delay).max(*said);
        }
    }

    fn finish(self) -> RobotsTxt {
        RobotsTxt {
            rules: self.rules.choose(self.is_named),
            delay: self.delay.choose(self.is_named),
            sitemaps: self.sitemaps,
        }
    }
}

/// Seconds, as in `10`, `0.5` and `10 s`.
fn delay(value: &[u8]) -> Option<Duration> {
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let end = value.iter().position(|byte| !is_number(byte));
    let number = std::str::from_utf8(&value[..end.unwrap_or(value.len())]).ok()?;
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}

fn sitemap(value: &[u8]) -> Option<Url> {
    Url::parse(std::str::from_utf8(value).ok()?).ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    UserAgent,
    Allow,
    Disallow,
    Sitemap,
    CrawlDelay,
}

/// Beginnings of keys in lower case, with frequent misspellings.
const KEYS: [(&str, Key); 15] = [
    ("user-agent", Key::UserAgent),
    ("useragent", Key::UserAgent),
    ("user agent", Key::UserAgent),
    ("allow", Key::Allow),
    ("disallow", Key::Disallow),
    ("dissallow", Key::Disallow),
    ("dissalow", Key::Disallow),
    ("disalow", Key::Disallow),
    ("diasllow", Key::Disallow),
    ("disallaw", Key::Disallow),
    ("sitemap", Key::Sitemap),
    ("site-map", Key::Sitemap),
    ("crawl-delay", Key::CrawlDelay),
    ("crawldelay", Key::CrawlDelay),
    ("crawl delay", Key::CrawlDelay),
];

/// Lines without their ends; what is behind a NUL or too long does not count.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mark = BYTE_ORDER_MARK.iter().zip(body);
    let skipped = mark.take_while(|(mark, byte)| mark == byte).count();
    let lines = body[skipped..].split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.map(|line| {
        let line = &line[..line.len().min(MAX_LINE_BYTES)];
        until(line, 0)
    })
}

/// Text before the first `end`, or all of it.
fn until(text: &[u8], end: u8) -> &[u8] {
    &text[..memchr::memchr(end, text).unwrap_or(text.len())]
}

/// White space of ASCII, the vertical tab included.
fn trimmed(mut text: &[u8]) -> &[u8] {
    let is_white = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0B;
    while let [first, rest @ ..] = text
        && is_white(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_white(last)
    {
        text = rest;
    }
    text
}

/// `key: value # comment`; a space does for the colon where there are just two words.
fn key_and_value(line: &[u8]) -> Option<(Key, &[u8])> {
    let line = trimmed(until(line, b'#'));
    let (key, value) = match memchr::memchr(b':', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => two_words(line)?,
    };
    let key = trimmed(key);
    let begins = |name: &str| {
        let begin = key.get(..name.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name.as_bytes()))
    };
    let (_, key) = KEYS.iter().find(|(name, _)| begins(name))?;
    Some((*key, trimmed(value)))
}

fn two_words(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr2(b' ', b'\t', line)?;
    let (key, value) = (&line[..at], &line[at..]);
    let begin = value
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t'))?;
    let value = &value[begin..];
    memchr::memchr2(b' ', b'\t', value)
        .is_none()
        .then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse(&format!("http://h.example{path}")).unwrap()
    }

    #[track_caller]
    fn check(body: &str, path: &str, allowed: bool) {
        let file = RobotsTxt::parse(body.as_bytes(), "tracer");
        assert_eq!(file.allows(&url(path)), allowed, "{path} by\n{body}");
    }

    #[test]
    fn percent_encoded_specials_stand_for_themselves() {
        // RFC 9309 section 2.2.3.
        let body = "User-agent: *\nDisallow: /a%2Ab\nDisallow: /c%24\nDisallow: /d$e\n";
        for path in [
            "/a*b", "/a%2Ab", "/a%2ab", "/c$x", "/c%24x", "/c%24", "/d$e", "/d%24e",
        ] {
            check(body, path, false);
        }
        for path in ["/aXb", "/c", "/ab", "/d"] {
            check(body, path, true);
        }
    }

    #[test]
    fn one_spelling_of_escapes() {
        let body = "User-agent: *\nDisallow: /%7euser\nDisallow: /\u{e4}\nDisallow: /%62az\nDisallow: /?q='a\nDisallow: /x y\n";
        for path in [
            "/~user/", "/%7Euser", "/%C3%A4", "/%c3%a4", "/baz", "/?q=%27a", "/x%20y",
        ] {
            check(body, path, false);
        }
        // An encoded slash is no slash.
        check("User-agent: *\nDisallow: /a/b\n", "/a%2Fb", true);
        // What one of the two readings forbids is forbidden.
        check("User-agent: *\nDisallow: /\nAllow: /%62az\n", "/baz", false);
        check("User-agent: *\nDisallow: /\nAllow: /baz\n", "/baz", true);
    }

    #[test]
    fn delays_are_meant_for_the_agents_before_them() {
        #[track_caller]
        fn check(body: &str, seconds: Option<f64>) {
            let delay = RobotsTxt::parse(body.as_bytes(), "tracer").crawl_delay();
            assert_eq!(delay, seconds.map(Duration::from_secs_f64), "{body}");
        }
        check("User-agent: *\nCrawl-delay: 2.5\n", Some(2.5));
        check("User-agent: *\nDisallow: /a\ncrawldelay 3 # s\n", Some(3.0));
        check(
            "User-agent: *\nCrawl-delay: 2\nCrawl-delay: 7 seconds\n",
            Some(7.0),
        );
        check(
            "User-agent: *\nCrawl-delay: 2\nUser-agent: other\nCrawl-delay: 50\n",
            Some(2.0),
        );
        check(
            "User-agent: other\nCrawl-delay: 50\nUser-agent: *\nDisallow:\n",
            None,
        );
        check(
            "User-agent: other\nUser-agent: *\nCrawl-delay: 4\n",
            Some(4.0),
        );
        check(
            "User-agent: *\nCrawl-delay: 50\nUser-agent: tracer\nCrawl-delay: 1\n",
            Some(1.0),
        );
        check(
            "User-agent: *\nCrawl-delay: 50\nUser-agent: tracer\nDisallow:\n",
            None,
        );
        check("Crawl-delay: 50\n", None);
        for wrong in ["-1", "soon", "", "1.2.3", "9e99"] {
            let given = format!("User-agent: *\nCrawl-delay: {wrong}\n");
            let seconds = (wrong == "9e99").then_some(9.0);
            check(&given, seconds);
        }
    }

    #[test]
    fn sitemaps_belong_to_no_group() {
        let body = "Sitemap: http://s/1\nUser-agent: other\nsite-map: https://s/2#x\nDisallow: /\nSitemap: /relative\n";
        let file = RobotsTxt::parse(body.as_bytes(), "tracer");
        let expected = ["http://s/1", "https://s/2"].map(|text| Url::parse(text).unwrap());
        assert_eq!(file.sitemaps(), expected);
        assert!(file.allows(&url("/")));
    }

    #[test]
    fn an_agent_without_letters_is_one_of_all() {
        let body = b"User-agent: 7\nDisallow: /\nUser-agent: *\nDisallow: /a\n";
        for agent in ["7", ""] {
            let file = RobotsTxt::parse(body, agent);
            assert!(
                !file.allows(&url("/a")) && file.allows(&url("/b")),
                "{agent}"
            );
        }
    }
}
