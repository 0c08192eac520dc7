//! Protocols other than HTTP beside pages: their connections are named so, without requests and failures, and the figures
//! of the pages are those of the pages alone.

use std::time::Duration;

use anyhow::{Context, Result};
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::figure;
use tracer_tests::machine::program;
use tracer_tests::server::{
    Nginx, NginxOptions, Postgres, Redis, Script, Sshd, Threaded, thinking,
};
use tracer_tests::tracer::{Traced, run};
use tracer_tests::turns::{self, Turns};

const PAGES: u64 = 30;
/// Time that the site takes for a page.
const THINK: Duration = Duration::from_millis(20);

/// Traces the client of a protocol beside the pages, and checks both. `words` is its command, if it has one.
fn check(protocol: &str, port: u16, words: &[String]) -> Result<Traced> {
    let thoughtful = Threaded::start(thinking(THINK, |_request| "page\n".into()))?;
    let options = NginxOptions {
        protocols: None,
        upstream: Some(thoughtful.port()),
        ..NginxOptions::default()
    };
    let site = Nginx::start(options, &Certificate::small()?)?;
    let url = format!("http://127.0.0.1:{}/", site.port);
    let kind = if words.is_empty() {
        protocol
    } else {
        "command"
    };
    let fixed = [PAGES.to_string(), url, kind.to_owned(), port.to_string()];
    let arguments: Vec<&str> = fixed.iter().chain(words).map(String::as_str).collect();
    let traced = run(&Client::python("other_protocols.py", &arguments)?)?;
    let mut differences = Differences::of(protocol);
    differences.equal("pages of nginx", site.seen()?.requests, Some(PAGES));
    let connections = traced.client_count()?["connections"]
        .as_u64()
        .context("no count")?;
    compare_all(&traced, connections, &mut differences)?;
    compare_other(&traced, port, connections, &mut differences);
    differences.finish(|| traced.story())?;
    Ok(traced)
}

/// The totals have the pages' requests, and the connections of both.
fn compare_all(traced: &Traced, connections: u64, differences: &mut Differences) -> Result<()> {
    let export = &traced.export;
    export.compare_losses(differences);
    let pages = Turns {
        requests: PAGES,
        connections: 1,
        failed: 0,
    };
    turns::compare(export, pages, differences);
    compare!(
        differences,
        export,
        totals.connections.established = 1 + connections,
        totals.connections.other_protocol = connections,
        totals.connections.open_now = 0,
        totals.connections.closed_by.unknown = 0,
        totals.tls.full = 0,
        totals.tls.failed = 0,
        totals.tls.unknown = 0,
    );
    let median = figure!(export, Phase::Ttfb.p50_ns)?;
    let think = THINK.as_nanos() as u64;
    differences.holds(
        &format!("{median} ns are the site's time"),
        (think..2 * think).contains(&median),
    );
    Ok(())
}

/// The host of the protocol has no request.
fn compare_other(traced: &Traced, port: u16, connections: u64, differences: &mut Differences) {
    let hosts = traced.export.hosts.iter().filter(|host| host.port == port);
    for host in hosts {
        compare!(
            differences,
            host.group,
            requests.count = 0,
            requests.connections = 0,
            requests.failed = 0,
        );
        let (opened, other) = (
            host.group.connections.opened,
            host.group.connections.other_protocol,
        );
        differences.holds(
            &format!("{other:?} of {opened:?} connections of {connections} have another protocol"),
            opened == other && opened > Some(0),
        );
    }
}

/// A session of redis-cli: a queue, a value that looks like a request, and a wait for work that does not come.
const REDIS: &str = r#"printf 'PING\nSET page "GET / HTTP/1.1"\nRPUSH queue a b c\nLPOP queue\nBLPOP nothing 0.3\n' | "$1" -p "$2""#;

#[test]
fn redis() -> Result<()> {
    let server = Redis::start()?;
    let cli = program("redis-cli", "redis-tools")?.display().to_string();
    let port = server.port.to_string();
    let words = ["sh", "-ec", REDIS, "sh", &cli, &port].map(str::to_owned);
    check("redis", server.port, &words)?;
    for command in ["ping", "set", "rpush", "lpop", "blpop"] {
        let called = server.called(command)?;
        anyhow::ensure!(called == 3, "{command} was called {called} times");
    }
    Ok(())
}

const QUERIES: [&str; 3] = [
    "SELECT 'GET / HTTP/1.1'",
    "SELECT pg_sleep(0.1)",
    "SELECT 1",
];

/// Sessions without TLS. With `prefer` each begins with a question for TLS, which the server denies.
fn check_postgres(sslmode: &str) -> Result<()> {
    let server = Postgres::start(None)?;
    let words = server.psql(sslmode, &QUERIES)?;
    check(&format!("postgres, {sslmode}"), server.port, &words)?;
    let statements = server.logged("statement: SELECT")?;
    anyhow::ensure!(statements == 9, "{statements} statements");
    Ok(())
}

#[test]
fn postgres() -> Result<()> {
    check_postgres("disable")
}

#[test]
fn postgres_asked_for_tls_in_vain() -> Result<()> {
    check_postgres("prefer")
}

#[test]
fn mysql() -> Result<()> {
    let server = Script::start("mysql.py", &[])?;
    check("mysql", server.port, &[])?;
    let counts = [server.counted("session")?, server.counted("query")?];
    anyhow::ensure!(counts == [3, 9], "sessions and queries: {counts:?}");
    Ok(())
}

#[test]
fn smtp() -> Result<()> {
    let server = Script::start("smtp.py", &[])?;
    check("smtp", server.port, &[])?;
    let mails = server.counted("mail")?;
    anyhow::ensure!(mails == 6, "{mails} mails");
    Ok(())
}

#[test]
fn ssh() -> Result<()> {
    let server = Sshd::start()?;
    let words = server.ssh("head -c 100000 /dev/zero; sleep 0.1; echo GET / HTTP/1.1")?;
    check("ssh", server.port, &words)?;
    let logins = server.logins()?;
    anyhow::ensure!(logins == 3, "{logins} logins");
    Ok(())
}

/// Control connections, and uploads to ports that the server chooses.
#[test]
fn ftp_uploads() -> Result<()> {
    let server = Script::start("ftp.py", &[])?;
    check("ftp-up", server.port, &[])?;
    let counts = ["login", "received"].map(|what| server.counted(what).ok());
    anyhow::ensure!(counts == [Some(3); 2], "logins and uploads: {counts:?}");
    Ok(())
}

/// On the connection of a download only the server sends.
#[test]
fn ftp_downloads() -> Result<()> {
    let server = Script::start("ftp.py", &[])?;
    check("ftp-down", server.port, &[])?;
    let counts = ["login", "sent"].map(|what| server.counted(what).ok());
    anyhow::ensure!(counts == [Some(3); 2], "logins and downloads: {counts:?}");
    Ok(())
}
