//! Healthy clients that look sick have no finding that is more than information.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_testbed::link::LinkOptions;
use tracer_testbed::origin::Options;
use tracer_tests::client::Client;
use tracer_tests::dns::{DnsServer, Script};
use tracer_tests::export::Export;
use tracer_tests::faults::{Far, against, faults, found, healthy, python, thinking, told, trace};
use tracer_tests::figure;
use tracer_tests::machine::{require_root, tracer_binary};
use tracer_tests::process::PATIENCE;
use tracer_tests::server::{Script as Server, Testbed, Threaded, answer, tls_13};

fn client(name: &'static str) -> impl FnOnce(&str) -> Result<Client> {
    move |url| python(&[name, url])
}

/// Checks a Python client of an origin on loopback.
fn check(name: &str, options: Options, script: &'static str) -> Result<()> {
    healthy(&against(name, options, client(script))?)
}

/// Checks a Python client of a server of threads.
fn check_threaded(
    name: &str,
    serve: impl Fn(TcpStream) + Send + Sync + 'static,
    script: &'static str,
) -> Result<Export> {
    let server = Threaded::start(serve)?;
    let export = trace(
        name,
        &client(script)(&format!("http://{}/", server.address))?,
    )?;
    healthy(&export)?;
    Ok(export)
}

#[test]
fn workers_with_a_pool_as_large_as_they_are_many() -> Result<()> {
    check("healthy_workers", thinking(2), "good")
}

#[test]
fn a_server_without_keep_alive() -> Result<()> {
    let options = Options {
        keep_alive: false,
        ..thinking(0)
    };
    check("healthy_connection-close", options, "polite")
}

#[test]
fn a_server_of_http_1_0() -> Result<()> {
    check_threaded("healthy_http-1-0", answer, "session_kept").map(drop)
}

#[test]
fn five_requests() -> Result<()> {
    check("healthy_five", thinking(0), "five")
}

#[test]
fn two_hundred_hosts_with_a_page_each() -> Result<()> {
    let resolver = DnsServer::start("127.0.0.53", Script::default())?;
    let (_testbed, port) = resolver.namespace.run(|| {
        let mut testbed = Testbed::new()?;
        let port = testbed.start(thinking(0))?.port();
        Ok((testbed, port))
    })?;
    let url = format!("http://NAME:{port}/page/0");
    let client = python(&["one_page_each", &url, "200,0"])?;
    let resolving = resolver.resolves(client, "search .")?;
    let export = trace("healthy_hosts", &resolving.client)?;
    ensure!(export.hosts.len() == 200, "{} hosts", export.hosts.len());
    healthy(&export)
}

/// A crawler of one request a second and a server that closes after less, faster than life.
#[test]
fn pauses_longer_than_the_servers_keep_alive() -> Result<()> {
    let options = Options {
        idle_timeout: Some(Duration::from_millis(250)),
        ..thinking(0)
    };
    check("healthy_slow-pace", options, "pauses")
}

/// Answers requests in clear: `respond` gives the response to the first line of each.
fn pages(respond: impl Fn(&str, &mut TcpStream) -> std::io::Result<()>, mut stream: TcpStream) {
    let Ok(copy) = stream.try_clone() else {
        return;
    };
    let mut lines = BufReader::new(copy).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        let is_whole = lines.any(|line| line.is_empty());
        if !is_whole || respond(&first, &mut stream).is_err() {
            return;
        }
    }
}

#[test]
fn retries_by_design() -> Result<()> {
    let asked = AtomicU64::new(0);
    let busy = move |_: &str, stream: &mut TcpStream| {
        let status = match asked.fetch_add(1, Ordering::SeqCst) % 3 {
            2 => "503 Service Unavailable",
            _ => "200 OK",
        };
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").as_bytes())
    };
    let serve = move |stream| pages(&busy, stream);
    let export = check_threaded("healthy_retries", serve, "retries")?;
    let requests = figure!(export, totals.requests.count)?;
    ensure!(requests > 80, "{requests} requests");
    Ok(())
}

/// Waits for news for as long as servers let clients wait, or sends events now and then.
fn news(first: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    const EVENT: &[u8] = b"7\r\ndata: 1\r\n";
    if first.contains("/poll") {
        std::thread::sleep(Duration::from_millis(10_300));
        return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnews");
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for _ in 0..30 {
        stream.write_all(EVENT)?;
        std::thread::sleep(Duration::from_millis(100));
    }
    stream.write_all(b"0\r\n\r\n")
}

#[test]
fn long_polling_and_streams_of_events() -> Result<()> {
    let serve = |stream| pages(news, stream);
    check_threaded("healthy_polling", serve, "waits").map(drop)
}

#[test]
fn a_large_download_over_a_slow_link() -> Result<()> {
    let options = Options {
        body_bytes: 1_500_000,
        ..thinking(0)
    };
    let link = LinkOptions {
        rtt: Duration::from_millis(40),
        bandwidth_bits: Some(10_000_000),
        ..LinkOptions::default()
    };
    let far = Far::over(link, options)?;
    healthy(&far.trace("healthy_download", python(&["downloads", &far.url()])?)?)
}

/// Reference crawler with these arguments.
fn crawler(words: &[&str]) -> Result<Client> {
    require_root()?;
    let tracer = tracer_binary()?.display().to_string();
    let fixed = [&tracer, "crawl", "--max-pages", "200"];
    let words = fixed.iter().chain(words).copied();
    Ok(Client::new("tracer", words))
}

/// Export of the reference crawler, which traces itself.
fn crawl(words: &[&str]) -> Result<Export> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("export.json");
    let export = format!("--trace-json={}", file.display());
    let client = crawler(&[&[&*export], words].concat())?;
    client.start()?.finish_within(2 * PATIENCE)?;
    Export::read(&file)
}

fn site(think_ms: u64) -> Options {
    Options {
        pages: 200,
        ..thinking(think_ms)
    }
}

#[test]
fn the_naive_crawl_has_its_fault_and_the_tuned_one_none() -> Result<()> {
    let mut testbed = Testbed::new()?;
    let url = format!("http://{}/page/0", testbed.start(site(10))?);
    let naive = [
        "--profile",
        "default",
        "--idle-per-host",
        "0",
        "--concurrency",
        "4",
        &url,
    ];
    let naive = crawl(&naive)?;
    let all = told(&naive);
    ensure!(faults(&naive)? == ["no-connection-reuse"], "{all}");
    let tuned = crawl(&["--profile", "tuned", "--concurrency", "4", &url])?;
    ensure!(found(&tuned)?.count() == 0, "{}", told(&tuned));
    testbed.finish();
    Ok(())
}

#[test]
fn the_tuned_crawl_over_the_link_of_the_demo_has_none() -> Result<()> {
    let far = Far::start(Duration::from_millis(85), site(5))?;
    let tuned = crawler(&["--profile", "tuned", &far.url()])?;
    healthy(&far.trace("healthy_tuned-link", tuned)?)
}

#[test]
fn the_tuned_crawl_through_a_proxy_has_none() -> Result<()> {
    let mut testbed = Testbed::new()?;
    let options = Options {
        tls: Some(tls_13(2)),
        ..site(5)
    };
    let port = testbed.start(options)?.port();
    let proxy = Server::start("slow_proxy.py", &["0"])?;
    let way = format!("http://127.0.0.1:{}", proxy.port);
    let url = format!("https://localhost:{port}/page/0");
    let words = ["--profile", "tuned", "--insecure", "--proxy", &way, &url];
    let tuned = trace("healthy_tuned-proxy", &crawler(&words)?)?;
    ensure!(!proxy.numbers("tunnel")?.is_empty(), "no tunnels");
    healthy(&tuned)
}
