//! TIME_WAIT and who closed first, against `ss` in a network namespace of the test's own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use tracer_export::Destination;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::shown;
use tracer_tests::namespace::Namespace;
use tracer_tests::process::wait_for;
use tracer_tests::server::Threaded;
use tracer_tests::sockets;
use tracer_tests::tracer::{Traced, run};

const PORT: u16 = 8080;
const COUNT: u64 = 25;
/// Answers the one byte of `closes.py`.
fn reply(stream: &mut TcpStream) {
    let mut byte = [0];
    // A client that is gone shows in the counts.
    let _ = stream
        .read_exact(&mut byte)
        .and_then(|()| stream.write_all(b"!"));
}

/// Closes when the client has.
fn close_after(mut stream: TcpStream) {
    reply(&mut stream);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Closes at once.
fn close_first(mut stream: TcpStream) {
    reply(&mut stream);
}

/// Closes when the kernel has forgotten the client's socket but for a FIN_WAIT2 entry.
fn close_late(mut stream: TcpStream) {
    reply(&mut stream);
    let Ok(peer) = stream.peer_addr() else { return };
    let peer = peer.to_string();
    let orphaned = || {
        let sockets = sockets::toward(PORT)?;
        let found = sockets
            .iter()
            .any(|socket| socket.local == peer && socket.state == "FIN-WAIT-2");
        Ok(found.then_some(()))
    };
    // In vain only if the client never closed, which the counts then show.
    let _ = wait_for("FIN_WAIT2", Duration::from_secs(20), orphaned);
}

/// Checks one way to close: `closer` is who tracer must say was first.
fn check(how: &'static str, serve: fn(TcpStream), closer: &'static str) -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.run(move || {
        let _server = Threaded::over(TcpListener::bind(("127.0.0.1", PORT))?, serve)?;
        let traced = run(&closes(how)?)?;
        sockets::settle(PORT)?;
        compare(how, closer, &traced)
    })
}

fn closes(how: &str) -> Result<Client> {
    Client::python(
        "closes.py",
        &[how, &COUNT.to_string(), "127.0.0.1", &PORT.to_string()],
    )
}

fn compare(how: &str, closer: &str, traced: &Traced) -> Result<()> {
    let time_waits = sockets::time_wait(&sockets::toward(PORT)?);
    let mut differences = Differences::of(format!("{how}, closed by {closer}"));
    let export = &traced.export;
    export.compare_losses(&mut differences);
    let closed = &export.totals.connections.closed_by;
    for (name, got) in [
        ("client", closed.client),
        ("server", closed.server),
        ("client_reset", closed.client_reset),
        ("server_reset", closed.server_reset),
        ("timeout", closed.timeout),
        ("unknown", closed.unknown),
    ] {
        let expected = if name == closer { COUNT } else { 0 };
        differences.equal(name, got, Some(expected));
    }
    compare!(
        &mut differences,
        export,
        totals.connections.established = COUNT,
        totals.connections.open_now = 0,
        time_wait.entered = time_waits,
        totals.tcp.time_wait_entered = time_waits,
        time_wait.current = time_waits,
        time_wait.peak = time_waits,
        time_wait.at_start = 0,
    );
    differences.equal(
        "in TIME_WAIT toward the server",
        destination(traced)?,
        time_waits,
    );
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    let range: Vec<u16> = range
        .split_whitespace()
        .filter_map(|port| port.parse().ok())
        .collect();
    let got = export.time_wait.port_range.as_ref();
    differences.equal("port_range", got.map(|range| &range[..]), Some(&*range));
    differences.finish(|| {
        format!(
            "{}\ntime_wait: {}",
            traced.story(),
            shown(&export.time_wait)
        )
    })
}

/// TIME_WAIT toward the server as the export has it by destination.
fn destination(traced: &Traced) -> Result<u64> {
    let is_ours =
        |destination: &&Destination| destination.address == "127.0.0.1" && destination.port == PORT;
    let ours = traced.export.time_wait.destinations.iter().find(is_ours);
    ours.map_or(Ok(0), |entry| entry.time_wait.context("no time_wait"))
}

#[test]
fn client_closes_first() -> Result<()> {
    check("close", close_after, "client")
}

#[test]
fn client_ends_its_side_first() -> Result<()> {
    check("half", close_after, "client")
}

#[test]
fn server_closes_first() -> Result<()> {
    check("read", close_first, "server")
}

#[test]
fn client_resets() -> Result<()> {
    check("reset", close_after, "client_reset")
}

#[test]
fn client_closes_with_bytes_unread() -> Result<()> {
    check("unread", close_after, "client_reset")
}

/// The client's socket is gone in FIN_WAIT2 long before the server's FIN makes it TIME_WAIT.
#[test]
fn server_closes_long_after_the_client() -> Result<()> {
    check("orphan", close_late, "client")
}

/// The server never closes: the client's end stays in FIN_WAIT2, and that is not TIME_WAIT.
#[test]
fn orphans_are_not_in_time_wait() -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.run(|| {
        let (sender, release) = std::sync::mpsc::channel::<()>();
        let release = std::sync::Mutex::new(release);
        let _server = Threaded::over(
            TcpListener::bind(("127.0.0.1", PORT))?,
            move |mut stream| {
                reply(&mut stream);
                // Ends when the test drops the sender.
                let _ = release.lock().map(|release| release.recv());
            },
        )?;
        let traced = run(&closes("close")?)?;
        let orphans = sockets::toward(PORT)?;
        let in_fin_wait = orphans
            .iter()
            .filter(|socket| socket.state == "FIN-WAIT-2")
            .count();
        let mut differences = Differences::of("the server keeps its end open");
        differences.equal("FIN-WAIT-2 by ss", in_fin_wait as u64, COUNT);
        compare!(
            &mut differences,
            traced.export,
            time_wait.entered = 0,
            totals.tcp.time_wait_entered = 0,
            time_wait.current = 0,
        );
        // Nearly always all: a socket whose FIN is acknowledged while its process still holds it stays whole for its
        // time in FIN_WAIT2 (tcp_rcv_state_process).
        let closed = orphans
            .iter()
            .filter(|socket| socket.is_mini_socket)
            .count() as u64;
        compare!(
            &mut differences,
            traced.export,
            totals.connections.closed_by.client = closed,
            totals.connections.open_now = COUNT - closed,
        );
        drop(sender);
        differences.finish(|| traced.story())
    })
}

/// tracer is outside: it must look for TIME_WAIT where its target is.
#[test]
fn target_in_another_network_namespace() -> Result<()> {
    let namespace = Namespace::new()?;
    let listener = namespace.run(|| Ok(TcpListener::bind(("127.0.0.1", PORT))?))?;
    let _server = Threaded::over(listener, close_after)?;
    let traced = run(&closes("close")?.inside(&namespace))?;
    namespace.run(move || {
        sockets::settle(PORT)?;
        let time_waits = sockets::time_wait(&sockets::toward(PORT)?);
        let mut differences = Differences::of("a target in another namespace");
        differences.equal("TIME-WAIT by ss", time_waits, COUNT);
        compare!(&mut differences, traced.export, time_wait.entered = COUNT,);
        differences.equal(
            "in TIME_WAIT toward the server",
            destination(&traced)?,
            COUNT,
        );
        differences.finish(|| {
            format!(
                "{}\ntime_wait: {}",
                traced.story(),
                shown(&traced.export.time_wait)
            )
        })
    })
}

/// Entries from before the trace are told apart from those that the traced client added.
#[test]
fn entries_from_before() -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.run(|| {
        let _server = Threaded::over(TcpListener::bind(("127.0.0.1", PORT))?, close_after)?;
        run(&closes("close")?)?;
        sockets::settle(PORT)?;
        let traced = run(&closes("close")?)?;
        sockets::settle(PORT)?;
        let time_waits = sockets::time_wait(&sockets::toward(PORT)?);
        let mut differences = Differences::of("a second crawl");
        differences.equal("TIME-WAIT by ss", time_waits, 2 * COUNT);
        compare!(
            &mut differences,
            traced.export,
            time_wait.at_start = COUNT,
            time_wait.entered = COUNT,
            time_wait.current = COUNT,
        );
        differences.finish(|| {
            format!(
                "{}\ntime_wait: {}",
                traced.story(),
                shown(&traced.export.time_wait)
            )
        })
    })
}
