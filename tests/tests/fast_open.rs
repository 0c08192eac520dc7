//! TCP Fast Open (RFC 7413): bytes that leave with the SYN are the beginning of a request or of a handshake, whether the
//! server takes them or not.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::namespace::Namespace;
use tracer_tests::server::Threaded;
use tracer_tests::tracer::{Traced, run};

/// Bits of `net.ipv4.tcp_fastopen`: client and server use it, clients send data without a cookie, all listeners do.
const DATA_AT_ONCE: u32 = 0x1 | 0x2 | 0x4 | 0x400;
/// Besides, servers take data without a cookie.
const TAKEN: u32 = DATA_AT_ONCE | 0x200;

/// Namespace with that setting.
fn namespace(fast_open: u32) -> Result<Namespace> {
    let namespace = Namespace::new()?;
    namespace.run(move || {
        fs::write("/proc/sys/net/ipv4/tcp_fastopen", fast_open.to_string())
            .context("net.ipv4.tcp_fastopen")
    })?;
    Ok(namespace)
}

/// Number of connections whose data the servers of the namespace have taken out of the SYN.
fn taken(namespace: &Namespace) -> Result<u64> {
    let text = namespace.run(|| Ok(fs::read_to_string("/proc/thread-self/net/netstat")?))?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next().context("no names")?.split(' ');
    let values = lines.next().context("no values")?.split(' ');
    let mut pairs = names.zip(values);
    let (_, value) = pairs
        .find(|(name, _)| *name == "TCPFastOpenPassive")
        .context("no counter")?;
    Ok(value.parse()?)
}

/// Answers requests in clear until the client closes.
fn answers(mut stream: TcpStream) {
    let mut request = [0; 4096];
    while let Ok(1..) = stream.read(&mut request) {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Three connections with two requests each.
fn check_clear(fast_open: u32, expected: u64) -> Result<()> {
    let namespace = namespace(fast_open)?;
    let listener = namespace.run(|| Ok(TcpListener::bind(("127.0.0.1", 0))?))?;
    let server = Threaded::over(listener, answers)?;
    let port = server.port().to_string();
    let client = Client::python("fast_open.py", &[&port, "3", "2"])?;
    let traced = run(&client.inside(&namespace))?;
    let mut differences = Differences::of(format!("tcp_fastopen {fast_open:#x}"));
    differences.equal("taken by the server", taken(&namespace)?, expected);
    compare_all(&traced, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = 6,
        totals.requests.connections = 3,
        totals.tls.not_tls = 3,
        Phase::Connect.count = 3,
        Phase::Ttfb.count = 6,
        Phase::TtfbFirst.count = 3,
    );
    let hosts: Vec<_> = traced.export.hosts.iter().map(|host| &*host.host).collect();
    differences.equal("hosts", hosts, vec!["fast.test"]);
    differences.finish(|| traced.story())
}

fn compare_all(traced: &Traced, differences: &mut Differences) {
    traced.export.compare_losses(differences);
    compare!(
        differences,
        traced.export,
        events.unmatched = 0,
        totals.connections.established = 3,
        totals.connections.unwatched = 0,
        totals.requests.failed = 0,
        totals.tls.unknown = 0,
        totals.tls.failed = 0,
        totals.tls.unfinished = 0,
    );
}

#[test]
fn requests_in_clear() -> Result<()> {
    check_clear(TAKEN, 3)?;
    check_clear(DATA_AT_ONCE, 0)?;
    // The first connection fetches the cookie, the others use it.
    check_clear(0x1 | 0x2 | 0x400, 2)
}

/// Three connections of curl with two requests each.
fn check_tls(protocols: &'static str, fast_open: u32, expected: u64) -> Result<()> {
    let certificate = Certificate::small()?;
    let namespace = namespace(fast_open)?;
    let server = namespace.nginx(protocols, &certificate)?;
    let url = format!("https://localhost:{}/", server.port);
    let script = r#"for _ in 1 2 3; do curl -4sk --tcp-fastopen -o /dev/null -o /dev/null "$1" "$1"; done; echo "{}""#;
    let before = taken(&namespace)?;
    let client = Client::shell("curl", script, &[&url]);
    let traced = run(&client.inside(&namespace))?;
    let mut differences = Differences::of(format!("{protocols}, tcp_fastopen {fast_open:#x}"));
    differences.equal("taken by the server", taken(&namespace)? - before, expected);
    compare_all(&traced, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.tls.full = 3,
        totals.tls.not_tls = 0,
        totals.requests.count = 6,
        totals.requests.connections = 3,
        Phase::Connect.count = 3,
        Phase::Tls.count = 3,
    );
    let hosts: Vec<_> = traced.export.hosts.iter().map(|host| &*host.host).collect();
    differences.equal("hosts", hosts, vec!["localhost"]);
    differences.finish(|| traced.story())
}

#[test]
fn handshakes() -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        check_tls(protocols, TAKEN, 3)?;
        check_tls(protocols, DATA_AT_ONCE, 0)?;
    }
    Ok(())
}
