//! Handshakes of unusual shape: hellos in pieces, Java's padded records, early data over a round trip.

use std::time::Duration;

use anyhow::Result;
use tracer_tests::build;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::machine::program;
use tracer_tests::matrix::visitor;
use tracer_tests::server::{Nginx, NginxOptions, Relay, Script, Threaded, thinking};
use tracer_tests::tracer::{Traced, run};
use tracer_tests::turns::{self, Turns};

/// Time for one direction of the link that [`Relay::start_late`] makes.
const ONE_WAY: Duration = Duration::from_millis(20);

/// Checks that the server counted these requests, connections and full handshakes, and that tracer did.
fn compare_pages(
    traced: &Traced,
    server: &Script,
    turns: Turns,
    differences: &mut Differences,
) -> Result<()> {
    server.compare_pages(traced, turns, differences)?;
    compare!(
        differences,
        traced.export,
        totals.connections.established = turns.connections,
        totals.connections.never_used = 0,
        totals.tls.full = turns.connections,
        totals.tls.resumed = 0,
        totals.tls.failed = 0,
        totals.tls.unknown = 0,
        totals.tls.not_tls = 0,
    );
    Ok(())
}

const PIECES: u64 = 5;

/// Traces the client that sends a ClientHello in records of so many bytes, `apart` or together, or segments of so many.
fn hello_in_pieces(record: u32, apart: bool, segment: u32) -> Result<(Script, Traced)> {
    let certificate = Certificate::small()?;
    let server = Script::secure("pages.py", &certificate, &["version=1.3", "size=2000"])?;
    let numbers = [u32::from(server.port), 5, record, u32::from(apart), segment];
    let words = numbers.map(|number| number.to_string());
    let words = words.each_ref().map(String::as_str);
    let traced = run(&Client::python("hello_records.py", &words)?)?;
    Ok((server, traced))
}

#[test]
fn client_hello_in_pieces() -> Result<()> {
    for (record, apart, segment) in [
        (0, false, 0),
        (100, true, 0),
        (15, true, 0),
        (15, false, 0),
        (0, false, 1),
    ] {
        let (server, traced) = hello_in_pieces(record, apart, segment)?;
        let mut differences = Differences::of(format!(
            "records of {record} bytes, apart {apart}, segments of {segment}"
        ));
        compare_pages(
            &traced,
            &server,
            Turns::answered(PIECES, PIECES),
            &mut differences,
        )?;
        let hosts: Vec<_> = traced.export.hosts.iter().map(|host| &*host.host).collect();
        differences.equal("hosts", hosts, vec!["pieces.test"]);
        differences.finish(|| server.story(&traced))?;
    }
    Ok(())
}

fn java(mode: &str, port: u16, count: u64, certificate: &Certificate) -> Result<Client> {
    let java = program("java", "default-jdk-headless")?.into_os_string();
    let classes = build::java("clients/Sockets.java")?.into_os_string();
    let words = [
        "Sockets".to_owned(),
        mode.to_owned(),
        port.to_string(),
        count.to_string(),
    ];
    let words = words
        .into_iter()
        .map(Into::into)
        .chain([certificate.path().into()]);
    Ok(Client::new(
        "java",
        [java, "-cp".into(), classes].into_iter().chain(words),
    ))
}

/// The JDK pads its records of TLS 1.3, and closes with two alerts.
#[test]
fn java_closes_its_sockets() -> Result<()> {
    for version in ["1.2", "1.3"] {
        let certificate = Certificate::small()?;
        let server = Script::secure("pages.py", &certificate, &[&format!("version={version}")])?;
        let traced = run(&java("closes", server.port, 10, &certificate)?)?;
        let mut differences = Differences::of(format!("JSSE over TLS {version}"));
        let resumed = server.counted("resumed")?;
        let full = server.counted("full")?;
        differences.equal("requests of the server", server.counted("request")?, 10);
        traced.export.compare_losses(&mut differences);
        turns::compare(&traced.export, Turns::answered(10, 10), &mut differences);
        compare!(
            &mut differences,
            traced.export,
            totals.tls.full = full,
            totals.tls.resumed = resumed,
            totals.tls.failed = 0,
            totals.tls.unknown = 0,
        );
        differences.finish(|| server.story(&traced))?;
    }
    Ok(())
}

/// No handshake is complete when the client does not trust the certificate.
fn check_refused(version: &str) -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Script::secure("pages.py", &certificate, &[&format!("version={version}")])?;
    let traced = run(&java("refuses", server.port, 3, &certificate)?)?;
    let mut differences = Differences::of(format!("JSSE over TLS {version}"));
    differences.holds("the client succeeded", traced.finished.status.success());
    differences.equal("requests of the server", server.counted("request")?, 0);
    differences.equal("handshakes of the server", server.counted("full")?, 0);
    traced.export.compare_losses(&mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.tls.full = 0,
        totals.tls.failed = 3,
        totals.requests.count = 0,
        totals.requests.failed = 0,
    );
    differences.finish(|| server.story(&traced))
}

#[test]
fn java_refuses_certificates_of_tls_12() -> Result<()> {
    check_refused("1.2")
}

/// The first visit, to port `$1`, saves a session; the others, to port `$2`, send their request as early data.
const EARLY: &str = r#"place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
printf 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n' >"$place/request"
visit() { openssl s_client -ign_eof -connect "127.0.0.1:$1" -servername a.test -sess_out "$place/session" $2; }
visit "$1" "" <"$place/request" >"$place/first"
for _ in 1 2 3 4 5; do
  cp "$place/session" "$place/used"
  visit "$2" "-sess_in $place/used -early_data $place/request" </dev/null | grep 'Early data was'
done"#;

/// Early data over a round trip of 40 ms: the server takes 100 ms for each page, and has it when the handshake is over.
#[test]
fn early_data_over_a_round_trip() -> Result<()> {
    const THINK: Duration = Duration::from_millis(100);
    let pages = Threaded::start(thinking(THINK, |_request| "page\n".into()))?;
    let options = NginxOptions {
        protocols: Some("TLSv1.3"),
        early_data: true,
        upstream: Some(pages.port()),
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let relay = Relay::start_late(server.port, ONE_WAY)?;
    let ports = [server.port, relay.port()].map(|port| port.to_string());
    let traced = run(&Client::shell(
        "openssl",
        EARLY,
        &ports.each_ref().map(String::as_str),
    ))?;
    let seen = server.seen()?;
    let mut differences = Differences::of("early data");
    differences.equal("requests of nginx", seen.requests, Some(6));
    differences.equal("resumed by nginx", seen.resumed, Some(5));
    let accepted = traced
        .finished
        .stdout
        .matches("Early data was accepted")
        .count();
    differences.equal("accepted early data", accepted, 5);
    traced.export.compare_losses(&mut differences);
    turns::compare(&traced.export, Turns::answered(6, 6), &mut differences);
    compare!(
        &mut differences,
        traced.export,
        totals.tls.full = 1,
        totals.tls.resumed = 5,
        totals.tls.failed = 0,
        totals.tls.unknown = 0,
        totals.connections.never_used = 0,
    );
    // The ticket of the first visit may pass for its answer. The other five are sent early.
    let median_ns = figure!(traced.export, Phase::Ttfb.p50_ns)?;
    let at_least_ns = (THINK + 2 * ONE_WAY).as_nanos() as u64;
    differences.holds(
        &format!("{median_ns} ns are a round trip and the server's time"),
        (at_least_ns - 1_000_000..at_least_ns + 60_000_000).contains(&median_ns),
    );
    differences.finish(|| traced.story())
}

/// The alert with which the JDK gives up is as long as a small request, because it is padded.
#[test]
fn java_refuses_certificates_of_tls_13() -> Result<()> {
    check_refused("1.3")
}

/// Each record has a few bytes of the ClientHello only. Where the handshake cannot be followed its bytes are no requests.
#[test]
fn client_hello_in_very_many_records() -> Result<()> {
    for record in [4, 1] {
        let (server, traced) = hello_in_pieces(record, false, 0)?;
        let mut differences = Differences::of(format!("records of {record} bytes"));
        differences.equal("requests of the server", server.counted("request")?, PIECES);
        traced.export.compare_losses(&mut differences);
        let tls = &traced.export.totals.tls;
        let full = tls.full.unwrap_or_default();
        differences.equal(
            "followed or unknown",
            full + tls.unknown.unwrap_or_default(),
            PIECES,
        );
        compare!(
            &mut differences,
            traced.export,
            totals.requests.count = full,
            totals.requests.connections = full,
            totals.requests.failed = 0,
            totals.tls.failed = 0,
            totals.tls.not_tls = 0,
        );
        differences.finish(|| server.story(&traced))?;
    }
    Ok(())
}

/// TLS 1.2 False Start (RFC 7918): the first request goes out behind the client's Finished, before the server's has come.
fn check_false_start(client: &str, requests: u32) -> Result<()> {
    const ROUNDS: u32 = 8;
    let certificate = Certificate::small()?;
    let server = Script::secure("pages.py", &certificate, &["version=1.2", "size=2000"])?;
    let relay = Relay::start_late(server.port, ONE_WAY)?;
    let url = format!("https://localhost:{}/", relay.port());
    let traced = run(&visitor(
        client,
        &url,
        ROUNDS,
        requests,
        certificate.path(),
    )?)?;
    // wget2 does not always keep its connection.
    let turns = Turns::answered(u64::from(ROUNDS * requests), server.counted("connection")?);
    let mut differences = Differences::of(format!("{client}, {requests} requests at a time"));
    compare_pages(&traced, &server, turns, &mut differences)?;
    let round_trip = (2 * ONE_WAY).as_nanos() as u64;
    let shortest_ns = figure!(traced.export, Phase::Ttfb.min_ns)?;
    differences.holds(
        &format!("{shortest_ns} ns are a round trip"),
        shortest_ns + 1_000_000 >= round_trip,
    );
    differences.finish(|| server.story(&traced))
}

#[test]
fn false_start_of_boringssl() -> Result<()> {
    check_false_start("curl_cffi", 1)?;
    check_false_start("curl_cffi", 3)
}

#[test]
fn false_start_of_gnutls() -> Result<()> {
    check_false_start("wget2", 1)?;
    check_false_start("wget2", 3)
}

/// The server asks for a new handshake between each request and its answer, which comes 50 ms later.
#[test]
fn renegotiation_before_each_answer() -> Result<()> {
    const AFTER_NS: u64 = 50_000_000;
    let certificate = Certificate::small()?;
    let server = Script::secure("renegotiates.py", &certificate, &["after=50"])?;
    let url = format!("https://localhost:{}/", server.port);
    let script = r#"for _ in 1 2 3 4 5; do curl -sk --http1.1 -o /dev/null -o /dev/null -o /dev/null "$1?[1-3]"; done"#;
    let traced = run(&Client::shell("curl", script, &[&url]))?;
    let mut differences = Differences::of("renegotiation");
    differences.equal(
        "renegotiations of the server",
        server.counted("renegotiation")?,
        15,
    );
    compare_pages(&traced, &server, Turns::answered(15, 5), &mut differences)?;
    let shortest_ns = figure!(traced.export, Phase::Ttfb.min_ns)?;
    differences.holds(
        &format!("{shortest_ns} ns to the first byte"),
        shortest_ns + 1_000_000 >= AFTER_NS,
    );
    let transfer_ns = figure!(traced.export, Phase::Transfer.max_ns)?;
    differences.holds(
        &format!("a transfer of {transfer_ns} ns"),
        transfer_ns < AFTER_NS,
    );
    differences.finish(|| server.story(&traced))
}

/// The server asks for a certificate after the handshake: the client's flight with it is no request.
#[test]
fn certificate_asked_for_after_the_handshake() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Script::secure("late_certificate.py", &certificate, &[])?;
    let (cert, key) = (certificate.path(), certificate.key());
    let words = [
        &*server.port.to_string(),
        &*cert.display().to_string(),
        &*key.display().to_string(),
        "3",
        "4",
    ];
    let traced = run(&Client::python("late_certificate.py", &words)?)?;
    let turns = Turns {
        requests: 12,
        connections: 3,
        failed: 0,
    };
    let mut differences = Differences::of("a certificate asked for late");
    compare_pages(&traced, &server, turns, &mut differences)?;
    differences.equal("certificates", server.counted("certificate")?, 9);
    traced.export.compare_losses(&mut differences);
    differences.finish(|| server.story(&traced))
}

/// Messages that are never answered, by design, are no requests and no failures.
#[test]
fn messages_that_need_no_answer() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = Script::secure("sink.py", &certificate, &[])?;
    for (version, lines) in [("TLSv1_2", 5), ("TLSv1_3", 5)] {
        let words = [&*server.port.to_string(), version, "2", &lines.to_string()];
        let traced = run(&Client::python("log_lines.py", &words)?)?;
        let mut differences = Differences::of(version);
        traced.export.compare_losses(&mut differences);
        compare!(
            &mut differences,
            traced.export,
            totals.requests.count = 0,
            totals.requests.failed = 0,
            totals.connections.established = 2,
            totals.connections.one_way = 2,
            totals.tls.full = 2,
        );
        differences.finish(|| server.story(&traced))?;
    }
    differences_of_lines(&server)
}

fn differences_of_lines(server: &Script) -> Result<()> {
    let mut differences = Differences::of("lines of the server");
    differences.equal("lines", server.counted("line")?, 2 * 2 * 9);
    differences.equal("connections", server.counted("connection")?, 4);
    differences.finish(String::new)
}
