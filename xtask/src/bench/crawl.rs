//! `cargo xtask bench crawl`: the crawler beside others that do the same work: all pages of a site on loopback, links found, each page once.
//!
//! In each round every crawler runs once, so that other load of the machine hits all of them. A figure is the median of the rounds.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::table::load_average;
use crate::{arguments, shell, workspace};

const PAGES: u64 = 20_000;
const CONCURRENCY: &str = "64";
const ROUNDS: usize = 5;

/// Folder in which Debian's package golang-golang-x-net-dev puts Go's parser.
const GO_PATH: &str = "/usr/share/gocode";

/// Name, program, and arguments after URL, pages and concurrency.
const CRAWLERS: [(&str, &str, &[&str]); 7] = [
    ("tuned", "tracer", &["tuned"]),
    ("default", "tracer", &["default"]),
    ("reqwest, lol_html", "reqwest", &[]),
    ("reqwest, our parser", "reqwest", &["own-parser"]),
    ("Go net/http, x/net/html", "go-parser", &["parser"]),
    ("Go net/http, text search", "go-peer", &["scan"]),
    ("spider", "spider", &[]),
];

/// Figures of one run.
struct Run {
    pages: u64,
    pages_per_s: f64,
    pages_per_cpu_s: f64,
    p99_ms: Option<f64>,
    connections: u64,
}

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [with_spider] = arguments::flags(args, ["--spider"])?;
    let programs = build(with_spider)?;
    println!(
        "{PAGES} pages, {CONCURRENCY} requests at once, {ROUNDS} rounds, load {:.1} at the start",
        load_average()?
    );
    let crawlers: Vec<_> = CRAWLERS
        .iter()
        .filter(|(name, program, _)| {
            (*name != "spider" || with_spider) && programs.join(program).exists()
        })
        .collect();
    let mut runs: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
    for round in 0..ROUNDS {
        for offset in 0..crawlers.len() {
            let (name, program, more) = crawlers[(round + offset) % crawlers.len()];
            let run = run(&programs, program, more).with_context(|| (*name).to_owned())?;
            runs.entry(name).or_default().push(run);
        }
    }
    table(
        &crawlers.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
        &runs,
    );
    println!("load {:.1} at the end", load_average()?);
    Ok(ExitCode::SUCCESS)
}

/// Builds the crawlers and gives the folder of their programs.
fn build(with_spider: bool) -> Result<PathBuf> {
    let peers = workspace::root().join("tracer-crawler/benches/peers");
    let target = workspace::target_dir().join("peers");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release"]).current_dir(&peers);
    cargo.arg("--target-dir").arg(&target);
    if with_spider {
        cargo.args(["--features", "spider"]);
    }
    shell::run(&mut cargo)?;
    let programs = target.join("release");
    build_go(&peers.join("go"), &programs)?;
    Ok(programs)
}

/// Builds Go's crawlers, if this machine has Go and its parser.
fn build_go(source: &Path, programs: &Path) -> Result<()> {
    if shell::which("go").is_none() {
        eprintln!("bench: go is not installed, its crawlers are left out");
        return Ok(());
    }
    let go = |name: &str| {
        let mut go = Command::new("go");
        go.args(["build", "-o"]).arg(programs.join(name));
        go.current_dir(source);
        go
    };
    shell::run(go("go-peer").arg("."))?;
    if !Path::new(GO_PATH)
        .join("src/golang.org/x/net/html")
        .is_dir()
    {
        eprintln!(
            "bench: Go's parser is not installed (golang-golang-x-net-dev), what uses it is left out"
        );
        return Ok(());
    }
    let mut parser = go("go-parser");
    parser.env("GO111MODULE", "off").env("GOPATH", GO_PATH);
    shell::run(parser.args(["-tags", "xnethtml", "."]))
}

/// Runs one crawler against an origin of its own, so that the counts of connections are those of this run.
fn run(programs: &Path, program: &str, more: &[&str]) -> Result<Run> {
    let mut origin = Command::new(programs.join("origin"))
        .arg(PAGES.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(origin.stdout.take().context("its output")?);
    let mut port = String::new();
    said.read_line(&mut port)?;
    let crawled = Command::new(programs.join(program))
        .arg(format!("http://127.0.0.1:{}/", port.trim()))
        .args([&PAGES.to_string(), CONCURRENCY])
        .args(more)
        .output();
    // The origin ends when its input does.
    drop(origin.stdin.take());
    let mut counts = String::new();
    said.read_to_string(&mut counts)?;
    origin.wait()?;
    let crawled = crawled?;
    ensure!(
        crawled.status.success(),
        "{}",
        String::from_utf8_lossy(&crawled.stderr)
    );
    let text = String::from_utf8_lossy(&crawled.stdout);
    let line: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let counts: Value = serde_json::from_str(&counts)?;
    read(&line, &counts)
}

fn read(line: &Value, counts: &Value) -> Result<Run> {
    let number = |key: &str| {
        line[key]
            .as_f64()
            .with_context(|| format!("no {key} in {line}"))
    };
    let connections = counts["connections"].as_u64().context("connections")?;
    let requests = counts["requests"].as_u64().context("requests")?;
    // The crawler's own count is compared with the origin's.
    if requests < PAGES {
        bail!("{requests} requests for {PAGES} pages");
    }
    Ok(Run {
        pages: requests,
        pages_per_s: PAGES as f64 / number("seconds")?,
        pages_per_cpu_s: PAGES as f64 / number("cpu_seconds")?,
        p99_ms: line["p99_ns"].as_f64().map(|ns| ns / 1e6),
        connections,
    })
}

fn table(names: &[&str], runs: &BTreeMap<&str, Vec<Run>>) {
    println!(
        "| crawler | pages/s | tuned is | pages per CPU second | tuned is | p99 | connections | requests |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let of = |name: &str, figure: fn(&Run) -> f64| median(runs[name].iter().map(figure));
    let (speed, thrift) = (|run: &Run| run.pages_per_s, |run: &Run| run.pages_per_cpu_s);
    for name in names {
        let p99 = median(runs[name].iter().filter_map(|run| run.p99_ms));
        let p99 = if p99.is_nan() {
            "-".to_owned()
        } else {
            format!("{p99:.2} ms")
        };
        println!(
            "| {name} | {:.0} | x{:.2} | {:.0} | x{:.2} | {p99} | {:.0} | {:.0} |",
            of(name, speed),
            of("tuned", speed) / of(name, speed),
            of(name, thrift),
            of("tuned", thrift) / of(name, thrift),
            of(name, |run| run.connections as f64),
            of(name, |run| run.pages as f64),
        );
    }
}

/// Median of the figures; NaN if there are none.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
