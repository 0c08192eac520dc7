//! WARC files of the crawler, read back by warcio, which checks every digest.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tracer_crawler::out::Encode;
use tracer_crawler::out::body::sha256_hex;
use tracer_crawler::out::warc::{
    Confirmed, Exchange, Truncated, Warc, request_head, response_head,
};
use tracer_tests::check::Differences;
use tracer_tests::machine::{fixture, tracer_binary, venv_python};
use tracer_tests::process::{PATIENCE, Process};
use tracer_tests::server::Threaded;

/// Bodies that are awkward: empty, text that looks like the format itself, every byte, longer than any buffer.
fn bodies() -> Vec<Vec<u8>> {
    let text: &[u8] = b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 5\r\n\r\n\r\n\r\n";
    let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    vec![Vec::new(), text.into(), all, vec![b'x'; 3 << 20]]
}

fn exchange(number: usize, body: Vec<u8>) -> Exchange {
    Exchange {
        url: format!("http://host.test/page?number={number}"),
        at: time::OffsetDateTime::now_utc(),
        address: Some([127, 0, 0, 1].into()),
        request: request_head("GET", "/page", &Default::default()),
        response: response_head("1.1", 200, "OK", &Default::default(), body.len(), true),
        body,
        truncated: (number == 1).then_some(Truncated::Length),
        not_modified: None,
        metadata: vec![("hopsFromSeed", number.to_string())],
    }
}

fn write(path: &Path, exchanges: &[Exchange]) -> Result<()> {
    let mut warc = Warc::open(path, 1 << 20, "tracer/test", &Default::default())?;
    for exchange in exchanges {
        warc.write(exchange)?;
    }
    Ok(warc.finish()?)
}

fn read(paths: &[PathBuf]) -> Result<Vec<Value>> {
    let script = fixture("clients/warc_read.py");
    let output = Command::new(venv_python()?)
        .arg(script)
        .args(paths)
        .output()?;
    ensure!(
        output.status.success(),
        "warcio: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout)?;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).context("a line of warc_read.py"))
        .collect()
}

/// warcio's own checker, too: it compares payload digests with the content.
fn check(paths: &[PathBuf]) -> Result<()> {
    let output = Command::new(venv_python()?)
        .args(["-m", "warcio.cli", "check", "-v"])
        .args(paths)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && !text.contains("digest failed"),
        "warcio check: {text}"
    );
    ensure!(
        text.contains("digest pass"),
        "warcio check has checked nothing: {text}"
    );
    Ok(())
}

fn of_type<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records
        .iter()
        .filter(|record| record["type"] == kind)
        .collect()
}

/// Each of the exchanges is there as it was written, with its request.
fn compare_responses(records: &[Value], written: &[Exchange], differences: &mut Differences) {
    let responses = of_type(records, "response");
    let requests = of_type(records, "request");
    differences.equal("responses", responses.len(), written.len());
    for (response, exchange) in responses.iter().zip(written) {
        differences.equal("url", response["url"].as_str(), Some(exchange.url.as_str()));
        differences.equal("status", response["status"].as_str(), Some("200"));
        differences.equal(
            "bytes",
            response["body_bytes"].as_u64(),
            Some(exchange.body.len() as u64),
        );
        differences.equal(
            "content",
            response["body_sha256"].as_str(),
            Some(sha256_hex(&exchange.body).as_str()),
        );
        differences.holds(
            "its request names it",
            requests
                .iter()
                .any(|request| request["concurrent_to"] == response["id"]),
        );
    }
}

#[test]
fn warcio_reads_what_was_written() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("crawl.warc.gz");
    let bodies = bodies();
    let mut exchanges: Vec<Exchange> = bodies
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, body)| exchange(number, body))
        .collect();
    write(&path, &exchanges)?;
    // A torn end, as a kill leaves it; then the crawl goes on with a page that has not changed.
    let torn = std::fs::OpenOptions::new().append(true).open(&path)?;
    std::io::Write::write_all(&mut &torn, b"\x1f\x8b\x08\0\0\0\0\0\0\xfftorn")?;
    exchanges.push(Exchange {
        response: response_head("1.1", 304, "Not Modified", &Default::default(), 0, false),
        not_modified: Some(Confirmed {
            fetched_at: Some(time::OffsetDateTime::UNIX_EPOCH),
        }),
        ..exchange(0, Vec::new())
    });
    write(&path, &exchanges[exchanges.len() - 1..])?;

    let paths: Vec<PathBuf> = [path.clone(), directory.path().join("crawl-00001.warc.gz")]
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    check(&paths)?;
    let records = read(&paths)?;
    let mut differences = Differences::of("records that warcio reads");
    compare_responses(&records, &exchanges[..bodies.len()], &mut differences);
    let responses = of_type(&records, "response");
    differences.equal(
        "truncated",
        responses[1]["truncated"].as_str(),
        Some("length"),
    );
    let revisits = of_type(&records, "revisit");
    differences.equal("revisits", revisits.len(), 1);
    differences.equal(
        "status of the revisit",
        revisits[0]["status"].as_str(),
        Some("304"),
    );
    differences.equal(
        "metadata",
        of_type(&records, "metadata").len(),
        exchanges.len(),
    );
    differences.holds(
        "each file begins with warcinfo",
        records[0]["type"] == "warcinfo",
    );
    differences.holds(
        "digests",
        records
            .iter()
            .all(|record| record["digest_checked"] != false),
    );
    differences.finish(|| format!("{records:#?}"))
}

const MANY: usize = 4;

/// A start page that links to pages of which two pairs are equal; each has an ETag and confirms it.
fn serve(stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(reader.read_line(&mut head)? > 0, "the request ends early");
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let number: Option<usize> = path.strip_prefix("/p").and_then(|text| text.parse().ok());
    let links = |number| format!("<a href=/p{number}>{number}</a>");
    let (status, body) = match (path, number) {
        ("/", _) => ("200 OK", (0..MANY).map(links).collect()),
        (_, Some(number)) => ("200 OK", format!("page {}", number / 2)),
        _ => ("404 Not Found", String::new()),
    };
    let known = status == "200 OK" && head.to_lowercase().contains("if-none-match: \"1\"");
    let (status, body) = if known {
        ("304 Not Modified", String::new())
    } else {
        (status, body)
    };
    let length = body.len();
    write!(
        &stream,
        "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    Ok(())
}

fn crawl(directory: &Path, warc: &str, url: &str) -> Result<Vec<Value>> {
    let path = directory.join(warc);
    let mut command = Command::new(tracer_binary()?);
    command.args(["crawl", "--robots=false", "--warc-dedup", "--warc"]);
    command
        .arg(&path)
        .arg("--cache")
        .arg(directory.join("cache"));
    let finished = Process::start(command.arg(url))?.finish_within(PATIENCE)?;
    ensure!(finished.status.success(), "{finished:?}");
    check(std::slice::from_ref(&path))?;
    read(&[path])
}

/// Each of `revisits` names a response by its address, date and, where it has one, its id.
fn name_responses(revisits: &[&Value], responses: &[&Value], differences: &mut Differences) {
    for revisit in revisits {
        let first = responses.iter().find(|response| {
            response["url"] == revisit["refers_to_url"]
                && response["date"] == revisit["refers_to_date"]
                && (revisit["refers_to"].is_null() || response["id"] == revisit["refers_to"])
        });
        differences.holds(&format!("names a response: {revisit}"), first.is_some());
    }
}

#[test]
fn what_is_known_is_a_revisit() -> Result<()> {
    let server = Threaded::start(|stream| drop(serve(stream)))?;
    let url = format!("http://{}/", server.address);
    let directory = tempfile::tempdir()?;
    let first = crawl(directory.path(), "first.warc.gz", &url)?;
    let second = crawl(directory.path(), "second.warc.gz", &url)?;
    let mut differences = Differences::of("a site crawled twice");
    let (responses, revisits) = (of_type(&first, "response"), of_type(&first, "revisit"));
    differences.equal("responses", responses.len(), 1 + MANY / 2);
    differences.equal("equal pages", revisits.len(), MANY / 2);
    for revisit in &revisits {
        let profile = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
        differences.equal("profile", revisit["profile"].as_str(), Some(profile));
        differences.equal("status", revisit["status"].as_str(), Some("200"));
        let same = |response: &&&Value| response["payload_digest"] == revisit["payload_digest"];
        differences.equal("with this digest", responses.iter().filter(same).count(), 1);
    }
    name_responses(&revisits, &responses, &mut differences);
    let confirmed = of_type(&second, "revisit");
    differences.equal(
        "responses of the second",
        of_type(&second, "response").len(),
        0,
    );
    differences.equal("confirmed", confirmed.len(), 1 + MANY);
    for revisit in &confirmed {
        let profile = "http://netpreserve.org/warc/1.1/revisit/server-not-modified";
        differences.equal("profile", revisit["profile"].as_str(), Some(profile));
        differences.equal("status", revisit["status"].as_str(), Some("304"));
    }
    // What was a revisit the first time is confirmed by the date of that one.
    let before: Vec<&Value> = responses.into_iter().chain(revisits).collect();
    name_responses(&confirmed, &before, &mut differences);
    differences.finish(|| format!("{first:#?}\n{second:#?}"))
}
