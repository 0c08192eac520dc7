//! `tracer attach` in the middle of things: of handshakes, and of a pool that is open and not used yet. What
//! began before is never a failed request, and never a request too many.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::{Script, Threaded};
use tracer_tests::tracer::{Attached, Traced};

const CONNECTIONS: u64 = 20;

fn wait_for_word(process: &Process, word: &str) -> Result<()> {
    wait_for(word, PATIENCE, || {
        Ok(process.stdout()?.contains(word).then_some(()))
    })
    .with_context(|| process.stderr().unwrap_or_default())
}

/// Holds back what a server says until it is opened.
#[derive(Default)]
struct Gate {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Default)]
struct Held {
    is_open: bool,
    /// Connections whose server has said something.
    waiting: u64,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        self.lock().is_open = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut held = self.lock();
        held.waiting += 1;
        while !held.is_open {
            held = self
                .changed
                .wait(held)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Passes everything on; the server's first bytes wait until the gate is open.
    fn pass(&self, mut client: TcpStream, upstream: u16) -> std::io::Result<()> {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        let forward = std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let mut first = vec![0; 64 << 10];
        let length = server.read(&mut first)?;
        self.wait();
        client.write_all(first.get(..length).unwrap_or_default())?;
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Write);
        let _ = forward.join();
        Ok(())
    }
}

/// Checks connections of before, each with one request since. None failed; a request is known or not, and none is counted twice.
fn compare_pool(traced: &Traced, server: &Script, differences: &mut Differences) -> Result<()> {
    differences.equal(
        "requests of the server",
        server.counted("request")?,
        CONNECTIONS,
    );
    traced.export.compare_losses(differences);
    compare!(
        differences,
        traced.export,
        totals.connections.adopted = CONNECTIONS,
        totals.connections.opened = 0,
        totals.connections.open_now = 0,
        totals.connections.closed_by.client_reset = 0,
        totals.connections.closed_by.server_reset = 0,
        totals.tls.failed = 0,
        totals.requests.failed = 0,
        totals.requests.in_flight_now = 0,
        totals.requests.h2_turns = 0,
        Phase::Idle.count = 0,
    );
    let requests = figure!(traced.export, totals.requests.count)?;
    differences.holds(
        &format!("{requests} requests of {CONNECTIONS}"),
        requests <= CONNECTIONS,
    );
    let used = figure!(traced.export, totals.requests.connections)?;
    differences.equal("connections with requests", used, requests);
    Ok(())
}

/// Attached while every connection waits for the first flight of its server.
fn check_handshake(version: &str) -> Result<()> {
    let server = Script::secure(
        "pages.py",
        &Certificate::small()?,
        &[&format!("version={version}"), "size=2000"],
    )?;
    let (gate, port) = (Arc::new(Gate::default()), server.port);
    let own = Arc::clone(&gate);
    let relay = Threaded::start(move |client| {
        // A connection that could not be passed on is missing in the counts.
        let _ = own.pass(client, port);
    })?;
    let arguments = [&relay.port().to_string(), &CONNECTIONS.to_string(), "now"];
    let client = Client::python("pool.py", &arguments)?.start()?;
    wait_for("all handshakes", PATIENCE, || {
        Ok((gate.lock().waiting == CONNECTIONS).then_some(()))
    })?;
    let attached = Attached::start(&["--pid", &client.id().to_string()])?;
    gate.open();
    let finished = client.finish()?;
    let traced = attached.finish()?;
    let mut differences = Differences::of(format!("in the middle of handshakes of TLS {version}"));
    differences.holds(&format!("{finished:?}"), finished.status.success());
    compare_pool(&traced, &server, &mut differences)?;
    differences.finish(|| server.story(&traced))
}

#[test]
fn in_the_middle_of_handshakes_of_tls_12() -> Result<()> {
    check_handshake("1.2")
}

#[test]
fn in_the_middle_of_handshakes_of_tls_13() -> Result<()> {
    check_handshake("1.3")
}

/// Attached while every connection is open and has not carried a byte.
#[test]
fn to_a_pool_that_was_not_used_yet() -> Result<()> {
    for version in ["1.2", "1.3"] {
        let server = Script::secure(
            "pages.py",
            &Certificate::small()?,
            &[&format!("version={version}"), "size=2000"],
        )?;
        let arguments = [&server.port.to_string(), &CONNECTIONS.to_string(), "told"];
        let client = Client::python("pool.py", &arguments)?.start()?;
        wait_for_word(&client, "open")?;
        let attached = Attached::start(&["--pid", &client.id().to_string()])?;
        client.signal(Signal::SIGUSR2)?;
        let finished = client.finish()?;
        let traced = attached.finish()?;
        let mut differences = Differences::of(format!("a pool, then TLS {version}"));
        differences.holds(&format!("{finished:?}"), finished.status.success());
        compare_pool(&traced, &server, &mut differences)?;
        differences.finish(|| server.story(&traced))?;
    }
    Ok(())
}
