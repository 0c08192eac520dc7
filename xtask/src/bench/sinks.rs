//! `cargo xtask bench sinks`: the processor time of tracing 10,000 hosts with all sinks and without any, in turn, and the
//! time of a scrape.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::load::{self, Server};
use super::observer::{Observer, Report, Watch};
use super::outputs::{COLLECTOR, HOSTS, METRICS};
use crate::{arguments, build, setup, shell, workspace};

/// Connections a second. Each gives four records: opened, established, request, closed.
const CONNECTIONS_PER_S: u32 = 2_500;
const THREADS: u32 = 2;
/// Length of a run, and number of runs of each kind.
const RUN: Duration = Duration::from_secs(45);
const ROUNDS: usize = 3;
/// Default of Prometheus' `scrape_interval` is a minute; most dashboards use 15 s.
const SCRAPE_EVERY: Duration = Duration::from_secs(15);

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let [] = arguments::flags(args, [])?;
    if !shell::is_root() {
        bail!("attaching programs and making a network namespace need root");
    }
    setup::for_bench()?;
    build::build(&setup::for_build()?)?;
    let home = workspace::target_dir().join("bench");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    load::enter_own_namespaces()?;
    let server = Server::start(&home)?;
    let collector = Collector::start()?;
    let (mut bare, mut full) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(run(Observer::Hosts, &home, None)?);
        full.push(run(Observer::Sinks, &home, Some(SCRAPE_EVERY))?);
    }
    drop(server);
    print!("{}", story(&bare, &full, collector.received()));
    Ok(ExitCode::SUCCESS)
}

/// Result of a run.
struct Outcome {
    report: Report,
    connections: u64,
    scrapes: Vec<Scrape>,
}

/// A scrape of the metrics.
struct Scrape {
    took: Duration,
    bytes: usize,
}

fn run(observer: Observer, home: &Path, scrape_every: Option<Duration>) -> Result<Outcome> {
    let watch = Watch::start(observer, home, &[])?;
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let clients: Vec<JoinHandle<()>> = (0..THREADS)
        .map(|part| {
            let (over, done) = (Arc::clone(&over), Arc::clone(&done));
            thread::spawn(move || ask(part, &over, &done))
        })
        .collect();
    let begun = Instant::now();
    let mut scrapes = Vec::new();
    while begun.elapsed() < RUN {
        thread::sleep(scrape_every.unwrap_or(RUN).min(RUN));
        if scrape_every.is_some() {
            scrapes.push(scrape()?);
        }
    }
    let report = watch.stop()?;
    over.store(true, Ordering::Relaxed);
    for client in clients {
        let _ = client.join();
    }
    Ok(Outcome {
        report,
        connections: done.load(Ordering::Relaxed),
        scrapes,
    })
}

/// Asks one host after the other at an even pace.
fn ask(part: u32, over: &AtomicBool, done: &AtomicU64) {
    let pause = Duration::from_secs(1) * THREADS / CONNECTIONS_PER_S;
    let mut due = Instant::now();
    for host in (part..HOSTS).step_by(THREADS as usize).cycle() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += pause;
        if page(host).is_ok() {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn page(host: u32) -> std::io::Result<()> {
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + host);
    let mut stream = TcpStream::connect((address, load::PORT))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: h{host}.test\r\nConnection: close\r\n\r\n"
    )?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn scrape() -> Result<Scrape> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(METRICS).context("no metrics")?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {METRICS}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    if !text.starts_with(b"HTTP/1.1 200") {
        bail!(
            "metrics: {}",
            String::from_utf8_lossy(&text[..text.len().min(200)])
        );
    }
    Ok(Scrape {
        took: begun.elapsed(),
        bytes: text.len(),
    })
}

/// A collector that takes everything and keeps nothing.
struct Collector {
    requests: Arc<AtomicU64>,
}

impl Collector {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind(COLLECTOR).context("cannot listen as a collector")?;
        let requests = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                thread::spawn(move || serve(stream, &count));
            }
        });
        Ok(Self { requests })
    }

    fn received(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Answers requests of a connection; their bodies have a length, which tracer always gives.
fn serve(stream: TcpStream, count: &AtomicU64) {
    let Ok(mut answers) = stream.try_clone() else {
        return;
    };
    let mut requests = BufReader::new(&stream);
    while let Some(length) = body_length(&mut requests) {
        let mut body = requests.by_ref().take(length);
        let read = std::io::copy(&mut body, &mut std::io::sink());
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if read.is_err() || answers.write_all(answer).is_err() {
            break;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Reads the head of a request; returns the length of its body.
fn body_length(requests: &mut impl BufRead) -> Option<u64> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            return length;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
}

fn story(bare: &[Outcome], full: &[Outcome], received: u64) -> String {
    let (without, with) = (share(bare), share(full));
    let scrapes: Vec<&Scrape> = full.iter().flat_map(|it| &it.scrapes).collect();
    let slowest = scrapes.iter().map(|it| it.took).max().unwrap_or_default();
    let bytes = scrapes.iter().map(|it| it.bytes).max().unwrap_or_default();
    let lost = |of: &[Outcome]| -> u64 { of.iter().filter_map(|it| it.report.lost).sum() };
    let connections: u64 = bare.iter().chain(full).map(|it| it.connections).sum();
    let runs = bare.len() + full.len();
    format!(
        "{HOSTS} hosts, {:.0} connections a second ({} runs of {} s)\n\
         without sinks   {:.2} % of a core, {} lost\n\
         with all sinks  {:.2} % of a core, {} lost: {:+.2}\n\
         scrapes         {}, the slowest {:.1} ms, {:.1} MB; {received} requests to the collector\n",
        connections as f64 / (runs as f64 * RUN.as_secs_f64()),
        runs,
        RUN.as_secs(),
        without * 100.0,
        lost(bare),
        with * 100.0,
        lost(full),
        (with - without) * 100.0,
        scrapes.len(),
        slowest.as_secs_f64() * 1e3,
        bytes as f64 / 1e6,
    )
}

/// Median share of a core over the runs.
fn share(of: &[Outcome]) -> f64 {
    let mut shares: Vec<f64> = of
        .iter()
        .filter_map(|it| it.report.cpu)
        .map(|cpu| cpu.as_secs_f64() / RUN.as_secs_f64())
        .collect();
    shares.sort_by(f64::total_cmp);
    shares.get(shares.len() / 2).copied().unwrap_or_default()
}
