//! Findings about sockets and the network below the requests: TIME_WAIT, local ports, and lost segments.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::{Context, Result};
use tracer_tests::export::Export;
use tracer_tests::faults::{evidence, go, only, python, thinking, trace};
use tracer_tests::link::{self, Link, Mischief};
use tracer_tests::namespace::Namespace;
use tracer_tests::server::{Testbed, Threaded};

/// Export of a Go client that makes a client for each article of three pages, in a network namespace of its own.
fn articles(name: &'static str, count: u64, port_range: Option<&'static str>) -> Result<Export> {
    let namespace = Namespace::new()?;
    namespace.run(move || {
        // On loopback the kernel uses ports in TIME_WAIT again, which no network lets it do.
        std::fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "0")?;
        if let Some(range) = port_range {
            std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", range)?;
        }
        let mut testbed = Testbed::new()?;
        let address = testbed.start(thinking(0))?;
        let url = format!("http://{address}/page/0");
        let words = ["one-worker", &url, &count.to_string()];
        let export = trace(name, &go(&words)?)?;
        testbed.finish();
        Ok(export)
    })
}

#[test]
fn connections_that_pile_up_in_time_wait() -> Result<()> {
    let export = articles("time-wait-pileup", 1100, None)?;
    let finding = only(&export, "time-wait-pileup", "Go net/http")?;
    evidence(finding, "time_wait_peak", 1100.0)?;
    evidence(finding, "time_wait_entered", 1100.0)
}

#[test]
fn a_small_range_of_ports() -> Result<()> {
    let export = articles("ephemeral-ports-running-out", 300, Some("40000 40499"))?;
    let finding = only(&export, "ephemeral-ports-running-out", "Go net/http")?;
    evidence(finding, "ports_used", 300.0)?;
    evidence(finding, "ports_used_ratio", 0.6)
}

/// Takes the bodies of all requests of a connection.
fn sink(stream: TcpStream) {
    // An error is the end of the connection.
    let _ = take_all(stream);
}

fn take_all(mut stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                text => {
                    let value = text.strip_prefix("Content-Length: ");
                    length = value.map_or(Ok(length), str::parse)?;
                }
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    }
}

/// Number of segments that the kernel has sent again in the namespace of this thread.
fn sent_again() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/snmp")?;
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().context("no names")?, lines.next());
    let mut pairs = names
        .split(' ')
        .zip(values.context("no values")?.split(' '));
    let pair = pairs.find(|(name, _)| *name == "RetransSegs");
    Ok(pair.context("no RetransSegs")?.1.parse()?)
}

#[test]
fn a_link_that_loses_segments() -> Result<()> {
    let link = Link::start(Mischief {
        drop_each: 60,
        ..Mischief::default()
    })?;
    let server: Ipv4Addr = link::SERVER.parse()?;
    let listener = link
        .server
        .run(move || Ok(TcpListener::bind((server, 0))?))?;
    let url = format!("http://{}/bulk", listener.local_addr()?);
    let _server = Threaded::over(listener, sink)?;
    let client = python(&["uploads", &url])?.inside(&link.client);
    let export = trace("packet-loss", &client)?;
    let finding = only(&export, "packet-loss", "requests/urllib3")?;
    evidence(finding, "segments_sent_again", link.client.run(sent_again)?)
}
