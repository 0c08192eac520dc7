//! `tracer crawl` as it is shipped: pages that need a browser.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tracer_tests::check::Differences;
use tracer_tests::machine::{program, tracer_binary};
use tracer_tests::process::{Finished, PATIENCE, Process};
use tracer_tests::server::Threaded;

/// Part of a page whose links are made by a script that requests data first.
const SCRIPTED: &str = "<script>
    fetch('/data').then(data => data.text()).then(text => {
        const link = document.createElement('a');
        link.href = text;
        document.body.append(link);
    });
    </script><img src=/picture>";

/// A site of a few pages, and the paths it was asked for.
struct Site {
    server: Threaded,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start() -> Result<Self> {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let paths = Arc::clone(&asked);
        let server = Threaded::start(move |mut stream| {
            // A connection that ends early is none of ours.
            let _ = answer(&mut stream, &paths);
        })?;
        Ok(Self { server, asked })
    }

    fn url(&self) -> String {
        format!("http://{}/", self.server.address)
    }

    /// Takes the paths that were requested since the last call, in order.
    fn asked(&self) -> Vec<String> {
        let mut paths =
            std::mem::take(&mut *self.asked.lock().unwrap_or_else(|lock| lock.into_inner()));
        paths.sort();
        paths
    }
}

fn answer(stream: &mut TcpStream, asked: &Mutex<Vec<String>>) -> Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).context("no path")?;
    asked
        .lock()
        .unwrap_or_else(|lock| lock.into_inner())
        .push(path.to_owned());
    let (status, body) = match path {
        "/" => ("200 OK", SCRIPTED),
        "/data" => ("200 OK", "/made-by-script"),
        "/made-by-script" => ("200 OK", "<p>here"),
        _ => ("404 Not Found", ""),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    Ok(())
}

fn crawl(arguments: &[&str]) -> Result<Finished> {
    let mut command = Command::new(tracer_binary()?);
    Process::start(command.arg("crawl").args(arguments))?.finish_within(2 * PATIENCE)
}

/// Paths of the JSON lines on standard output.
fn pages(finished: &Finished) -> Result<BTreeSet<String>> {
    let path = |line: &str| {
        let page: Value = serde_json::from_str(line)?;
        let url = page["url"].as_str().context("no url")?;
        let path = url.splitn(4, '/').nth(3).context("no path")?;
        Ok(format!("/{path}"))
    };
    finished.stdout.lines().map(path).collect()
}

#[test]
fn links_made_by_scripts() -> Result<()> {
    program("chromium", "chromium")?;
    let site = Site::start()?;
    let start = site.url();
    let mut differences = Differences::of("a page whose links are made by a script");
    let plain = crawl(&["--jsonl", "-", &start])?;
    differences.equal(
        "pages without a browser",
        pages(&plain)?,
        ["/".into()].into(),
    );
    differences.equal(
        "asked without a browser",
        site.asked(),
        owned(&["/", "/robots.txt"]),
    );
    let rendered = crawl(&["--render", "--jsonl", "-", &start])?;
    differences.equal("exit code", rendered.status.code(), Some(0));
    differences.equal(
        "pages with a browser",
        pages(&rendered)?,
        ["/".into(), "/made-by-script".into()].into(),
    );
    // The document once, what its script asks for, no picture and no icon.
    differences.equal(
        "asked with a browser",
        site.asked(),
        owned(&["/", "/data", "/made-by-script", "/robots.txt"]),
    );
    differences.finish(|| rendered.stderr.clone())
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_browser_that_is_missing_ends_it_before_it_begins() -> Result<()> {
    let site = Site::start()?;
    let finished = crawl(&[
        "--render",
        "--render-program",
        "no-such-browser",
        &site.url(),
    ])?;
    ensure!(
        finished.status.code() == Some(2)
            && finished
                .stderr
                .contains("render.program: no-such-browser is not there"),
        "{finished:?}"
    );
    ensure!(site.asked().is_empty(), "the site was asked: {finished:?}");
    Ok(())
}
