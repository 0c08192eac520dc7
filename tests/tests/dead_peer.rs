//! A peer that vanishes without a word: what ends its connections, and the requests that nobody answered.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::Result;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::link::{Link, Mischief, SERVER};
use tracer_tests::server::Threaded;
use tracer_tests::tracer::run;

/// Answers requests in clear, but not those for /slow.
fn answers(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let is_slow = buffer
            .get(..length)
            .is_some_and(|request| request.starts_with(b"GET /slow"));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if !is_slow && stream.write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn a_peer_that_vanishes() -> Result<()> {
    let link = Link::start(Mischief::default())?;
    let listener = link.server.run(|| Ok(TcpListener::bind((SERVER, 0))?))?;
    let server = Threaded::over(listener, answers)?;
    let arguments = [SERVER, &server.port().to_string(), link.server.name()];
    let traced = run(&Client::python("dead_peer.py", &arguments)?.inside(&link.client))?;
    let mut differences = Differences::of("a dead peer");
    let timed_out =
        serde_json::json!({"errors": [libc::ETIMEDOUT, libc::ETIMEDOUT, libc::ETIMEDOUT]});
    differences.equal("errors of the client", traced.client_count()?, timed_out);
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 3,
        totals.connections.closed_by.timeout = 3,
        totals.connections.closed_by.client = 0,
        totals.connections.closed_by.server = 0,
        totals.requests.count = 5,
        totals.requests.connections = 3,
        totals.requests.failed = 2,
        totals.requests.stale = 0,
        totals.requests.aborted = 0,
        Phase::Ttfb.count = 3,
        Phase::IdleAtClose.count = 1,
    );
    differences.finish(|| traced.story())
}
