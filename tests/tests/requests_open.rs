//! Requests on connections that were open before tracing, and on those still open after it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tracer_export::{Histogram, Phase};
use tracer_tests::case::{Origin, Running, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::{GoOptions, Threaded};
use tracer_tests::tracer::Attached;

const OPEN: u64 = 12;

/// A Go client with [`OPEN`] idle connections; a signal makes it use each of them once.
struct Crawler {
    process: Process,
    rounds: usize,
}

impl Crawler {
    fn start(url: &str, ca: &str) -> Result<Self> {
        let client = Client::go(&["held", url, "0", &OPEN.to_string(), ca])?;
        let mut command = Command::new(client.command.first().context("no command")?);
        let process = Process::start(command.args(client.command.iter().skip(1)))?;
        let mut crawler = Self { process, rounds: 0 };
        crawler.wait()?;
        Ok(crawler)
    }

    fn wait(&mut self) -> Result<()> {
        self.rounds += 1;
        wait_for("a round of the crawler", PATIENCE, || {
            let complete = self.process.stdout()?.lines().count() >= self.rounds;
            Ok(complete.then_some(()))
        })
    }

    fn round(&mut self) -> Result<()> {
        self.process.signal(Signal::SIGUSR1)?;
        self.wait()
    }
}

/// After attaching each idle connection is used `rounds` times; it stays open.
fn check(version: Option<&'static str>, rounds: u64) -> Result<()> {
    let certificate = Certificate::small()?;
    // Slow enough that no connection is free again for a second request of a round.
    let origin = Origin::Go(GoOptions {
        version,
        flags: vec!["-delay=100ms".into()],
    });
    let server = Running::start(&origin, &certificate)?;
    let at = target(origin.is_tls(), server.port(), &certificate);
    let mut crawler = Crawler::start(&at.url, &at.ca)?;
    let attached = Attached::start(&["--pid", &crawler.process.id().to_string()])?;
    for _ in 0..rounds {
        crawler.round()?;
    }
    let traced = attached.end(Signal::SIGTERM)?;
    crawler.process.signal(Signal::SIGTERM)?;
    crawler.process.finish()?;
    let mut differences = Differences::of(format!("{rounds} rounds over {version:?}"));
    let seen = server.seen()?;
    differences.equal("connections", seen.connections, Some(OPEN));
    differences.equal("requests", seen.requests, Some(OPEN * (rounds + 1)));
    let count = OPEN * rounds;
    let used = if rounds > 0 { OPEN } else { 0 };
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.adopted = OPEN,
        totals.connections.open_now = OPEN,
        totals.requests.count = count,
        totals.requests.connections = used,
        totals.requests.failed = 0,
        totals.requests.in_flight_now = 0,
        totals.requests.first_unknown = 0,
        Phase::Ttfb.count = count,
        Phase::TtfbFirst.count = 0,
        Phase::TtfbReused.count = count - used,
        Phase::Transfer.count = count,
        Phase::Idle.count = count - used,
    );
    differences.finish(|| traced.story())
}

#[test]
fn idle_connections_are_adopted() -> Result<()> {
    for version in [None, Some("1.2"), Some("1.3")] {
        for rounds in [0, 1, 3] {
            check(version, rounds)?;
        }
    }
    Ok(())
}

/// A server that reads the request and says nothing.
#[test]
fn a_request_in_flight() -> Result<()> {
    let (sender, asked) = mpsc::channel();
    let server = Threaded::start(move |mut stream| {
        let mut buffer = [0; 4096];
        // A failure shows as a test that waits in vain.
        let _ = stream.read(&mut buffer).map(|_length| sender.send(()));
        let _ = stream.read_to_end(&mut Vec::new());
    })?;
    let attached = Attached::start(&["--port", &server.port().to_string()])?;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let _curl = Process::start(Command::new("curl").args(["-s", &url]))?;
    asked.recv_timeout(PATIENCE)?;
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of("a request in flight");
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = 0,
        totals.requests.failed = 0,
        totals.requests.in_flight_now = 1,
        Phase::Ttfb.count = 0,
    );
    differences.finish(|| traced.story())
}

/// Requests close upon each other on a connection that stays open are reported together: the end of the trace finds
/// those that still wait.
#[test]
fn quick_requests_are_all_counted() -> Result<()> {
    for count in [1, 2, 8, 9, 10, 17, 28] {
        check_quick(count)?;
    }
    Ok(())
}

fn check_quick(count: u64) -> Result<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let server = Threaded::start(|mut stream| {
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).is_ok_and(|length| length != 0) {
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    })?;
    let attached = Attached::start(&["--port", &server.port().to_string()])?;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port()))?;
    stream.set_nodelay(true)?;
    let begun = Instant::now();
    for _ in 0..count {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")?;
        stream.read_exact(&mut [0; ANSWER.len()])?;
    }
    let elapsed_ns = u64::try_from(begun.elapsed().as_nanos())?;
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of(format!("{count} quick requests"));
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = count,
        totals.requests.connections = 1,
        totals.requests.failed = 0,
        totals.requests.in_flight_now = 0,
        Phase::Ttfb.count = count,
        Phase::TtfbFirst.count = 1,
        Phase::TtfbReused.count = count - 1,
        Phase::Transfer.count = count,
        Phase::Pickup.count = count,
        Phase::Idle.count = count - 1,
    );
    // One after the other they took no longer than the client's own clock says.
    let total_ns = |phase| traced.export.phase(phase).and_then(Histogram::total_ns);
    let phases = [Phase::Idle, Phase::Ttfb, Phase::Transfer];
    let sum_ns: Option<f64> = phases.into_iter().map(total_ns).sum();
    let sum_ns = sum_ns.context("no times")? as u64;
    differences.holds(
        &format!("{sum_ns} of {elapsed_ns} ns"),
        (1..=elapsed_ns + elapsed_ns / 500).contains(&sum_ns),
    );
    differences.finish(|| traced.story())
}
