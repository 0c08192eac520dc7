//! Corpus of captures: each client on each path, as packets beside what the servers and the proxies counted.

use std::path::Path as File;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::crawler::S_CLIENT;
use super::site::{self, Site, Truth};
use super::{CRAWLERS, Crawler, Path, Protocol};
use crate::capture::Capture;
use crate::client::Client;
use crate::pcap;
use crate::process::Process;

/// Number of times that a client begins anew.
const ROUNDS: u32 = 3;
/// Number of pages of a round.
const PAGES: u32 = 3;
/// Lengths of the pages, in turn. They are small, because encrypted bytes cannot be compressed.
const LENGTHS: [usize; 3] = [100, 1200, 500];
/// Number of times that a client may fail. tinyproxy closes its connections without notice, and a request may be on its
/// way meanwhile.
const TRIES: u32 = 8;
/// Paths of the corpus. Bytes that pass a local TCP proxy are those of the direct path.
const PATHS: [Path; 3] = [Path::Direct, Path::Connect, Path::Socks];

/// Writes the captures whose names contain one of `names`, or all if there are none, below `directory`. Gives the number
/// of captures.
pub fn corpus(directory: &File, names: &[String]) -> Result<usize> {
    let site = Site::start_with(page())?;
    let mut captures = 0;
    for crawler in CRAWLERS.iter().chain([&S_CLIENT]) {
        let cells = crawler.cells();
        for (path, protocol) in cells.filter(|(path, _)| PATHS.contains(path)) {
            let name = name(crawler, path, protocol);
            if names.is_empty() || names.iter().any(|part| name.contains(part.as_str())) {
                record(&directory.join(&name), crawler, &site, path, protocol)
                    .with_context(|| name.clone())?;
                println!("{name}");
                captures += 1;
            }
        }
    }
    Ok(captures)
}

/// Pages of different lengths, apart from the browser's page of scripts.
fn page() -> impl Fn(&[u8]) -> String + Send + Sync + 'static {
    let answered = AtomicUsize::new(0);
    move |request| {
        let page = site::page(request);
        if page.contains("<script") {
            // Browsers ask for an icon unless the page has one, and take the request back when they end.
            return format!("<link rel=\"icon\" href=\"data:,\">{page}");
        }
        let number = answered.fetch_add(1, Ordering::Relaxed);
        format!("/{}\n", "/".repeat(LENGTHS[number % LENGTHS.len()]))
    }
}

/// Name of a capture: client, protocol and path.
fn name(crawler: &Crawler, path: Path, protocol: Protocol) -> String {
    let words = crawler.name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let client = words.join("-").to_lowercase();
    format!("{client}-{}-{}", protocol_word(protocol), path_word(path))
}

fn path_word(path: Path) -> &'static str {
    match path {
        Path::Direct => "direct",
        Path::Connect => "connect",
        Path::Socks => "socks",
        Path::Local => "local",
    }
}

fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tls12 => "tls12",
        Protocol::Tls13 => "tls13",
        Protocol::Clear => "clear",
    }
}

/// Runs a client, and writes its packets and the truth about them. `place`: path of both files without an extension.
fn record(
    place: &File,
    crawler: &Crawler,
    site: &Site,
    path: Path,
    protocol: Protocol,
) -> Result<()> {
    let mut visit = site.visit(path, protocol);
    (visit.rounds, visit.pages) = (ROUNDS, PAGES);
    let client = crawler.command(&visit)?;
    let mut tries = TRIES;
    loop {
        let (mark, tunnels) = (site.mark(path, protocol)?, site.tunnels(path)?);
        let capture = Capture::start(site.first_port(path, protocol))?;
        let ran = run(&client);
        let truth = site.since(&mark, path, protocol)?;
        let frames = capture.frames()?;
        tries -= 1;
        if ran.is_err() && tries > 0 {
            continue;
        }
        ran?;
        let tunnels = site.tunnels(path)? - tunnels;
        pcap::write(&place.with_extension("pcap.gz"), &frames)?;
        let story = story(crawler, path, protocol, &truth, tunnels);
        let text = format!("{}\n", serde_json::to_string_pretty(&story)?);
        return Ok(std::fs::write(place.with_extension("json"), text)?);
    }
}

fn run(client: &Client) -> Result<()> {
    let (program, arguments) = client.command.split_first().context("no command")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(client.environment.iter().cloned());
    let finished = Process::start(&mut command)?.finish()?;
    let (status, said) = (finished.status, finished.stderr);
    ensure!(status.success(), "{command:?}: {status}\n{said}");
    Ok(())
}

/// Truth about a capture. The handshakes are those of connections that carried a request, since the access log has no
/// others.
fn story(crawler: &Crawler, path: Path, protocol: Protocol, truth: &Truth, tunnels: u64) -> Value {
    let seen = &truth.seen;
    json!({
        "client": crawler.name,
        "path": path_word(path),
        "protocol": protocol_word(protocol),
        "http": if crawler.is_http2(protocol) { "2" } else { "1.1" },
        "connections": truth.opened,
        "tunnels": tunnels,
        "site_connections": truth.accepted,
        "site_connections_used": seen.used,
        "full_handshakes": seen.full,
        "resumed_handshakes": seen.resumed,
        "requests": seen.requests,
        "requests_over_http2": seen.http2,
    })
}
