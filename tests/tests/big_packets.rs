//! Packets of more than 64 KiB over IPv6 (BIG TCP): the kernel puts a hop-by-hop header before their TCP header.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::process::Command;

use anyhow::{Result, ensure};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::namespace::Namespace;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::Threaded;
use tracer_tests::tracer::run;
use tracer_tests::turns::{Turns, compare};

const REQUESTS: u64 = 5;
const BODY: usize = 20_000_000;
const LARGEST: &str = "262144";

/// Answers every request of a connection with a body of many packets.
fn large(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
    let response = [head.as_bytes(), &vec![b'x'; BODY]].concat();
    while let Ok(1..) = stream.read(&mut buffer) {
        if stream.write_all(&response).is_err() {
            return;
        }
    }
}

/// A capture that ends with the first packet that has a hop-by-hop header.
fn watch_for_one(namespace: &Namespace) -> Result<Process> {
    let prefix = namespace.prefix();
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]);
    command.args(["tcpdump", "-i", "lo", "-n", "-c", "1", "-w", "/dev/null"]);
    let process = Process::start(command.arg("ip6[6] == 0"))?;
    wait_for("the capture to begin", PATIENCE, || {
        Ok(process.stderr()?.contains("listening on").then_some(()))
    })?;
    Ok(process)
}

#[test]
fn requests_over_packets_with_a_hop_by_hop_header() -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.ip(&[
        "link",
        "set",
        "dev",
        "lo",
        "gso_max_size",
        LARGEST,
        "gro_max_size",
        LARGEST,
    ])?;
    let (port, _server) = namespace.run(|| {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0))?;
        Ok((
            listener.local_addr()?.port(),
            Threaded::over(listener, large)?,
        ))
    })?;
    let url = format!("http://[::1]:{port}/?[1-{REQUESTS}]");
    let mut client = Client::shell("curl", r#"curl -sf -o /dev/null "$1""#, &[&url]);
    let inside = namespace.prefix().into_iter().map(Into::into);
    client.command.splice(0..0, inside);
    let first = watch_for_one(&namespace)?;
    let traced = run(&client)?;
    let seen = first.finish_within(PATIENCE)?;
    ensure!(seen.status.success(), "no such packet: {seen:?}");
    let mut differences = Differences::of("packets of more than 64 KiB");
    traced.export.compare_losses(&mut differences);
    let turns = Turns {
        requests: REQUESTS,
        connections: 1,
        failed: 0,
    };
    compare(&traced.export, turns, &mut differences);
    let unread = traced.export.events.by_counter.get("bad_packet").copied();
    differences.equal(
        "packets whose headers were not read",
        unread.unwrap_or(1),
        0,
    );
    differences.finish(|| traced.story())
}
