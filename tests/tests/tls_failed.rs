//! Handshakes that fail, and connections that are no TLS whatever their port.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::Result;
use tracer_export::HostSource;
use tracer_tests::case::target;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::namespace::Namespace;
use tracer_tests::outcome::{NOT_TLS, check, check_hosts, compare, curl, failed, nginx};
use tracer_tests::server::{Threaded, answer, read_client_hello, reset};
use tracer_tests::tracer::run;

#[test]
fn certificate_rejected_by_the_client() -> Result<()> {
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let certificate = Certificate::small()?;
        let server = nginx(protocols, &certificate)?;
        let at = target(true, server.port, &certificate);
        let (traced, _) = check(&curl(&at.url, ""), server.port, failed(1))?;
        anyhow::ensure!(
            traced.finished.stdout.contains("curl: 60"),
            "curl took the certificate"
        );
        check_hosts(&traced, &[("localhost", HostSource::Sni, 1)])?;
    }
    Ok(())
}

#[test]
fn no_cipher_in_common() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.2", &certificate)?;
    let at = target(true, server.port, &certificate);
    let options = "-k --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256";
    check(&curl(&at.url, options), server.port, failed(1)).map(drop)
}

#[test]
fn no_version_in_common() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.3", &certificate)?;
    let at = target(true, server.port, &certificate);
    check(&curl(&at.url, "-k --tls-max 1.2"), server.port, failed(1)).map(drop)
}

/// A server that reads the ClientHello and then does `then`.
fn after_hello(then: fn(TcpStream)) -> Result<Threaded> {
    Threaded::start(move |mut stream| {
        if read_client_hello(&mut stream).is_ok() {
            then(stream);
        }
    })
}

fn check_failed_by(then: fn(TcpStream), options: &str) -> Result<()> {
    let server = after_hello(then)?;
    let url = format!("https://localhost:{}/", server.port());
    let (traced, _) = check(&curl(&url, options), server.port(), failed(1))?;
    check_hosts(&traced, &[("localhost", HostSource::Sni, 1)])
}

#[test]
fn closed_by_the_server_during_the_handshake() -> Result<()> {
    check_failed_by(drop, "-k")
}

#[test]
fn reset_by_the_server_during_the_handshake() -> Result<()> {
    check_failed_by(reset, "-k")
}

#[test]
fn given_up_by_the_client_during_the_handshake() -> Result<()> {
    // Reads until the client is gone.
    check_failed_by(
        |mut stream| drop(stream.read_to_end(&mut Vec::new())),
        "-k --max-time 0.3",
    )
}

#[test]
fn answered_in_clear() -> Result<()> {
    check_failed_by(answer_in_clear, "-k")
}

fn answer_in_clear(mut stream: TcpStream) {
    // A client that is gone has failed as it should.
    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A server on port 443 of a namespace.
fn on_443(serve: fn(TcpStream)) -> Result<(Namespace, Threaded)> {
    let namespace = Namespace::new()?;
    let listener = namespace.run(|| Ok(TcpListener::bind(("127.0.0.1", 443))?))?;
    Ok((namespace, Threaded::over(listener, serve)?))
}

fn check_not_tls(client: Client, serve: fn(TcpStream), connections: u64) -> Result<()> {
    let (namespace, server) = on_443(serve)?;
    let client = client.inside(&namespace);
    let traced = run(&client)?;
    let mut differences = Differences::of(format!("no TLS on port 443: {:?}", client.command));
    differences.equal("accepted", server.accepted(), connections);
    compare(&traced.export, NOT_TLS, &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.connections.established = connections,
    );
    compare!(
        &mut differences,
        traced.export,
        totals.tls.not_tls = connections,
    );
    differences.finish(|| traced.story())?;
    check_hosts(&traced, &[("127.0.0.1", HostSource::Address, connections)])
}

#[test]
fn plain_http_on_port_443() -> Result<()> {
    check_not_tls(curl("http://127.0.0.1:443/", ""), answer, 1)
}

/// Reads everything and closes.
fn swallow(mut stream: TcpStream) {
    // The end of the stream is all that matters.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn speak_first(mut stream: TcpStream) {
    let _ = stream.write_all(b"SSH-2.0-server\r\n");
    swallow(stream);
}

#[test]
fn noise_on_port_443() -> Result<()> {
    check_not_tls(
        Client::python("noise.py", &["random", "127.0.0.1", "443", "5"])?,
        swallow,
        5,
    )
}

#[test]
fn a_record_header_without_a_hello_on_port_443() -> Result<()> {
    check_not_tls(
        Client::python("noise.py", &["hello", "127.0.0.1", "443", "5"])?,
        swallow,
        5,
    )
}

#[test]
fn a_server_that_speaks_first_on_port_443() -> Result<()> {
    check_not_tls(
        Client::python("noise.py", &["speech", "127.0.0.1", "443", "5"])?,
        speak_first,
        5,
    )
}
