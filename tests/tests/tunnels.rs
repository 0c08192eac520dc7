//! Tunnels through proxies: CONNECT, SOCKS 4, 4a and 5, with and without user and password, refused, and one inside
//! another. The requests inside are in clear; `matrix.rs` has those over TLS.

use std::fs::File;
use std::io::Read;
use std::net::TcpStream;

use anyhow::{Result, ensure};
use tracer_export::{Host, Phase};
use tracer_recording::{Entry, Input, Reader};
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::{Export, samples};
use tracer_tests::recording::{Recorded, check_same, record, replay};
use tracer_tests::server::{Threaded, proxy};
use tracer_tests::tracer::run;

/// Beginning of each script: `get PROXY URL…` fetches through a proxy, and `$1` is its port.
const BEGIN: &str = r#"
get() { way=$1; shift; for url; do set -- "$@" -o /dev/null; done; curl -s --max-time 20 --proxytunnel -x "$way" "$@" || true; }
p=127.0.0.1:$1
"#;

/// Runs a script that fetches through a proxy, and records it.
fn fetch(script: &str) -> Result<(Recorded, Export, u16)> {
    let server = Threaded::start(proxy::serve)?;
    let port = server.port();
    let script = format!("{BEGIN}{script}");
    let recorded = record(&[], &Client::shell("curl", &script, &[&port.to_string()]))?;
    let export = Export::parse(&recorded.live()?)?;
    Ok((recorded, export, port))
}

/// Name and port of a host, its requests, its opened tunnels, and the proxies on the way.
fn row(host: &Host) -> (String, u64, u64, Vec<String>) {
    (
        format!("{}:{}", host.host, host.port),
        host.group.requests.count.unwrap_or_default(),
        host.group.tunnels.opened.unwrap_or_default(),
        host.via.clone().unwrap_or_default(),
    )
}

fn check_whole(recorded: &Recorded, export: &Export, differences: &mut Differences) -> Result<()> {
    export.compare_losses(differences);
    compare!(
        differences,
        export,
        events.unmatched = 0,
        totals.requests.failed = 0,
        totals.requests.h2_turns = 0,
        totals.tunnels.unknown = 0,
        totals.connections.other_protocol = 0,
        totals.connections.never_used = 0,
    );
    let (opened, failed) = (Phase::Tunnel, Phase::TunnelFailed);
    let tunnels = &export.totals.tunnels;
    differences.equal(
        "tunnel",
        Some(samples(&export.totals, opened)),
        tunnels.opened,
    );
    let refused = Some(samples(&export.totals, failed));
    differences.equal("tunnel_failed", refused, tunnels.failed.total());
    check_same(&recorded.live()?, &replay(&recorded.trace())?)
}

#[test]
fn each_way_to_ask_leads_to_the_target() -> Result<()> {
    let (recorded, export, port) = fetch(
        "
        get http://$p http://one.test:8081/a http://one.test:8081/b
        get socks5h://$p http://two.test:8082/
        get socks5h://crawler:geheimnis@$p http://three.test:8083/
        get socks5://$p http://10.9.8.7:8084/
        get socks4a://crawler@$p http://five.test:8085/
        get socks4://$p http://10.9.8.6:8086/
        ",
    )?;
    let mut differences = Differences::of("each way to ask");
    check_whole(&recorded, &export, &mut differences)?;
    compare!(
        &mut differences,
        export,
        totals.connections.established = 6,
        totals.requests.count = 7,
        totals.tunnels.opened = 6,
        totals.tunnels.by_kind.connect = 1,
        totals.tunnels.by_kind.socks4 = 2,
        totals.tunnels.by_kind.socks5 = 3,
    );
    let way = vec![format!("127.0.0.1:{port}")];
    let expected = [
        ("one.test:8081", 2),
        ("two.test:8082", 1),
        ("three.test:8083", 1),
        ("10.9.8.7:8084", 1),
        ("five.test:8085", 1),
        ("10.9.8.6:8086", 1),
    ];
    let expected = expected.map(|(host, requests)| (host.to_owned(), requests, 1, way.clone()));
    let hosts: Vec<_> = export.hosts.iter().map(row).collect();
    differences.equal("hosts", hosts.as_slice(), &expected[..]);
    let proxies = export.proxies.iter().flatten();
    let proxies: Vec<_> = proxies
        .map(|proxy| (&*proxy.name, proxy.tunnels.opened))
        .collect();
    differences.equal("proxies", proxies, vec![(way[0].as_str(), Some(6))]);
    differences.finish(|| format!("{:?}", recorded.finished))
}

#[test]
fn refusals_belong_to_the_proxy_and_have_reasons() -> Result<()> {
    let (recorded, export, port) = fetch(
        "
        get http://crawler:geheimnis@$p --proxy-anyauth http://secure.test:8081/
        get http://crawler:falsch@$p http://secure.test:8081/
        get socks5h://crawler:falsch@$p http://two.test:8082/
        get http://$p http://forbidden.test:8083/
        get socks5h://$p http://forbidden.test:8083/
        get socks4a://$p http://forbidden.test:8083/
        get http://$p http://unreachable.test:8084/
        get socks5h://$p http://unreachable.test:8084/
        ",
    )?;
    let mut differences = Differences::of("refusals");
    check_whole(&recorded, &export, &mut differences)?;
    compare!(
        &mut differences,
        export,
        totals.connections.established = 8,
        totals.requests.count = 1,
        totals.tunnels.opened = 1,
        totals.tunnels.failed.auth = 3,
        totals.tunnels.failed.refused = 3,
        totals.tunnels.failed.unreachable = 2,
        totals.tunnels.failed.closed = 0,
        totals.tunnels.failed.other = 0,
    );
    let name = format!("127.0.0.1:{port}");
    let hosts: Vec<_> = export.hosts.iter().map(row).collect();
    let expected = vec![
        (name.clone(), 0, 0, vec![]),
        ("secure.test:8081".to_owned(), 1, 1, vec![name]),
    ];
    differences.equal("hosts", hosts, expected);
    differences.finish(|| format!("{:?}", recorded.finished))
}

/// Requests in clear to a forward proxy, on one connection: each counts for the host that it names.
#[test]
fn requests_to_a_forward_proxy() -> Result<()> {
    let (recorded, export, port) = fetch(
        r#"
        curl -s --max-time 20 -x http://crawler:geheimnis@$p \
            -o /dev/null http://one.test/a -o /dev/null http://two.test:8082/b -o /dev/null http://ONE.test./c \
            -o /dev/null http://10.9.8.7/d
        "#,
    )?;
    let mut differences = Differences::of("a forward proxy");
    check_whole(&recorded, &export, &mut differences)?;
    compare!(
        &mut differences,
        export,
        totals.connections.established = 1,
        totals.requests.count = 4,
        totals.requests.connections = 1,
        totals.tunnels.opened = 0,
    );
    let proxy = format!("127.0.0.1:{port}");
    let way = vec![proxy.clone()];
    let mut hosts: Vec<_> = export.hosts.iter().map(row).collect();
    hosts.sort();
    let expected = vec![
        ("10.9.8.7:80".to_owned(), 1, 0, way.clone()),
        (proxy, 0, 0, vec![]),
        ("one.test:80".to_owned(), 2, 0, way.clone()),
        ("two.test:8082".to_owned(), 1, 0, way),
    ];
    differences.equal("hosts", hosts, expected);
    let records = records(&recorded)?;
    let secret = b"Y3Jhd2xlcjpn";
    let has_secret = records.windows(secret.len()).any(|part| part == secret);
    differences.holds("no credentials in the recording", !has_secret);
    differences.finish(|| format!("{:?}", recorded.finished))
}

#[test]
fn a_tunnel_inside_a_tunnel() -> Result<()> {
    let (recorded, export, port) = fetch(
        "get http://inner.test:3128 --preproxy socks5h://$p http://site.test:8081/a http://site.test:8081/b",
    )?;
    let mut differences = Differences::of("a chain");
    check_whole(&recorded, &export, &mut differences)?;
    compare!(
        &mut differences,
        export,
        totals.connections.established = 1,
        totals.requests.count = 2,
        totals.tunnels.opened = 2,
    );
    let way = vec![format!("127.0.0.1:{port}"), "inner.test:3128".to_owned()];
    let hosts: Vec<_> = export.hosts.iter().map(row).collect();
    let expected = vec![("site.test:8081".to_owned(), 2, 2, way)];
    differences.equal("hosts", hosts, expected);
    differences.finish(|| format!("{:?}", recorded.finished))
}

/// Records of the kernel programs in a recording, one after the other.
fn records(recorded: &Recorded) -> Result<Vec<u8>> {
    let (mut reader, _) = Reader::open(File::open(recorded.trace())?)?;
    let mut all = Vec::new();
    while let Some(entry) = reader.next() {
        if let Entry::Input(Input::Record(record)) = entry {
            all.extend_from_slice(record);
        }
    }
    Ok(all)
}

#[test]
fn a_recording_has_no_credentials() -> Result<()> {
    let (recorded, export, _) = fetch(
        "
        get http://crawler:geheimnis@$p http://secure.test:8081/
        get socks5h://crawler:geheimnis@$p http://two.test:8082/
        get socks4a://crawler@$p http://three.test:8083/
        ",
    )?;
    let mut differences = Differences::of("credentials");
    check_whole(&recorded, &export, &mut differences)?;
    compare!(&mut differences, export, totals.tunnels.opened = 3);
    let records = records(&recorded)?;
    let has = |text: &str| {
        records
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    for secret in [proxy::PASSWORD, "crawler", "Y3Jhd2xlcjpn", "Proxy-Auth"] {
        differences.holds(&format!("no {secret}"), !has(secret));
    }
    for target in ["secure.test", "two.test", "three.test"] {
        differences.holds(target, has(target));
    }
    differences.finish(|| format!("{:?}", recorded.finished))
}

/// Proxies that answer nothing: the first one waits, the second one closes.
const WITHOUT_AN_ANSWER: &str = r#"
! curl -s -m 0.3 -x "http://$1" https://site.example/
! curl -s -x "http://$2" https://site.example/
"#;

/// Reads what the client asks, and waits until it gives up.
fn waits(mut stream: TcpStream) {
    // An error is the end of the connection.
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Reads what the client asks, and closes.
fn closes(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 1024]);
}

#[test]
fn who_ends_an_exchange_without_an_answer() -> Result<()> {
    let proxies = [Threaded::start(waits)?, Threaded::start(closes)?];
    let addresses = proxies.map(|proxy| (format!("127.0.0.1:{}", proxy.port()), proxy));
    let words = [&*addresses[0].0, &*addresses[1].0];
    let traced = run(&Client::shell("curl", WITHOUT_AN_ANSWER, &words))?;
    let failed = &traced.export.totals.tunnels.failed;
    let got = (failed.given_up, failed.closed, failed.total());
    ensure!(
        got == (Some(1), Some(1), Some(2)),
        "{got:?}: {}",
        traced.story()
    );
    Ok(())
}
