//! `tracer attach` on crawlers that are already running, its ends and its filters.

use std::fs;
use std::io::Read;
use std::process::Command;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tracer_export::Phase;
use tracer_tests::certificate::Certificate;
use tracer_tests::cgroup::Cgroup;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::shown;
use tracer_tests::outcome::nginx;
use tracer_tests::process::{PATIENCE, Process, output, wait_for};
use tracer_tests::server::{Nginx, Threaded, read_client_hello};
use tracer_tests::tracer::{Attached, Traced};
use tracer_tests::{schema, sockets};

const OPEN: u64 = 12;
/// The crawler connects to 127.0.0.1 or ::1, others to this address.
const OTHERS: &str = "127.0.0.2";

/// A Go crawler that keeps [`OPEN`] connections and obeys signals, and its server.
struct Crawl {
    server: Nginx,
    crawler: Process,
    _certificate: Certificate,
}

impl Crawl {
    /// Starts both; when this returns the connections are open and have been used.
    fn start() -> Result<Self> {
        let certificate = Certificate::small()?;
        let server = nginx("TLSv1.3", &certificate)?;
        let url = format!("https://localhost:{}/", server.port);
        let (open, ca) = (OPEN.to_string(), certificate.path().display().to_string());
        let client = Client::go(&["held", &url, "0", &open, &ca])?;
        let mut command = Command::new(client.command.first().context("no command")?);
        let crawler = Process::start(command.args(client.command.iter().skip(1)))?;
        let crawl = Self {
            server,
            crawler,
            _certificate: certificate,
        };
        crawl.wait_for_round(1)?;
        ensure!(
            crawl.open()? == OPEN,
            "{} connections are open",
            crawl.open()?
        );
        Ok(crawl)
    }

    fn pid(&self) -> String {
        self.crawler.id().to_string()
    }

    fn open(&self) -> Result<u64> {
        let sockets = sockets::toward(self.server.port)?;
        Ok(sockets
            .iter()
            .filter(|socket| socket.state == "ESTAB")
            .count() as u64)
    }

    fn wait_for_round(&self, round: usize) -> Result<()> {
        wait_for("a round of the crawler", PATIENCE, || {
            let complete = self.crawler.stdout()?.lines().count() >= round;
            Ok(complete.then_some(()))
        })
        .with_context(|| self.crawler.stderr().unwrap_or_default())
    }

    /// A round on the open connections, then one which opens them all anew.
    fn crawl(&self) -> Result<()> {
        self.crawler.signal(Signal::SIGUSR1)?;
        self.wait_for_round(2)?;
        self.crawler.signal(Signal::SIGUSR2)?;
        self.wait_for_round(3)?;
        // The old connections are closed a moment after the new ones are used.
        wait_for("the old connections to close", PATIENCE, || {
            let sockets = sockets::toward(self.server.port)?;
            let open = sockets
                .iter()
                .filter(|socket| socket.state != "TIME-WAIT")
                .count() as u64;
            Ok((open == OPEN).then_some(()))
        })
    }
}

/// The connections of before are adopted, the ones since are exact, and open ones stay open.
fn compare(traced: &Traced, port: u16, open_now: u64, case: &str) -> Result<()> {
    let mut differences = Differences::of(case);
    let mut sockets = sockets::toward(port)?;
    sockets.retain(|socket| !socket.remote.starts_with(OTHERS));
    // nginx answers a close_notify with its own FIN, which may come first: ss knows.
    let time_waits = sockets::time_wait(&sockets);
    let export = &traced.export;
    schema::validate(export)?;
    export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        export,
        totals.connections.adopted = OPEN,
        totals.connections.opened = OPEN,
        totals.connections.established = OPEN,
        totals.connections.open_now = open_now,
        totals.connections.closed_by.client = time_waits,
        totals.connections.closed_by.server = 2 * OPEN - open_now - time_waits,
        totals.connections.closed_by.unknown = 0,
        totals.tls.full = OPEN,
        totals.tls.resumed = 0,
        totals.tls.failed = 0,
        totals.tls.unfinished = 0,
        totals.tls.unknown = 0,
        time_wait.entered = time_waits,
    );
    export.compare_phases(
        &[
            (Phase::Connect, OPEN),
            (Phase::ConnectFailed, 0),
            (Phase::Tls, OPEN),
        ],
        &mut differences,
    );
    differences.equal("exit code", traced.finished.status.code(), Some(0));
    differences.finish(|| traced.story())
}

fn check_ended_by(signal: Signal) -> Result<()> {
    let crawl = Crawl::start()?;
    let attached = Attached::start(&["--pid", &crawl.pid()])?;
    crawl.crawl()?;
    compare(
        &attached.end(signal)?,
        crawl.server.port,
        OPEN,
        signal.as_str(),
    )
}

#[test]
fn ended_by_ctrl_c() -> Result<()> {
    check_ended_by(Signal::SIGINT)
}

#[test]
fn ended_by_sigterm() -> Result<()> {
    check_ended_by(Signal::SIGTERM)
}

#[test]
fn ended_with_its_target() -> Result<()> {
    let crawl = Crawl::start()?;
    let attached = Attached::start(&["--pid", &crawl.pid()])?;
    crawl.crawl()?;
    crawl.crawler.signal(Signal::SIGTERM)?;
    let Crawl {
        server,
        crawler,
        _certificate,
    } = crawl;
    crawler.finish()?;
    sockets::settle(server.port)?;
    compare(&attached.finish()?, server.port, 0, "the target ended")
}

#[test]
fn ended_by_duration() -> Result<()> {
    let crawl = Crawl::start()?;
    let attached = Attached::start(&["--pid", &crawl.pid(), "--duration", "3s"])?;
    crawl.crawl()?;
    compare(&attached.finish()?, crawl.server.port, OPEN, "--duration")
}

#[test]
fn nothing_of_others_is_seen() -> Result<()> {
    let crawl = Crawl::start()?;
    let attached = Attached::start(&["--pid", &crawl.pid()])?;
    for _ in 0..5 {
        output(
            Command::new("curl").args(["-sk", &format!("https://{OTHERS}:{}/", crawl.server.port)]),
        )?;
    }
    crawl.crawl()?;
    compare(
        &attached.end(Signal::SIGTERM)?,
        crawl.server.port,
        OPEN,
        "others connect to the same server",
    )
}

/// A server that never answers the ClientHello: when tracing ends the handshake has not.
#[test]
fn handshake_still_going_on_at_the_end() -> Result<()> {
    let (sender, greeted) = mpsc::channel();
    let server = Threaded::start(move |mut stream| {
        // A failure shows as a test that waits in vain.
        let _ = read_client_hello(&mut stream).map(|_hello| sender.send(()));
        let _ = stream.read_to_end(&mut Vec::new());
    })?;
    let attached = Attached::start(&["--port", &server.port().to_string()])?;
    let url = format!("https://localhost:{}/", server.port());
    let _curl = Process::start(Command::new("curl").args(["-sk", &url]))?;
    greeted.recv_timeout(PATIENCE)?;
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of("an unfinished handshake");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 1,
        totals.connections.open_now = 1,
        totals.tls.unfinished = 1,
        totals.tls.failed = 0,
        totals.tls.full = 0,
    );
    differences.finish(|| traced.story())
}

/// Two servers, a curl and a wget to each of 127.0.0.1 and 127.0.0.2 of both: 8 connections.
fn check_filter(filter: impl FnOnce(&[String; 2]) -> Vec<String>, expected: u64) -> Result<()> {
    let certificate = Certificate::small()?;
    let servers = [
        nginx("TLSv1.3", &certificate)?,
        nginx("TLSv1.2", &certificate)?,
    ];
    let ports = servers.each_ref().map(|server| server.port.to_string());
    // The machine has other crawlers: only these two ports are ours.
    let mut arguments = filter(&ports);
    if !arguments.iter().any(|argument| argument == "--port") {
        arguments.extend(
            ports
                .iter()
                .flat_map(|port| ["--port".to_owned(), port.clone()]),
        );
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let attached = Attached::start(&arguments)?;
    for port in &ports {
        visit(port)?;
        sockets::settle(port.parse()?)?;
    }
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of(format!("{arguments:?}"));
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = expected,
        totals.tls.full = expected,
    );
    differences.finish(|| format!("{}\nhosts: {}", traced.story(), shown(&traced.export.hosts)))
}

fn visit(port: &str) -> Result<()> {
    for address in ["127.0.0.1", "127.0.0.2"] {
        let name = if address == "127.0.0.1" { "one" } else { "two" };
        let resolve = format!("{name}.tracer.test:{port}:{address}");
        let url = format!("https://{name}.tracer.test:{port}/");
        output(Command::new("curl").args(["-sk", "--resolve", &resolve, &url]))?;
        let url = format!("https://{address}:{port}/");
        output(Command::new("wget").args(["-q", "--no-check-certificate", "-O", "-", &url]))?;
    }
    Ok(())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn filter_by_port() -> Result<()> {
    check_filter(|[first, _]| words(&["--port", first]), 4)
}

#[test]
fn filter_by_several_ports() -> Result<()> {
    check_filter(|_| Vec::new(), 8)
}

#[test]
fn filter_by_name() -> Result<()> {
    check_filter(|_| words(&["--comm", "curl"]), 4)?;
    check_filter(|_| words(&["--comm", "wg?t"]), 4)?;
    check_filter(|_| words(&["--comm", "cu*", "--comm", "wget"]), 8)
}

#[test]
fn filter_by_executable() -> Result<()> {
    check_filter(|_| words(&["--exe", "/usr/bin/wget"]), 4)
}

#[test]
fn filter_by_address_range() -> Result<()> {
    check_filter(|_| words(&["--cidr", "127.0.0.2/32"]), 4)?;
    check_filter(|_| words(&["--cidr", "127.0.0.0/30"]), 8)
}

#[test]
fn filter_by_host() -> Result<()> {
    check_filter(|_| words(&["--host", "two.*"]), 2)
}

#[test]
fn filters_of_different_kinds_must_all_hold() -> Result<()> {
    check_filter(
        |[first, _]| words(&["--comm", "curl", "--port", first, "--cidr", "127.0.0.1/32"]),
        1,
    )
}

#[test]
fn loopback_left_out() -> Result<()> {
    check_filter(|_| words(&["--include-loopback=false"]), 0)
}

#[test]
fn filter_by_cgroup() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.3", &certificate)?;
    let cgroup = Cgroup::new()?;
    let path = cgroup.path.display().to_string();
    let attached = Attached::start(&["--cgroup", &path])?;
    let url = format!("https://localhost:{}/", server.port);
    let script = r#"echo $$ >"$1/cgroup.procs"; for _ in 1 2 3; do curl -sk "$2"; done"#;
    output(Command::new("sh").args(["-ec", script, "sh", &path, &url]))?;
    output(Command::new("curl").args(["-sk", &url]))?;
    sockets::settle(server.port)?;
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of("--cgroup");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 3,
        totals.tls.full = 3,
    );
    differences.finish(|| traced.story())
}

/// Times the process has slept so far: voluntary context switches of its threads.
fn sleeps(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line
            .context("no count of switches")?
            .trim()
            .parse::<u64>()?;
    }
    Ok(sum)
}

/// tracer sleeps as long as nothing is traced, but for a listing a second; then the first record wakes it, so that a
/// process which lives for a moment still has its executable.
#[test]
fn an_idle_tracer_rests() -> Result<()> {
    const WATCHED: Duration = Duration::from_secs(3);
    // Ten a second, and not the forty of a tracer that looks by itself.
    const MOST: u64 = 30;
    let attached = Attached::start(&["--comm", "curl"])?;
    let mut slept = 0;
    wait_for("a tracer at rest", PATIENCE, || {
        let before = sleeps(attached.id())?;
        sleep(WATCHED);
        slept = sleeps(attached.id())? - before;
        Ok((slept <= MOST).then_some(()))
    })
    .with_context(|| format!("it slept {slept} times in {WATCHED:?}"))?;
    // Nobody listens there.
    let refused = Command::new("curl")
        .args(["-s", "http://127.0.0.1:1/"])
        .output()?;
    ensure!(!refused.status.success(), "something listens on port 1");
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of("after a rest");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.failed.refused = 1,
    );
    differences.finish(|| traced.story())
}
