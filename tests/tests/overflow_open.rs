//! A ring buffer that gets full while connections open and close: what is open is right again in the totals, in hosts and
//! in processes, while the trace goes on and at its end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use tracer_export::{Connections, Group};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::export::{Export, shown};
use tracer_tests::machine::tracer_binary;
use tracer_tests::namespace::Namespace;
use tracer_tests::process::{PATIENCE, Process, output, wait_for};
use tracer_tests::server::{Nginx, NginxOptions, Threaded};
use tracer_tests::sockets;
use tracer_tests::tracer::Attached;
use tracer_tests::{compare, figure};

const EARLY: u64 = 40;
const LATE: u64 = 24;
/// Connections without a process at the time: a connection on its way from process to process, and one that cannot end.
const HIDDEN: u64 = 2;
/// More than the ring holds.
const FLOOD: u64 = 45_000;

fn nginx() -> Result<Nginx> {
    let options = NginxOptions {
        protocols: None,
        keepalive_s: 3600,
        ..NginxOptions::default()
    };
    Nginx::start(options, &Certificate::small()?)
}

/// Connections of this process, each used once.
fn open(port: u16, count: u64) -> Result<Vec<TcpStream>> {
    (0..count).map(|_| opened(port)).collect()
}

fn opened(port: u16) -> Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")?;
    let mut page = [0; 4096];
    let length = stream.read(&mut page)?;
    anyhow::ensure!(length != 0, "no answer");
    Ok(stream)
}

/// More connections than the ring holds records of.
fn flood(port: u16) -> Result<()> {
    let arguments = [8, FLOOD, port.into(), 1].map(|number: u64| number.to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_short_connections"));
    let crawler = Process::start(command.args(arguments))?;
    let said: Value = serde_json::from_str(&crawler.finish_within(2 * PATIENCE)?.stdout)?;
    anyhow::ensure!(said["connections"] == FLOOD, "{said}");
    Ok(())
}

/// A figure of connections.
type Figure = fn(&Connections) -> Option<u64>;

const OPEN_NOW: Figure = |connections| connections.open_now;
const IDLE_NOW: Figure = |connections| connections.idle_now;
const OPENS_LOST: Figure = |connections| connections.opens_lost;
const CLOSES_LOST: Figure = |connections| connections.closes_lost;

fn rows(export: &Export) -> impl Iterator<Item = &Group> {
    let hosts = export.hosts.iter().map(|host| &host.group);
    hosts.chain(export.processes.iter().map(|process| &process.group))
}

/// A figure of the totals, and its sums over hosts and over processes.
fn figures(export: &Export, figure: Figure) -> Result<[u64; 3]> {
    let totals = figure(&export.totals.connections);
    let of = |group: &Group| figure(&group.connections);
    let hosts: Option<u64> = export.hosts.iter().map(|host| of(&host.group)).sum();
    let processes = export.processes.iter().map(|process| of(&process.group));
    let all = [totals, hosts, processes.sum()];
    let found: Option<Vec<u64>> = all.into_iter().collect();
    let found = found.context("a figure of connections is missing")?;
    found.try_into().ok().context("three figures")
}

/// Waits for an export, made while tracing, with so many open connections everywhere.
fn wait_for_open(attached: &Attached, expected: u64) -> Result<Export> {
    let mut seen = String::new();
    let found = wait_for("an export with the open connections", PATIENCE, || {
        let Ok(export) = attached.export() else {
            return Ok(None);
        };
        let open = figures(&export, OPEN_NOW)?;
        seen = format!("{open:?}");
        Ok((open == [expected; 3]).then_some(export))
    });
    found.with_context(|| format!("expected {expected}, got {seen} in totals, hosts, processes"))
}

/// In each row, who began is over or open.
fn compare_rows(export: &Export, differences: &mut Differences) -> Result<()> {
    for group in rows(export) {
        let connections = &group.connections;
        let figure = |figure: Option<u64>| figure.with_context(|| shown(connections));
        let closed = &connections.closed_by;
        let closed = [
            closed.client,
            closed.server,
            closed.client_reset,
            closed.server_reset,
            closed.timeout,
            closed.unknown,
        ];
        let closed = figure(closed.into_iter().sum())?;
        differences.equal(
            &format!("who began, {}", shown(connections)),
            figure(connections.established)?
                + figure(connections.adopted)?
                + figure(connections.opens_lost)?,
            closed + figure(connections.closes_lost)? + figure(connections.open_now)?,
        );
    }
    Ok(())
}

/// Number of connections to the port in any state but TIME_WAIT, by `ss`.
fn open_by_ss(port: u16) -> Result<u64> {
    let sockets = sockets::toward(port)?;
    let open = sockets.iter().filter(|socket| !socket.is_mini_socket);
    Ok(open.count() as u64)
}

/// A server that takes connections and reads nothing from them until the test is over.
fn stuck() -> Result<(Threaded, mpsc::Sender<()>)> {
    let (over, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Threaded::start(move |_stream| {
        // The end of the channel is what is waited for.
        let _ = wait.lock().map(|wait| wait.recv());
    })?;
    Ok((server, over))
}

#[test]
fn heals_while_tracing() -> Result<()> {
    let server = nginx()?;
    let (stuck, over) = stuck()?;
    let directory = tempfile::tempdir()?;
    let record = directory.path().join("run.trace").display().to_string();
    let ports = [server.port, stuck.port()].map(|port| port.to_string());
    let attached = Attached::start(&[
        "--port",
        &ports[0],
        "--port",
        &ports[1],
        "--interval",
        "200ms",
        "--record",
        &record,
    ])?;
    let hidden = Client::python("hidden.py", &["127.0.0.1", &ports[1]])?;
    let mut command = Command::new(hidden.command.first().context("no command")?);
    let hidden = Process::start(command.args(hidden.command.iter().skip(1)))?;
    wait_for("the hidden connections", PATIENCE, || {
        Ok(hidden.stdout()?.contains("hidden").then_some(()))
    })?;
    // A namespace that did not exist when tracing began cannot be listed.
    let namespace = Namespace::new()?;
    let port = server.port;
    let (listener, elsewhere) = namespace.run(move || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let elsewhere = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        Ok((listener, elsewhere))
    })?;
    let early = open(port, EARLY)?;
    wait_for_open(&attached, EARLY + HIDDEN + 1)?;
    attached.signal(Signal::SIGSTOP)?;
    flood(port)?;
    drop((early, elsewhere, listener));
    let mut late = open(port, LATE)?;
    attached.signal(Signal::SIGCONT)?;
    let healed = wait_for_open(&attached, LATE + HIDDEN)?;
    let mut differences = Differences::of("while tracing");
    let by_ss = open_by_ss(port)? + open_by_ss(stuck.port())?;
    differences.equal("open, by ss", by_ss, LATE + HIDDEN);
    differences.equal("idle", figures(&healed, IDLE_NOW)?, [LATE; 3]);
    let lost = figure!(healed, events.overflowed)?;
    differences.holds(
        &format!("{lost} records found the ring full"),
        lost > 2 * LATE,
    );
    compare_rows(&healed, &mut differences)?;
    late.truncate(LATE as usize / 2);
    wait_for_open(&attached, LATE / 2 + HIDDEN)?;
    // The last export is made before anything else closes.
    let traced = attached.end(Signal::SIGTERM)?;
    drop((late, over, hidden));
    compare_end(&traced.export, &record, &mut differences)?;
    differences.finish(|| traced.story())
}

/// Checks the figures at the end and in a replay; the totals are complete.
fn compare_end(export: &Export, record: &str, differences: &mut Differences) -> Result<()> {
    let open = LATE / 2 + HIDDEN;
    differences.equal("open at the end", figures(export, OPEN_NOW)?, [open; 3]);
    compare_rows(export, differences)?;
    let all = EARLY + HIDDEN + 1 + FLOOD + LATE;
    compare!(
        differences,
        export,
        totals.connections.opened = all,
        totals.connections.established = all,
        totals.connections.adopted = 0,
        totals.connections.opens_lost = 0,
        totals.connections.closes_lost = 0,
        Phase::Lifetime.count = all - open,
    );
    let [_, by_hosts, by_processes] = figures(export, OPENS_LOST)?;
    differences.equal(
        "found by hosts and processes",
        [by_hosts, by_processes],
        [LATE; 2],
    );
    differences.equal("gone", figures(export, CLOSES_LOST)?, [0; 3]);
    let mut replay = Command::new(tracer_binary()?);
    let replayed = output(replay.args(["replay", "--quiet", "--json", "-", record]))?;
    let replayed: Value = serde_json::from_str(&replayed)?;
    differences.holds("its replay is the same", replayed == export.raw);
    Ok(())
}

/// The trace ends at once when its reader goes on: nothing is open, and no row says so.
#[test]
fn heals_at_the_end() -> Result<()> {
    let server = nginx()?;
    let attached = Attached::start(&["--port", &server.port.to_string()])?;
    let early = open(server.port, EARLY)?;
    attached.signal(Signal::SIGSTOP)?;
    flood(server.port)?;
    drop(early);
    sockets::settle(server.port)?;
    attached.signal(Signal::SIGCONT)?;
    let traced = attached.end(Signal::SIGTERM)?;
    let mut differences = Differences::of("at the end");
    differences.equal("open", figures(&traced.export, OPEN_NOW)?, [0; 3]);
    compare_rows(&traced.export, &mut differences)?;
    differences.finish(|| traced.story())
}
