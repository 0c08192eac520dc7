//! Findings about lookups: no cache, search domains, a slow resolver and a failing one.

use std::net::Ipv6Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_export::Phase;
use tracer_testbed::origin::Options;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::export::Export;
use tracer_tests::faults::{cured, evidence, only, python, thinking, trace};
use tracer_tests::server::Testbed;

/// Resolver with an origin beside it, which all names lead to.
struct Site {
    resolver: DnsServer,
    _testbed: Testbed,
    url: String,
}

impl Site {
    fn start(delay_ms: u64) -> Result<Self> {
        let script = Script {
            delay: Duration::from_millis(delay_ms),
            v6: Some(Ipv6Addr::LOCALHOST),
            ..Script::default()
        };
        let resolver = DnsServer::start("127.0.0.53", script)?;
        let (testbed, port) = resolver.namespace.run(|| {
            let mut testbed = Testbed::new()?;
            let options = Options {
                listen: (Ipv6Addr::UNSPECIFIED, 0).into(),
                ..thinking(0)
            };
            let port = testbed.start(options)?.port();
            Ok((testbed, port))
        })?;
        Ok(Self {
            resolver,
            _testbed: testbed,
            url: format!("http://NAME:{port}/page/0"),
        })
    }

    /// Export of a Python client with these options of its resolver.
    fn trace(&self, name: &str, client: &str, value: &str, options: &str) -> Result<Export> {
        let client = python(&[client, &self.url, value])?;
        let resolving = self.resolver.resolves(client, options)?;
        trace(name, &resolving.client)
    }
}

#[test]
fn a_session_for_each_article_looks_its_name_up_again() -> Result<()> {
    let site = Site::start(10)?;
    let before = site.trace("dns-not-cached", "session_for_each_article", "", "search .")?;
    let log = site.resolver.log();
    let finding = only(&before, "dns-not-cached", "requests/urllib3")?;
    evidence(finding, "lookups", log.len() as f64)?;
    let counts = site.resolver.counts();
    let repeated = counts.datagrams - counts.questions;
    evidence(finding, "repeated_lookups", repeated as f64)?;
    let after = site.trace(
        "healthy_lookups",
        "session_for_all_articles",
        "",
        "search .",
    )?;
    cured(&before, &after, "dns-not-cached", &[Phase::Dns])
}

#[test]
fn search_domains_that_are_tried_first() -> Result<()> {
    let site = Site::start(5)?;
    let search = "search one.nx.test two.nx.test\noptions";
    let id = "dns-slow-or-failing";
    let before = site.trace(
        "dns-slow-or-failing_search",
        "one_page_each",
        "12,0",
        &format!("{search} ndots:5"),
    )?;
    let finding = only(&before, id, "requests/urllib3")?;
    evidence(finding, "lookups", site.resolver.counts().datagrams as f64)?;
    evidence(finding, "nxdomain", 48.0)?;
    let advice = finding
        .advice
        .iter()
        .any(|advice| advice.text.contains("ndots:1"));
    ensure!(advice, "{finding:#?}");
    let after = site.trace(
        "healthy_search",
        "one_page_each",
        "12,0",
        &format!("{search} ndots:1"),
    )?;
    cured(&before, &after, id, &[Phase::Dns, Phase::DnsFailed])
}

#[test]
fn a_slow_resolver() -> Result<()> {
    let site = Site::start(150)?;
    let export = site.trace(
        "dns-slow-or-failing_slow",
        "one_page_each",
        "12,0",
        "search .",
    )?;
    let finding = only(&export, "dns-slow-or-failing", "requests/urllib3")?;
    evidence(finding, "lookup_p50_ns", 150e6)
}

#[test]
fn a_resolver_that_fails() -> Result<()> {
    let site = Site::start(0)?;
    let export = site.trace(
        "dns-slow-or-failing_failing",
        "one_page_each",
        "12,6",
        "search .\noptions attempts:1",
    )?;
    let finding = only(&export, "dns-slow-or-failing", "requests/urllib3")?;
    let log = site.resolver.log();
    let failed = log
        .iter()
        .filter(|asked| asked.name.ends_with(".fail.test"));
    evidence(finding, "servfail", failed.count() as f64)
}
