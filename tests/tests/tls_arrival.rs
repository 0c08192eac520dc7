//! TLS whose bytes arrive cut, joined, lost, doubled and out of order.

use std::net::SocketAddr;

use anyhow::Result;
use tracer_export::HostSource;
use tracer_tests::capture::Capture;
use tracer_tests::case::{said, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::link::{Link, Mischief, SERVER};
use tracer_tests::namespace::Namespace;
use tracer_tests::outcome::{Outcome, check, check_hosts, compare, full, nginx};
use tracer_tests::server::{Threaded, chunked};
use tracer_tests::sockets;
use tracer_tests::tracer::run;
use tracer_tests::wire::{flows, sums};

fn rustls(mode: &str, address: &str, count: u64, ca: &str, version: &str) -> Client {
    let binary = env!("CARGO_BIN_EXE_rustls_client");
    let arguments = [
        binary,
        mode,
        address,
        "localhost",
        &count.to_string(),
        ca,
        version,
    ];
    Client::new("rustls_client", arguments)
}

/// Every cut of the ClientHello into two segments is still one named handshake.
fn check_cuts(protocols: &'static str, version: &str) -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx(protocols, &certificate)?;
    let (port, ca) = (
        server.port.to_string(),
        certificate.path().display().to_string(),
    );
    let arguments = [
        "127.0.0.1",
        &port,
        "cut.tracer.test",
        &ca,
        version,
        "1",
        "0",
        "1",
    ];
    let client = Client::python("tls_pieces.py", &arguments)?;
    let capture = Capture::start(server.port)?;
    let traced = run(&client)?;
    sockets::settle(server.port)?;
    let wire = sums(&flows(&capture.finish()?, server.port));
    let mut differences = Differences::of(format!("ClientHello cut everywhere, {version}"));
    let cuts = said(&traced, "full")?;
    differences.holds(&format!("{cuts} cuts are many"), cuts > 150);
    differences.equal("full handshakes on the wire", wire.full, cuts);
    compare(&traced.export, full(cuts), &mut differences);
    differences.finish(|| traced.story())?;
    check_hosts(&traced, &[("cut.tracer.test", HostSource::Sni, cuts)])
}

#[test]
fn client_hello_cut_at_every_byte_over_tls_12() -> Result<()> {
    check_cuts("TLSv1.2", "1.2")
}

#[test]
fn client_hello_cut_at_every_byte_over_tls_13() -> Result<()> {
    check_cuts("TLSv1.3", "1.3")
}

/// A ClientHello of 3 kB in segments of 1500 bytes, its server name anywhere.
#[test]
fn client_hello_larger_than_a_segment() -> Result<()> {
    let certificate = Certificate::small()?;
    let namespace = Namespace::new()?;
    namespace.ip(&["link", "set", "lo", "mtu", "1500"])?;
    let server = namespace.nginx("TLSv1.2 TLSv1.3", &certificate)?;
    for version in ["1.2", "1.3"] {
        let address = format!("127.0.0.1:{}", server.port);
        let ca = certificate.path().display().to_string();
        let client = rustls("large", &address, 30, &ca, version).inside(&namespace);
        let traced = run(&client)?;
        let mut differences = Differences::of(format!("ClientHello of 3 kB over TLS {version}"));
        differences.equal("the client's count", said(&traced, "full")?, 30);
        compare(&traced.export, full(30), &mut differences);
        differences.finish(|| traced.story())?;
        check_hosts(&traced, &[("localhost", HostSource::Sni, 30)])?;
    }
    Ok(())
}

/// The client writes records of 64 bytes: hello and Finished take several.
#[test]
fn client_handshake_in_many_records() -> Result<()> {
    for (protocols, version) in [("TLSv1.2", "1.2"), ("TLSv1.3", "1.3")] {
        let certificate = Certificate::small()?;
        let server = nginx(protocols, &certificate)?;
        let at = target(true, server.port, &certificate);
        let client = rustls("records", &at.address, 10, &at.ca, version);
        let (traced, _) = check(&client, server.port, full(10))?;
        check_hosts(&traced, &[("localhost", HostSource::Sni, 10)])?;
    }
    Ok(())
}

/// The server's flight arrives in segments of 1 to 7 bytes.
fn check_chunked(certificate: &Certificate, protocols: &'static str, version: &str) -> Result<()> {
    let server = nginx(protocols, certificate)?;
    let upstream: SocketAddr = ([127, 0, 0, 1], server.port).into();
    let proxy = Threaded::start(chunked(upstream, 20_000))?;
    let ca = certificate.path().display().to_string();
    let client = rustls("resume", &proxy.address.to_string(), 6, &ca, version);
    check(
        &client,
        proxy.port(),
        Outcome {
            full: 1,
            resumed: 5,
            failed: 0,
        },
    )?;
    let seen = server.seen()?;
    anyhow::ensure!(
        (seen.full, seen.resumed) == (Some(1), Some(5)),
        "the server saw {seen:?}"
    );
    Ok(())
}

#[test]
fn server_flight_in_tiny_segments_over_tls_12() -> Result<()> {
    check_chunked(&Certificate::small()?, "TLSv1.2", "1.2")
}

#[test]
fn server_flight_in_tiny_segments_over_tls_13() -> Result<()> {
    check_chunked(&Certificate::small()?, "TLSv1.3", "1.3")
}

#[test]
fn large_server_flight_in_tiny_segments() -> Result<()> {
    check_chunked(&Certificate::large()?, "TLSv1.3", "1.3")
}

/// Packets lost, doubled and swapped on the way: every handshake is still one handshake.
fn check_mischief(mischief: Mischief, protocols: &'static str, version: &str) -> Result<()> {
    let certificate = Certificate::large()?;
    let link = Link::start(mischief)?;
    let server = link.server.nginx(protocols, &certificate)?;
    let ca = certificate.path().display().to_string();
    let address = format!("{SERVER}:{}", server.port);
    let client = rustls("large", &address, 40, &ca, version).inside(&link.client);
    let traced = run(&client)?;
    let mut differences = Differences::of(format!("{mischief:?} {version}"));
    differences.equal("the client's count", said(&traced, "full")?, 40);
    differences.equal("the server's count", server.seen()?.full, Some(40));
    compare(&traced.export, full(40), &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = 40,
    );
    differences.finish(|| traced.story())?;
    check_hosts(&traced, &[("localhost", HostSource::Sni, 40)])
}

#[test]
fn packets_swapped() -> Result<()> {
    check_mischief(
        Mischief {
            swap_each: 2,
            ..Mischief::default()
        },
        "TLSv1.3",
        "1.3",
    )?;
    check_mischief(
        Mischief {
            swap_each: 3,
            ..Mischief::default()
        },
        "TLSv1.2",
        "1.2",
    )
}

#[test]
fn packets_doubled() -> Result<()> {
    check_mischief(
        Mischief {
            double_each: 1,
            ..Mischief::default()
        },
        "TLSv1.3",
        "1.3",
    )?;
    check_mischief(
        Mischief {
            double_each: 1,
            ..Mischief::default()
        },
        "TLSv1.2",
        "1.2",
    )
}

#[test]
fn packets_lost() -> Result<()> {
    check_mischief(
        Mischief {
            drop_each: 17,
            ..Mischief::default()
        },
        "TLSv1.3",
        "1.3",
    )?;
    check_mischief(
        Mischief {
            drop_each: 17,
            ..Mischief::default()
        },
        "TLSv1.2",
        "1.2",
    )
}
