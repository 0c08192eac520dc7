//! Real clients: what tracer counts is what the wire, the server, the client and `ss` say.

use anyhow::Result;
use tracer_tests::case::{Expected, Origin, Target, check, exactly};
use tracer_tests::client::Client;
use tracer_tests::server::{GoOptions, NginxOptions};

const TLS12: &str = "TLSv1.2";
const TLS13: &str = "TLSv1.3";

/// Script of many curls, each after the other: `$1` URL, `$2` how many, `$3` CA. curl says how often it connected.
const CURL_EACH: &str = r#"
for _ in $(seq "$2"); do curl -s --cacert "$3" -o /dev/null -w '%{num_connects}\n' "$1"; done |
  awk '{ sum += $1 } END { print "{\"requests\":" NR ",\"connections\":" sum "}" }'"#;

/// Script of a single curl for all requests: it reuses its connection.
const CURL_ONCE: &str = r#"
urls=$(for _ in $(seq "$2"); do printf '%s -o /dev/null ' "$1"; done)
curl -s --cacert "$3" -w '%{num_connects}\n' $urls |
  awk '{ sum += $1 } END { print "{\"requests\":" NR ",\"connections\":" sum "}" }'"#;

const WGET_EACH: &str = r#"
for _ in $(seq "$2"); do wget -q -O /dev/null --ca-certificate="$3" "$1"; done
echo "{\"requests\":$2,\"connections\":$2}""#;

const WGET_ONCE: &str = r#"
urls=$(for _ in $(seq "$2"); do printf '%s ' "$1"; done)
wget -q -O /dev/null --ca-certificate="$3" $urls
echo "{\"requests\":$2,\"connections\":1}""#;

/// Script of a single s_client: `$1` its options, `$2` port, `$3` CA.
const S_CLIENT: &str = r#"
printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -verify_quiet -verify_return_error $1 \
  -servername localhost -connect 127.0.0.1:"$2" -CAfile "$3" >/dev/null 2>&1
echo '{"requests":1}'"#;

/// The first s_client saves its session, three more offer it.
const S_CLIENT_SESSION: &str = r#"
session=$(mktemp)
trap 'rm -f "$session"' EXIT
visit() {
  printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -verify_quiet -servername localhost \
    -connect 127.0.0.1:"$2" -CAfile "$3" "$1" "$4" "$session" >/dev/null 2>&1
}
visit "$1" "$2" "$3" -sess_out
for _ in 1 2 3; do visit "$1" "$2" "$3" -sess_in; done
echo '{"requests":4}'"#;

/// `-reconnect`: one connection, then five more with its session.
const S_CLIENT_RECONNECT: &str = r#"
openssl s_client -reconnect "$1" -servername localhost -connect 127.0.0.1:"$2" -CAfile "$3" \
  </dev/null >/dev/null 2>&1
echo '{}'"#;

fn script(comm: &'static str, text: &str, at: &Target, count: u64) -> Result<Client> {
    Ok(Client::shell(
        comm,
        text,
        &[&at.url, &count.to_string(), &at.ca],
    ))
}

fn s_client(text: &str, option: &str, at: &Target) -> Result<Client> {
    Ok(Client::shell("openssl", text, &[option, &at.port, &at.ca]))
}

fn python(name: &str, mode: &str, at: &Target, count: u64) -> Result<Client> {
    Client::python(name, &[mode, &at.url, &count.to_string(), &at.ca])
}

fn go(mode: &str, at: &Target, count: u64, concurrency: u64) -> Result<Client> {
    Client::go(&[
        mode,
        &at.url,
        &count.to_string(),
        &concurrency.to_string(),
        &at.ca,
    ])
}

fn rustls(mode: &str, version: &str, at: &Target, count: u64) -> Result<Client> {
    let binary = env!("CARGO_BIN_EXE_rustls_client");
    let arguments = [
        binary,
        mode,
        &at.address,
        "localhost",
        &count.to_string(),
        &at.ca,
        version,
    ];
    Ok(Client::new("rustls_client", arguments))
}

fn unknown_reuse(requests: u64) -> Expected {
    Expected {
        requests: Some(requests),
        ..Expected::default()
    }
}

#[test]
fn curl_one_connection_each_over_tls_13() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| script("curl", CURL_EACH, at, 10),
        exactly(10, 10, 10, 0),
    )
}

#[test]
fn curl_one_connection_each_over_tls_12() -> Result<()> {
    check(
        &Origin::nginx(TLS12),
        |at| script("curl", CURL_EACH, at, 10),
        exactly(10, 10, 10, 0),
    )
}

#[test]
fn curl_one_connection_each_in_clear() -> Result<()> {
    check(
        &Origin::plain(),
        |at| script("curl", CURL_EACH, at, 10),
        exactly(10, 10, 0, 0),
    )
}

#[test]
fn curl_to_a_server_that_closes_first() -> Result<()> {
    let options = NginxOptions {
        keepalive_s: 0,
        ..NginxOptions::default()
    };
    check(
        &Origin::Nginx(options),
        |at| script("curl", CURL_EACH, at, 10),
        exactly(10, 10, 10, 0),
    )
}

#[test]
fn curl_reusing_its_connection() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| script("curl", CURL_ONCE, at, 8),
        exactly(8, 1, 1, 0),
    )
}

#[test]
fn curl_to_a_server_that_ends_each_third_request() -> Result<()> {
    let options = NginxOptions {
        keepalive_requests: 3,
        ..NginxOptions::default()
    };
    let expected = Expected {
        connections: Some(3),
        ..unknown_reuse(9)
    };
    check(
        &Origin::Nginx(options),
        |at| script("curl", CURL_ONCE, at, 9),
        expected,
    )
}

#[test]
fn wget_one_connection_each() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| script("wget", WGET_EACH, at, 5),
        exactly(5, 5, 5, 0),
    )
}

#[test]
fn wget_reusing_its_connection() -> Result<()> {
    check(
        &Origin::nginx(TLS12),
        |at| script("wget", WGET_ONCE, at, 5),
        exactly(5, 1, 1, 0),
    )
}

#[test]
fn s_client_full_over_tls_12() -> Result<()> {
    check(
        &Origin::OpenSsl(&[]),
        |at| s_client(S_CLIENT, "-tls1_2", at),
        exactly(1, 1, 1, 0),
    )
}

#[test]
fn s_client_full_over_tls_13() -> Result<()> {
    check(
        &Origin::OpenSsl(&[]),
        |at| s_client(S_CLIENT, "-tls1_3", at),
        exactly(1, 1, 1, 0),
    )
}

#[test]
fn s_client_resumed_over_tls_12() -> Result<()> {
    let row = exactly(4, 4, 1, 3);
    check(
        &Origin::OpenSsl(&[]),
        |at| s_client(S_CLIENT_SESSION, "-tls1_2", at),
        row,
    )
}

#[test]
fn s_client_resumed_over_tls_12_by_session_id() -> Result<()> {
    let origin = Origin::OpenSsl(&["-no_ticket"]);
    check(
        &origin,
        |at| s_client(S_CLIENT_SESSION, "-tls1_2", at),
        exactly(4, 4, 1, 3),
    )
}

#[test]
fn s_client_resumed_over_tls_13() -> Result<()> {
    let row = exactly(4, 4, 1, 3);
    check(
        &Origin::OpenSsl(&[]),
        |at| s_client(S_CLIENT_SESSION, "-tls1_3", at),
        row,
    )
}

#[test]
fn s_client_reconnecting_over_tls_12() -> Result<()> {
    let row = Expected {
        connections: Some(6),
        full: Some(1),
        resumed: Some(5),
        requests: None,
    };
    check(
        &Origin::OpenSsl(&[]),
        |at| s_client(S_CLIENT_RECONNECT, "-tls1_2", at),
        row,
    )
}

#[test]
fn s_client_reconnecting_over_tls_13() -> Result<()> {
    let row = Expected {
        connections: Some(6),
        ..Expected::default()
    };
    check(
        &Origin::OpenSsl(&[]),
        |at| s_client(S_CLIENT_RECONNECT, "-tls1_3", at),
        row,
    )
}

#[test]
fn python_http_client_with_new_connections() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| python("http_client.py", "fresh", at, 20),
        exactly(20, 20, 20, 0),
    )
}

#[test]
fn python_http_client_keeping_alive() -> Result<()> {
    let row = exactly(20, 1, 1, 0);
    check(
        &Origin::nginx(TLS13),
        |at| python("http_client.py", "keepalive", at, 20),
        row,
    )
}

#[test]
fn python_http_client_in_clear() -> Result<()> {
    check(
        &Origin::plain(),
        |at| python("http_client.py", "fresh", at, 20),
        exactly(20, 20, 0, 0),
    )
}

#[test]
fn python_ssl_resuming_over_tls_12() -> Result<()> {
    let row = exactly(10, 10, 1, 9);
    check(
        &Origin::nginx(TLS12),
        |at| python("http_client.py", "resume", at, 10),
        row,
    )
}

#[test]
fn python_ssl_resuming_over_tls_13() -> Result<()> {
    let row = exactly(10, 10, 1, 9);
    check(
        &Origin::nginx(TLS13),
        |at| python("http_client.py", "resume", at, 10),
        row,
    )
}

#[test]
fn requests_without_a_session() -> Result<()> {
    let row = exactly(10, 10, 10, 0);
    check(
        &Origin::nginx(TLS13),
        |at| python("requests_client.py", "naive", at, 10),
        row,
    )
}

#[test]
fn requests_with_a_session() -> Result<()> {
    let row = exactly(10, 1, 1, 0);
    check(
        &Origin::nginx(TLS12),
        |at| python("requests_client.py", "session", at, 10),
        row,
    )
}

#[test]
fn aiohttp_with_four_connections() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| python("aiohttp_client.py", "4", at, 60),
        unknown_reuse(60),
    )
}

#[test]
fn go_with_the_default_transport() -> Result<()> {
    let options = GoOptions {
        version: Some("1.3"),
        flags: vec!["-delay=5ms".into()],
    };
    check(
        &Origin::Go(options),
        |at| go("default", at, 200, 20),
        unknown_reuse(200),
    )
}

#[test]
fn go_with_a_tuned_transport() -> Result<()> {
    let options = GoOptions {
        version: Some("1.3"),
        flags: vec!["-delay=5ms".into()],
    };
    check(
        &Origin::Go(options),
        |at| go("tuned", at, 200, 20),
        exactly(200, 20, 20, 0),
    )
}

#[test]
fn go_resuming_over_tls_12() -> Result<()> {
    check(
        &Origin::go("1.2"),
        |at| go("resume", at, 10, 1),
        exactly(10, 10, 1, 9),
    )
}

#[test]
fn go_resuming_over_tls_13() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| go("resume", at, 10, 1),
        unknown_reuse(10),
    )
}

#[test]
fn node_fetch() -> Result<()> {
    let row = unknown_reuse(40);
    check(
        &Origin::nginx(TLS13),
        |at| Client::node(&["4", &at.url, "40"], at.certificate),
        row,
    )
}

#[test]
fn node_fetch_in_clear() -> Result<()> {
    let row = unknown_reuse(40);
    check(
        &Origin::plain(),
        |at| Client::node(&["4", &at.url, "40"], at.certificate),
        row,
    )
}

#[test]
fn java_http_client_over_tls_13() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| Client::java(&["4", &at.url, "40"]),
        unknown_reuse(40),
    )
}

#[test]
fn java_http_client_over_tls_12() -> Result<()> {
    check(
        &Origin::go("1.2"),
        |at| Client::java(&["4", &at.url, "40"]),
        unknown_reuse(40),
    )
}

#[test]
fn rustls_full_over_tls_12() -> Result<()> {
    check(
        &Origin::nginx(TLS12),
        |at| rustls("full", "1.2", at, 10),
        exactly(10, 10, 10, 0),
    )
}

#[test]
fn rustls_full_over_tls_13() -> Result<()> {
    check(
        &Origin::go("1.3"),
        |at| rustls("full", "1.3", at, 10),
        exactly(10, 10, 10, 0),
    )
}

#[test]
fn rustls_resuming_over_tls_12() -> Result<()> {
    check(
        &Origin::nginx(TLS12),
        |at| rustls("resume", "1.2", at, 10),
        exactly(10, 10, 1, 9),
    )
}

#[test]
fn rustls_resuming_over_tls_13() -> Result<()> {
    check(
        &Origin::nginx(TLS13),
        |at| rustls("resume", "1.3", at, 10),
        exactly(10, 10, 1, 9),
    )
}
