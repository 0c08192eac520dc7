//! Ends of requests and connections: idle, given up, on a stale connection, without a port; and those
//! left open when the trace ends.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use tracer_export::{HostSource, Phase};
use tracer_testbed::link::{Link, LinkOptions, Side};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::Export;
use tracer_tests::namespace::Namespace;
use tracer_tests::process::{PATIENCE, wait_for};
use tracer_tests::schema;
use tracer_tests::server::Threaded;
use tracer_tests::tracer::{Attached, Traced, run};

const COUNT: u64 = 20;
const MS: u64 = 1_000_000;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Reads a request; None when the client has closed.
fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).ok()?;
    bytes.truncate(count);
    (count != 0).then_some(bytes)
}

/// Answers every request; after one for /close it closes.
fn answer(mut stream: TcpStream) {
    while let Some(bytes) = request(&mut stream) {
        // A client that is gone shows in the counts.
        let _ = stream.write_all(ANSWER);
        if bytes.starts_with(b"GET /close") {
            return;
        }
    }
}

/// Reads and says nothing.
fn stay_silent(mut stream: TcpStream) {
    while request(&mut stream).is_some() {}
}

/// Answers once; a second request is answered by a reset.
fn reset_second(mut stream: TcpStream) {
    if request(&mut stream).is_some() {
        let _ = stream.write_all(ANSWER);
    }
    if request(&mut stream).is_some() {
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        // If it fails the count of resets shows it.
        let _ = nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &linger);
    }
}

/// Answers when the client has sent its FIN, and 100 ms later.
fn answer_after_fin(mut stream: TcpStream) {
    while request(&mut stream).is_some() {}
    std::thread::sleep(Duration::from_millis(100));
    let _ = stream.write_all(ANSWER);
}

fn ends(how: &str, server: &Threaded) -> Result<Client> {
    let count = COUNT.to_string();
    let port = server.port().to_string();
    Client::python("ends.py", &[how, &count, "127.0.0.1", &port])
}

/// Runs one way to end and compares counts; `median` is a phase and the milliseconds it must have.
fn check(
    how: &str,
    serve: fn(TcpStream),
    expected: fn(&Export, &mut Differences),
    median: Option<(Phase, u64)>,
) -> Result<()> {
    let server = Threaded::start(serve)?;
    let traced = run(&ends(how, &server)?)?;
    let mut differences = Differences::of(how);
    traced.export.compare_losses(&mut differences);
    expected(&traced.export, &mut differences);
    if let Some((phase, milliseconds)) = median {
        compare_median(&traced.export, phase, milliseconds, &mut differences)?;
    }
    differences.equal("server", server.accepted(), COUNT);
    differences.finish(|| traced.story())
}

fn compare_median(
    export: &Export,
    phase: Phase,
    milliseconds: u64,
    differences: &mut Differences,
) -> Result<()> {
    let name = phase.key();
    let histogram = export.phase(phase).context(name)?;
    differences.equal(&format!("{name}.count"), histogram.count, Some(COUNT));
    let median_ns = histogram.p50_ns.context("no median")?;
    let apart = median_ns.abs_diff(milliseconds * MS);
    // The client's own timer is late by this much at times.
    differences.holds(&format!("{name} p50 is {median_ns} ns"), apart < 3 * MS);
    Ok(())
}

#[test]
fn idle_before_the_end() -> Result<()> {
    let expected = |export: &Export, differences: &mut Differences| {
        compare!(
            differences,
            export,
            totals.requests.count = COUNT,
            totals.requests.failed = 0,
            totals.connections.never_used = 0,
            totals.connections.closed_by.client = COUNT,
        );
    };
    check("idle", answer, expected, Some((Phase::IdleAtClose, 200)))
}

#[test]
fn given_up_by_the_client() -> Result<()> {
    let expected = |export: &Export, differences: &mut Differences| {
        compare!(
            differences,
            export,
            totals.requests.count = COUNT,
            totals.requests.failed = COUNT,
            totals.requests.aborted = COUNT,
            totals.requests.stale = 0,
        );
    };
    check("abort", stay_silent, expected, Some((Phase::Aborted, 300)))
}

#[test]
fn on_a_stale_connection() -> Result<()> {
    let expected = |export: &Export, differences: &mut Differences| {
        compare!(
            differences,
            export,
            totals.requests.count = 2 * COUNT,
            totals.requests.failed = COUNT,
            totals.requests.stale = COUNT,
            totals.requests.aborted = 0,
            totals.connections.closed_by.server_reset = COUNT,
        );
    };
    check("stale", reset_second, expected, None)
}

#[test]
fn closed_by_the_client_before_the_answer() -> Result<()> {
    let expected = |export: &Export, differences: &mut Differences| {
        compare!(
            differences,
            export,
            totals.requests.count = COUNT,
            totals.requests.connections = COUNT,
            totals.requests.failed = 0,
            totals.connections.closed_by.client = COUNT,
            totals.tcp.time_wait_entered = COUNT,
        );
    };
    check("half", answer_after_fin, expected, Some((Phase::Ttfb, 100)))
}

/// The command is over before the far end has acknowledged its FIN: the last request counts all the same.
#[test]
fn closed_but_not_acknowledged() -> Result<()> {
    const REQUESTS: u64 = 2;
    let link = Link::new(LinkOptions {
        rtt: Duration::from_millis(900),
        ..LinkOptions::default()
    })?;
    let (port, server) = link
        .run_in(Side::Server, || {
            let listener = TcpListener::bind((Side::Server.ipv4(), 0))?;
            let port = listener.local_addr()?.port();
            anyhow::Ok((port, Threaded::over(listener, answer)?))
        })?
        .map_err(|error| anyhow!("{error:#}"))?;
    let (count, address) = (REQUESTS.to_string(), Side::Server.ipv4().to_string());
    let mut client = Client::python("ends.py", &["idle", &count, &address, &port.to_string()])?;
    let inside = format!("--net={}", link.namespace_path(Side::Client).display());
    let prefix = ["nsenter", &inside, "--"].map(Into::into);
    client.command.splice(0..0, prefix);
    let traced = run(&client)?;
    let mut differences = Differences::of("closed, not acknowledged");
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = REQUESTS,
        totals.requests.failed = 0,
        Phase::Ttfb.count = REQUESTS,
        totals.connections.established = REQUESTS,
        totals.connections.open_now = 1,
    );
    differences.equal("server", server.accepted(), REQUESTS);
    differences.finish(|| traced.story())
}

#[test]
fn never_used() -> Result<()> {
    let expected = |export: &Export, differences: &mut Differences| {
        compare!(
            differences,
            export,
            totals.requests.count = 0,
            totals.connections.established = COUNT,
            totals.connections.never_used = COUNT,
        );
    };
    check("unused", answer, expected, None)
}

#[test]
fn host_of_a_request_in_clear() -> Result<()> {
    let server = Threaded::start(answer)?;
    let traced = run(&ends("idle", &server)?)?;
    let hosts = &traced.export.hosts;
    let mut differences = Differences::of("host");
    differences.equal("hosts", hosts.len(), 1);
    let host = hosts.first().context("no host")?;
    differences.equal("host", &*host.host, "ends.example");
    differences.equal("host_source", &host.host_source, &HostSource::Http);
    let opened = host.group.connections.opened;
    differences.equal("opened", opened, Some(COUNT));
    differences.finish(|| traced.story())
}

#[test]
fn without_a_local_port() -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.run(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40009")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 8080))?;
        let server = Threaded::over(listener, stay_silent)?;
        let traced = run(&ends("ports", &server)?)?;
        compare_ports(&traced)
    })
}

fn compare_ports(traced: &Traced) -> Result<()> {
    let client = traced.client_count()?;
    let failed = client["failed"].as_u64().context("no count")?;
    let mut differences = Differences::of("ports");
    differences.holds("the client ran out of ports", failed > 0);
    let connected = client["connected"].as_u64().context("no count")?;
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = connected,
        totals.connections.not_sent = failed,
        totals.connections.failed.other = failed,
        totals.connections.aborted_connects = 0,
    );
    let range = traced.export.time_wait.port_range;
    differences.equal("port range", range, Some([40_000, 40_009]));
    differences.finish(|| traced.story())
}

/// A client that holds three connections open: one idle, one half closed, one never used.
struct Holding {
    client: Child,
    stdin: ChildStdin,
    _server: Threaded,
}

impl Holding {
    /// Starts the client and tracer, and waits until the connections are open and traced.
    fn start(flags: &[&str]) -> Result<(Self, Attached)> {
        let server = Threaded::start(answer)?;
        let line = ends("hold", &server)?;
        let mut command = Command::new(line.command.first().context("no command")?);
        command
            .args(line.command.iter().skip(1))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut client = command.spawn()?;
        let mut stdin = client.stdin.take().context("no stdin")?;
        let pid = client.id().to_string();
        let attached = Attached::start(&[&["--pid", &pid], flags].concat())?;
        writeln!(stdin)?;
        let mut said = client.stdout.take().context("no stdout")?;
        said.read_exact(&mut [0; 5])?;
        wait_for("three connections", PATIENCE, || {
            Ok((server.accepted() == 3).then_some(()))
        })?;
        let holding = Self {
            client,
            stdin,
            _server: server,
        };
        Ok((holding, attached))
    }

    fn finish(mut self) -> Result<()> {
        drop(self.stdin);
        self.client.wait()?;
        Ok(())
    }
}

#[test]
fn open_when_the_trace_ends() -> Result<()> {
    let (holding, attached) = Holding::start(&[])?;
    let traced = attached.end(Signal::SIGINT)?;
    holding.finish()?;
    schema::validate(&traced.export)?;
    let mut differences = Differences::of("open at the end");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 3,
        totals.connections.open_now = 3,
        totals.connections.idle_now = 1,
        totals.connections.half_closed_now = 1,
        totals.connections.never_used = 1,
        totals.requests.count = 2,
    );
    differences.finish(|| traced.story())
}

/// An export made while tracing says what is open then, and the next one says it anew.
#[test]
fn open_while_tracing() -> Result<()> {
    let (holding, attached) = Holding::start(&["--interval", "200ms"])?;
    let mut doing = [None; 4];
    let held = wait_for("an export with three connections", PATIENCE, || {
        let Ok(export) = attached.export() else {
            return Ok(None);
        };
        let now = &export.totals.connections;
        doing = [
            now.idle_now,
            now.half_closed_now,
            now.never_used,
            now.open_now,
        ];
        Ok((doing == [1, 1, 1, 3].map(Some)).then_some(export))
    })
    .with_context(|| format!("idle, half closed, never used, open: {doing:?}"))?;
    schema::validate(&held)?;
    holding.finish()?;
    let traced = attached.finish()?;
    let mut differences = Differences::of("open, then closed");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 3,
        totals.connections.open_now = 0,
        totals.connections.idle_now = 0,
        totals.connections.half_closed_now = 0,
        totals.connections.never_used = 1,
        processes_folded = 0,
    );
    differences.finish(|| traced.story())
}
