//! `tracer attach` where something is under way: a connect at the beginning, closes at the end, servers in between.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use nix::sys::socket::{Backlog, listen};
use tracer_testbed::link::{Link, LinkOptions, Side};
use tracer_tests::check::Differences;
use tracer_tests::compare;
use tracer_tests::process::{PATIENCE, output, wait_for};
use tracer_tests::server::{Threaded, answer};
use tracer_tests::tracer::Attached;

/// The process is gone, and what it closed still has to come back over a long way: that counts.
#[test]
fn its_sockets_close_after_it() -> Result<()> {
    const ROUND_TRIP: Duration = Duration::from_millis(150);
    let link = Link::new(LinkOptions {
        rtt: ROUND_TRIP,
        ..LinkOptions::default()
    })?;
    let (address, _server) = link
        .run_in(Side::Server, || {
            let listener = TcpListener::bind((Side::Server.ipv4(), 0))?;
            let address = listener.local_addr()?;
            // Holds what it accepts until the client closes.
            let hold = |mut stream: TcpStream| while let Ok(1..) = stream.read(&mut [0; 64]) {};
            anyhow::Ok((address, Threaded::over(listener, hold)?))
        })?
        .map_err(|error| anyhow!("{error:#}"))?;
    let script = r#"read -r line; exec 3<>"/dev/tcp/$1/$2"; read -r line"#;
    let inside = format!("--net={}", link.namespace_path(Side::Client).display());
    let mut client = Command::new("nsenter")
        .args([&inside, "--", "bash", "-c", script, "bash"])
        .args([address.ip().to_string(), address.port().to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut stdin = client.stdin.take().context("no stdin")?;
    let attached = Attached::start(&["--pid", &client.id().to_string()])?;
    writeln!(stdin)?;
    sleep(3 * ROUND_TRIP);
    drop(stdin);
    client.wait()?;
    let traced = attached.finish()?;
    let mut differences = Differences::of("closed by its end");
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 1,
        totals.connections.open_now = 0,
        totals.connections.closed_by.client = 1,
        Phase::Lifetime.count = 1,
        time_wait.entered = 1,
    );
    differences.finish(|| traced.story())
}

/// Attached while a connect is under way: how long that took nobody knows, and all that follows is known.
#[test]
fn a_connect_under_way() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Room for one: whoever comes next sends its SYN again and again.
    listen(&listener, Backlog::new(0)?)?;
    let port = listener.local_addr()?.port();
    let _first = TcpStream::connect(("127.0.0.1", port))?;
    let mut client = Command::new("curl")
        .args(["-s", &format!("http://127.0.0.1:{port}/")])
        .stdout(Stdio::null())
        .spawn()?;
    wait_for("a SYN under way", PATIENCE, || {
        let filter = format!("dport = :{port}");
        let listed = output(Command::new("ss").args(["-Htn", "state", "syn-sent", &filter]))?;
        Ok((!listed.trim().is_empty()).then_some(()))
    })?;
    let attached = Attached::start(&["--pid", &client.id().to_string()])?;
    let _server = Threaded::over(listener, answer)?;
    client.wait()?;
    let traced = attached.finish()?;
    let mut differences = Differences::of("a connect under way");
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.opened = 0,
        totals.connections.adopted = 1,
        totals.connections.never_used = 0,
        Phase::Connect.count = 0,
        totals.tls.not_tls = 1,
        totals.requests.count = 1,
        Phase::TtfbFirst.count = 1,
        Phase::Lifetime.count = 1,
        events.unmatched = 0,
    );
    differences.finish(|| traced.story())
}

/// A listener that began after tracing, and what it accepted, is nobody's client when the trace ends.
#[test]
fn what_a_server_accepted_is_not_adopted() -> Result<()> {
    let script = r"
import socket, sys
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
print('held', flush=True)
sys.stdin.readline()";
    let attached = Attached::start(&["--comm", "python3"])?;
    let mut server = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = server.stdout.take().context("no stdout")?;
    said.read_exact(&mut [0; 5])?;
    let traced = attached.end(Signal::SIGTERM)?;
    drop(server.stdin.take());
    server.wait()?;
    let mut differences = Differences::of("a server");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.opened = 1,
        totals.connections.adopted = 0,
        totals.connections.open_now = 1,
    );
    differences.finish(|| traced.story())
}
