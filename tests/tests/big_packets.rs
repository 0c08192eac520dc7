//! Packets over IPv6 with extension headers: those of more than 64 KiB (BIG TCP), before whose TCP header the kernel puts
//! a hop-by-hop header, and those of a client that asks for options.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::process::Command;

use anyhow::{Result, ensure};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::namespace::Namespace;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::Threaded;
use tracer_tests::tracer::{Traced, run};
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

/// Sends requests on a connection whose packets have a hop-by-hop and a destination options header: IPV6_HOPOPTS is 54,
/// IPV6_DSTOPTS 59, and each holds four bytes of padding.
const WITH_OPTIONS: &str = r#"
exec python3 - "$1" "$2" <<'P'
import socket, sys
s = socket.socket(socket.AF_INET6)
for kind in (54, 59): s.setsockopt(socket.IPPROTO_IPV6, kind, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
s.connect(('::1', int(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    s.sendall(b'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
    assert s.recv(65536)
P"#;

/// Answers every request of a connection in one packet.
fn small(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer) {
        if stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .is_err()
        {
            return;
        }
    }
}

/// Checks that all requests on one connection were followed, and every packet read.
fn check(traced: &Traced, subject: &str) -> Result<()> {
    let mut differences = Differences::of(subject);
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

#[test]
fn requests_over_packets_with_destination_options() -> Result<()> {
    let namespace = Namespace::new()?;
    let (port, _server) = serve(&namespace, small)?;
    let arguments = [port.to_string(), REQUESTS.to_string()];
    let arguments = arguments.each_ref().map(String::as_str);
    let client = Client::shell("python", WITH_OPTIONS, &arguments);
    // Next header 60 behind a hop-by-hop header: destination options.
    let filter = "ip6[6] == 0 and ip6[40] == 60";
    let traced = run_watched(&namespace, client, filter)?;
    check(&traced, "packets with destination options")
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
    let (port, _server) = serve(&namespace, large)?;
    let url = format!("http://[::1]:{port}/?[1-{REQUESTS}]");
    let client = Client::shell("curl", r#"curl -sf -o /dev/null "$1""#, &[&url]);
    let traced = run_watched(&namespace, client, "ip6[6] == 0")?;
    check(&traced, "packets of more than 64 KiB")
}

/// A server inside the namespace, and its port.
fn serve(namespace: &Namespace, answer: fn(TcpStream)) -> Result<(u16, Threaded)> {
    namespace.run(move || {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        Ok((port, Threaded::over(listener, answer)?))
    })
}

/// Traces the client inside the namespace. Fails when no packet there is one that the filter takes.
fn run_watched(namespace: &Namespace, mut client: Client, filter: &str) -> Result<Traced> {
    let inside = namespace.prefix().into_iter().map(Into::into);
    client.command.splice(0..0, inside);
    let first = watch_for_one(namespace, filter)?;
    let traced = run(&client)?;
    let seen = first.finish_within(PATIENCE)?;
    ensure!(seen.status.success(), "no such packet: {seen:?}");
    Ok(traced)
}

/// A capture that ends with the first packet that the filter takes.
fn watch_for_one(namespace: &Namespace, filter: &str) -> Result<Process> {
    let prefix = namespace.prefix();
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]);
    command.args(["tcpdump", "-i", "lo", "-n", "-c", "1", "-w", "/dev/null"]);
    let process = Process::start(command.arg(filter))?;
    wait_for("the capture to begin", PATIENCE, || {
        Ok(process.stderr()?.contains("listening on").then_some(()))
    })?;
    Ok(process)
}
