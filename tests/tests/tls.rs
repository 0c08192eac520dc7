//! TLS as the wire shows it: every version and shape of handshake.

use anyhow::{Context, Result};
use tracer_export::HostSource;
use tracer_tests::case::{Target, target};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::outcome::{Outcome, check, check_hosts, curl, full, nginx, s_client};
use tracer_tests::server::{Go, GoOptions, Nginx, NginxOptions, OpenSsl};
use tracer_tests::wire::handshake;

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

#[test]
fn hello_retry_request() -> Result<()> {
    let server = OpenSsl::start(&["-groups", "P-521", "-tls1_3"], &Certificate::small()?)?;
    let client = s_client(server.port, "-servername localhost -groups X25519:P-521");
    let (traced, flows) = check(&client, server.port, full(1))?;
    let retried = flows
        .iter()
        .filter_map(handshake)
        .filter(|handshake| handshake.retried)
        .count();
    anyhow::ensure!(retried == 1, "the server asked for no other ClientHello");
    let counted = figure!(traced.export, totals.tls.hello_retry_requests)?;
    anyhow::ensure!(
        counted == 1,
        "{counted} HelloRetryRequests: {}",
        traced.story()
    );
    check_hosts(&traced, &[("localhost", HostSource::Sni, 1)])
}

fn check_client_certificate(
    client: impl FnOnce(&Target) -> Result<Client>,
    version: &'static str,
    count: u64,
) -> Result<()> {
    let certificate = Certificate::small()?;
    let flags = vec!["-client-cert".into(), "-no-tickets".into()];
    let server = Go::start(
        &GoOptions {
            version: Some(version),
            flags,
        },
        &certificate,
    )?;
    let client = client(&target(true, server.port, &certificate))?
        .with("CERTIFICATE", certificate.path())
        .with("KEY", certificate.key());
    check(&client, server.port, full(count))?;
    let seen = server.finish()?;
    anyhow::ensure!(seen.full == Some(count), "the server saw {seen:?}");
    Ok(())
}

fn curl_with_certificate(at: &Target) -> Client {
    let key = at.certificate.key();
    curl(
        &at.url,
        &format!("--cacert {0} --cert {0} --key {1}", at.ca, key.display()),
    )
}

fn python_with_certificate(at: &Target, version: &str) -> Result<Client> {
    let arguments = ["127.0.0.1", &at.port, "localhost", &at.ca, version, "5"];
    Client::python("tls_certificate.py", &arguments)
}

#[test]
fn client_certificate_of_curl_over_tls_12() -> Result<()> {
    check_client_certificate(|at| Ok(curl_with_certificate(at)), "1.2", 1)
}

#[test]
fn client_certificate_of_curl_over_tls_13() -> Result<()> {
    check_client_certificate(|at| Ok(curl_with_certificate(at)), "1.3", 1)
}

#[test]
fn client_certificate_of_python_over_tls_12() -> Result<()> {
    check_client_certificate(|at| python_with_certificate(at, "1.2"), "1.2", 5)
}

#[test]
fn client_certificate_of_python_over_tls_13() -> Result<()> {
    check_client_certificate(|at| python_with_certificate(at, "1.3"), "1.3", 5)
}

#[test]
fn client_certificate_of_rustls_over_tls_12() -> Result<()> {
    check_client_certificate(
        |at| Ok(rustls("certificate", &at.address, 5, &at.ca, "1.2")),
        "1.2",
        5,
    )
}

#[test]
fn client_certificate_of_rustls_over_tls_13() -> Result<()> {
    check_client_certificate(
        |at| Ok(rustls("certificate", &at.address, 5, &at.ca, "1.3")),
        "1.3",
        5,
    )
}

#[test]
fn client_certificate_of_go_over_tls_12() -> Result<()> {
    check_client_certificate(
        |at| Client::go(&["certificate", &at.url, "5", "1", &at.ca]),
        "1.2",
        5,
    )
}

#[test]
fn client_certificate_of_go_over_tls_13() -> Result<()> {
    check_client_certificate(
        |at| Client::go(&["certificate", &at.url, "5", "1", &at.ca]),
        "1.3",
        5,
    )
}

#[test]
fn client_certificate_asked_by_openssl() -> Result<()> {
    for version in ["-tls1_2", "-tls1_3"] {
        let certificate = Certificate::small()?;
        let ca = certificate.path().display().to_string();
        let server = OpenSsl::start(&["-Verify", "1", "-CAfile", &ca, version], &certificate)?;
        let at = target(true, server.port, &certificate);
        check(&curl_with_certificate(&at), server.port, full(1))?;
    }
    Ok(())
}

#[test]
fn without_a_server_name() -> Result<()> {
    let server = OpenSsl::start(&[], &Certificate::small()?)?;
    let (traced, _) = check(
        &s_client(server.port, "-noservername"),
        server.port,
        full(1),
    )?;
    check_hosts(&traced, &[("127.0.0.1", HostSource::Address, 1)])
}

#[test]
fn several_server_names_on_one_address() -> Result<()> {
    let server = nginx("TLSv1.3", &Certificate::small()?)?;
    let script = r#"for name in a b b c c c; do
      curl -sk -o /dev/null --resolve "$name.tracer.test:$1:127.0.0.1" "https://$name.tracer.test:$1/"
    done"#;
    let client = Client::shell("curl", script, &[&server.port.to_string()]);
    let (traced, _) = check(&client, server.port, full(6))?;
    check_hosts(
        &traced,
        &[
            ("a.tracer.test", HostSource::Sni, 1),
            ("b.tracer.test", HostSource::Sni, 2),
            ("c.tracer.test", HostSource::Sni, 3),
        ],
    )
}

#[test]
fn over_ipv6() -> Result<()> {
    let certificate = Certificate::small()?;
    let server = nginx("TLSv1.3", &certificate)?;
    let url = format!(
        "https://localhost:{0}/ --resolve localhost:{0}:[::1]",
        server.port
    );
    let script = r#"for _ in 1 2 3; do curl -s -o /dev/null --cacert "$2" $1; done"#;
    let ca = certificate.path().display().to_string();
    let client = Client::shell("curl", script, &[&url, &ca]);
    let (traced, flows) = check(&client, server.port, full(3))?;
    anyhow::ensure!(
        flows.iter().all(|flow| flow.server.is_ipv6()),
        "curl did not use IPv6"
    );
    check_hosts(&traced, &[("localhost", HostSource::Sni, 3)])
}

#[test]
fn renegotiated_over_tls_12() -> Result<()> {
    let server = OpenSsl::start(&["-tls1_2"], &Certificate::small()?)?;
    let script = r#"{ printf 'R\n'; printf 'GET / HTTP/1.0\r\n\r\n'; } |
      openssl s_client -ign_eof -connect "127.0.0.1:$1" -servername localhost"#;
    let client = Client::shell("openssl", script, &[&server.port.to_string()]);
    check(&client, server.port, full(1)).map(drop)
}

/// The first visit saves a session, the second sends its request (`$2`) as early data: encrypted
/// records go out before the ServerHello comes in.
const EARLY_DATA: &str = r#"session=$(mktemp); trap 'rm -f "$session" "$session.data"' EXIT
printf "$2" >"$session.data"
visit() { openssl s_client -quiet -ign_eof -connect "127.0.0.1:$1" -servername localhost "$2" "$session" $3; }
visit "$1" -sess_out <"$session.data"
visit "$1" -sess_in "-early_data $session.data" </dev/null"#;

fn check_early_data(request: &str) -> Result<()> {
    let options = NginxOptions {
        early_data: true,
        keepalive_s: 1,
        ..NginxOptions::default()
    };
    let server = Nginx::start(options, &Certificate::small()?)?;
    let client = Client::shell("openssl", EARLY_DATA, &[&server.port.to_string(), request]);
    let (traced, flows) = check(
        &client,
        server.port,
        Outcome {
            full: 1,
            resumed: 1,
            failed: 0,
        },
    )?;
    let mut differences = Differences::of("requests, one as early data");
    compare!(
        &mut differences,
        traced.export,
        totals.requests.count = 2,
        totals.requests.failed = 0,
        totals.connections.never_used = 0,
    );
    differences.finish(|| traced.story())?;
    let (sent, _) = flows.get(1).context("no second connection")?.sent.bytes();
    let hello = 5 + usize::from(u16::from_be_bytes([sent[3], sent[4]]));
    // ChangeCipherSpec (6 bytes) may come between.
    let next = [sent.get(hello), sent.get(hello + 6)];
    anyhow::ensure!(next.contains(&Some(&23)), "the client sent no early data");
    Ok(())
}

#[test]
fn early_data_on_a_connection_kept_alive() -> Result<()> {
    check_early_data(r"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The server answers early data and closes before the client has sent its Finished.
#[test]
fn early_data_on_a_connection_the_server_closes() -> Result<()> {
    check_early_data(r"GET / HTTP/1.0\r\n\r\n")
}
