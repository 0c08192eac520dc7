//! `tracer crawl --trace`: what tracer measured is what the crawler wrote itself and what the origin counted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tracer_export::{Histogram, Phase};
use tracer_testbed::origin::{Options, TlsOptions};
use tracer_tests::check::Differences;
use tracer_tests::compare;
use tracer_tests::export::{Export, shown};
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::process::{Finished, PATIENCE, Process};
use tracer_tests::server::{Testbed, tls_13};

const PAGES: u64 = 20;

/// A crawl.
struct Case {
    profile: &'static str,
    tls: bool,
    keep_alive: bool,
    /// robots.txt is one request more, which has no line of its own.
    robots: bool,
}

/// The crawler's own output.
struct Own {
    pages: Vec<Value>,
    summary: String,
}

impl Own {
    fn read(jsonl: &Path, finished: &Finished) -> Result<Self> {
        let text = std::fs::read_to_string(jsonl)?;
        let pages: Result<_, _> = text.lines().map(serde_json::from_str).collect();
        Ok(Self {
            pages: pages?,
            summary: finished.stderr.clone(),
        })
    }

    fn pages_with(&self, holds: impl Fn(&Value) -> bool) -> u64 {
        self.pages.iter().filter(|page| holds(page)).count() as u64
    }

    /// Number before `word` on a line of the summary, such as `connections  8 opened, …`.
    fn said(&self, line: &str, word: &str) -> Result<u64> {
        let lines = self.summary.lines().map(str::trim);
        let mut values = lines.filter_map(|text| text.strip_prefix(line));
        let value = values.next().context("no such line in the summary")?;
        let number = value.trim().split(word).next().unwrap_or_default();
        number.trim().parse().with_context(|| value.to_owned())
    }

    /// Sum of one of the times of pages, in nanoseconds.
    fn sum(&self, key: &str) -> f64 {
        self.pages
            .iter()
            .filter_map(|page| page[key].as_f64())
            .sum()
    }
}

fn crawl(case: &Case, url: &str, ca: &Path, directory: &Path) -> Result<Finished> {
    let mut command = Command::new(tracer_binary()?);
    command
        .args([
            "crawl",
            "--trace",
            "--profile",
            case.profile,
            "--trace-json",
        ])
        .arg(directory.join("export.json"))
        .arg("--jsonl")
        .arg(directory.join("pages.jsonl"))
        .args(["--max-pages", &PAGES.to_string()])
        .arg(format!("--robots={}", case.robots));
    if case.tls {
        command.arg("--ca-file").arg(ca);
    }
    Process::start(command.arg(url))?.finish_within(2 * PATIENCE)
}

fn origin(case: &Case, ca: &Path) -> Options {
    let tls = TlsOptions {
        ca_file: Some(ca.to_owned()),
        ..tls_13(2)
    };
    Options {
        pages: PAGES,
        keep_alive: case.keep_alive,
        tls: case.tls.then_some(tls),
        ..Options::default()
    }
}

fn check(case: &Case) -> Result<()> {
    require_root()?;
    let directory = tempfile::tempdir()?;
    let ca = directory.path().join("ca.pem");
    let mut testbed = Testbed::new()?;
    let port = testbed.start(origin(case, &ca))?.port();
    let scheme = if case.tls { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{port}/page/0");
    let finished = crawl(case, &url, &ca, directory.path())?;
    let served = testbed.finish().pop().context("no counts")?;
    let export = Export::read(&directory.path().join("export.json"))
        .with_context(|| format!("{finished:?}"))?;
    let own = Own::read(&directory.path().join("pages.jsonl"), &finished)?;
    ensure!(finished.status.success(), "{finished:?}");
    let name = format!(
        "{} tls {} keep-alive {}",
        case.profile, case.tls, case.keep_alive
    );
    let mut differences = Differences::of(name);
    export.compare_losses(&mut differences);
    compare_counts(case, &export, &own, &served, &mut differences)?;
    compare_handshakes(case, &export, &own, &served, &mut differences)?;
    // The kernel sees the first byte before the crawler does: its sum can only be smaller.
    let ttfb = export.phase(Phase::Ttfb).and_then(Histogram::total_ns);
    let ttfb = ttfb.context("no time to first byte")?;
    if !case.robots {
        differences.holds(
            "time to first byte",
            ttfb > 0.0 && ttfb <= own.sum("ttfb_ns"),
        );
    }
    differences.finish(|| format!("{served}\n{}\n{}", own.summary, shown(&export.totals)))
}

/// Requests, connections, reuse.
fn compare_counts(
    case: &Case,
    export: &Export,
    own: &Own,
    served: &Value,
    differences: &mut Differences,
) -> Result<()> {
    let requests = PAGES + u64::from(case.robots);
    differences.equal("lines of the crawler", own.pages.len() as u64, PAGES);
    differences.equal(
        "requests, origin",
        served["requests"].as_u64(),
        Some(requests),
    );
    differences.equal("requests, crawler", own.said("requests", ",")?, requests);
    let connections = served["connections"].as_u64().context("no connections")?;
    differences.equal(
        "connections, crawler",
        own.said("connections", "opened")?,
        connections,
    );
    let reused = own.pages_with(|page| page["connection"]["reuses"].as_u64() > Some(0));
    differences.equal(
        "requests on a used connection",
        reused,
        requests - connections,
    );
    if !case.keep_alive {
        differences.equal("connections", connections, requests);
    }
    // On a busy machine tickets may come so late that they could be the answer; then the first byte is unknown, and said to be.
    let unknown = export.totals.requests.first_unknown.unwrap_or_default();
    differences.holds(
        &format!("of {unknown} connections only is the first byte unknown"),
        unknown == 0 || (case.tls && 4 * unknown <= connections),
    );
    compare!(
        differences,
        export,
        totals.requests.count = requests,
        totals.requests.connections = connections,
        totals.requests.failed = 0,
        Phase::Ttfb.count = requests - unknown,
        Phase::TtfbFirst.count = connections - unknown,
        Phase::TtfbReused.count = reused,
        totals.connections.established = connections,
    );
    Ok(())
}

/// Full and resumed ones; each of the crawler's lines says how its connection began.
fn compare_handshakes(
    case: &Case,
    export: &Export,
    own: &Own,
    served: &Value,
    differences: &mut Differences,
) -> Result<()> {
    let begun = |page: &Value| page["connection"]["reuses"] == 0;
    let tls = |page: &Value| page["connection"]["tls"]["resumed"].as_bool();
    let (full, resumed) = (
        served["tls"]["full"].as_u64(),
        served["tls"]["resumed"].as_u64(),
    );
    compare!(
        differences,
        export,
        totals.tls.full = full.context("no count")?,
        totals.tls.resumed = resumed.context("no count")?,
    );
    if !case.robots {
        let crawler = own.pages_with(|page| begun(page) && tls(page) == Some(false));
        differences.equal("full handshakes, crawler", Some(crawler), full);
        let crawler = own.pages_with(|page| begun(page) && tls(page) == Some(true));
        differences.equal("resumed handshakes, crawler", Some(crawler), resumed);
    }
    if case.tls && !case.keep_alive && case.profile == "tuned" {
        differences.holds("some are resumed", resumed > Some(0));
    }
    Ok(())
}

#[test]
fn in_clear() -> Result<()> {
    for profile in ["default", "tuned"] {
        check(&Case {
            profile,
            tls: false,
            keep_alive: true,
            robots: true,
        })?;
    }
    Ok(())
}

#[test]
fn over_tls() -> Result<()> {
    for profile in ["default", "tuned"] {
        for keep_alive in [true, false] {
            check(&Case {
                profile,
                tls: true,
                keep_alive,
                robots: false,
            })?;
        }
    }
    Ok(())
}
