//! Findings about sockets and the network below the requests: TIME_WAIT, local ports, and lost segments.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tracer_testbed::link::LinkOptions;
use tracer_testbed::origin::Options;
use tracer_tests::client::Client;
use tracer_tests::export::Export;
use tracer_tests::faults::{Far, evidence, finding, go, only, python, thinking, trace};
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

/// Pages from two local addresses, one connection each.
const SOURCES: &str = r#"
for page in 1 2 3 4 5 6 7; do curl -sS -o /dev/null --interface 127.0.0.1 "$1"; done
for page in 1 2 3 4; do curl -sS -o /dev/null --interface 127.0.0.2 "$1"; done
"#;

/// Each local address has all ports of the range for itself.
#[test]
fn ports_by_local_address() -> Result<()> {
    let namespace = Namespace::new()?;
    namespace.run(|| {
        let mut testbed = Testbed::new()?;
        let address = testbed.start(thinking(0))?;
        let url = format!("http://{address}/page/0");
        let traced = tracer_tests::tracer::run(&Client::shell("curl", SOURCES, &[&url]))?;
        let destinations = traced.export.time_wait.destinations.iter();
        let mut used: Vec<_> = destinations
            .filter(|it| it.port == address.port())
            .map(|it| (it.source.as_str(), it.ports_used, it.time_wait))
            .collect();
        used.sort_unstable();
        let expected = [
            ("127.0.0.1", Some(7), Some(7)),
            ("127.0.0.2", Some(4), Some(4)),
        ];
        ensure!(used == expected, "{used:?}: {}", traced.story());
        testbed.finish();
        Ok(())
    })
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

/// Downloads of the same page, two over each of four connections at once.
const DOWNLOADS: &str = r#"
for client in 1 2 3 4; do
    curl -sS -o /dev/null -o /dev/null "$1" "$1" &
done
wait
"#;

#[test]
fn a_link_that_loses_segments_of_responses() -> Result<()> {
    let options = Options {
        body_bytes: 1_000_000,
        ..thinking(0)
    };
    let link = LinkOptions {
        rtt: Duration::from_millis(5),
        loss: 0.03,
        seed: 7,
        ..LinkOptions::default()
    };
    let far = Far::over(link, options)?;
    let client = Client::shell("curl", DOWNLOADS, &[&far.url()]);
    let export = far.trace("packet-loss_responses", client)?;
    let lost = far.lost_from_server();
    ensure!(lost > 100, "the link has dropped {lost} packets only");
    let finding = finding(&export, "packet-loss")?;
    evidence(finding, "segments_lost_in", lost as f64)?;
    let tcp = &export.totals.tcp;
    let out_of_order = tcp.segments_out_of_order.context("not measured")?;
    ensure!(tcp.segments_lost_in <= Some(out_of_order), "{tcp:?}");
    far.finish();
    Ok(())
}
