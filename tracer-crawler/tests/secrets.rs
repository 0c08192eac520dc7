//! Secrets of a crawl: who gets them, and where they are not written. A proxy stands for all hosts.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use support::{Server, Then, page, raw};
use tracer_crawler::config::secret::Secrets;
use tracer_crawler::crawl::{Crawl, Outputs, Parts};
use tracer_crawler::settings::{Given, LiveSettings, ScopeMode, Secret, Settings};
use tracer_crawler::stats::Stats;

/// Authorization that was sent with all requests for a URL.
type Sent = Arc<Mutex<BTreeMap<String, Option<String>>>>;

fn redirect(target: &str) -> support::Reply {
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
    raw(head, Then::Keep)
}

/// A proxy whose `seed.test` leads everywhere: by links, a redirect and its robots.txt.
async fn proxy() -> (Server, Sent) {
    let sent = Sent::default();
    let notes = Arc::clone(&sent);
    let server = Server::start(move |asked| {
        let field = |name: &str| {
            let line = asked.head.lines().find(|line| line.starts_with(name));
            line.map(str::to_owned)
        };
        let url = asked.path.to_owned();
        notes.lock().unwrap().insert(url, field("authorization:"));
        match asked.path {
            "http://seed.test/robots.txt" => redirect("http://me:pw@rules.test/robots.txt"),
            "http://seed.test/" => page(
                "<a href=/deeper>a</a><a href=http://seed.test:8080/port>b</a>\
                 <a href=http://me:link@seed.test/login>c</a><a href=/moved>d</a>\
                 <a href=http://other.test/>e</a>",
            ),
            "http://seed.test/moved" => redirect("http://me:moved@seed.test:8080/moved"),
            _ => page(""),
        }
    })
    .await;
    (server, sent)
}

async fn crawl(settings: &Settings, secrets: Secrets, seeds: &[&str]) {
    let parts = Parts {
        files: Default::default(),
        live: Arc::new(LiveSettings::new(settings.clone())),
        secrets,
        hooks: Arc::new(()),
        outs: vec![Arc::new(
            Outputs::open(settings, &Default::default())
                .unwrap()
                .unwrap(),
        )],
        stats: Arc::new(Stats::default()),
    };
    let seeds: Vec<_> = seeds.iter().map(|&seed| seed.to_owned()).collect();
    Crawl::new(parts, &seeds).unwrap().run().await;
}

fn settings(server: &Server, directory: &Path) -> Settings {
    let mut settings = Settings::default();
    let proxy = [format!("http://{}", server.address)];
    settings
        .set("proxy.url", Given::Text(&proxy))
        .unwrap()
        .unwrap();
    settings.scope.mode = ScopeMode::Any;
    settings.output.jsonl = Some(directory.join("pages.jsonl"));
    settings.output.jsonl_links = true;
    settings.output.warc = Some(directory.join("pages.warc.gz"));
    settings.state.dir = Some(directory.join("state"));
    settings
}

/// All files below a directory, WARC files unpacked.
fn written(directory: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &written(&path);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let mut text = Vec::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(&bytes[..]);
        let is_packed = std::io::Read::read_to_end(&mut decoder, &mut text).is_ok();
        all += &String::from_utf8_lossy(if is_packed { &text } else { &bytes });
    }
    all
}

/// The URLs that a value went to; the other ones got none.
fn got(sent: &Sent, value: &str) -> Vec<String> {
    let sent = sent.lock().unwrap();
    for (url, field) in &*sent {
        let expected = format!("authorization: {value}");
        assert!(
            field.as_ref().is_none_or(|field| *field == expected),
            "{url}: {field:?}"
        );
    }
    let with = sent.iter().filter(|(_, field)| field.is_some());
    with.map(|(url, _)| url.clone()).collect()
}

/// Everything on scheme, host and port of the seed.
const OWN: [&str; 5] = [
    "http://seed.test/",
    "http://seed.test/deeper",
    "http://seed.test/login",
    "http://seed.test/moved",
    "http://seed.test/robots.txt",
];

/// Other URLs that are requested.
const OTHERS: [&str; 5] = [
    "http://other.test/",
    "http://other.test/robots.txt",
    "http://rules.test/robots.txt",
    "http://seed.test:8080/moved",
    "http://seed.test:8080/port",
];

#[track_caller]
fn assert_asked(sent: &Sent) {
    let sent = sent.lock().unwrap();
    for url in OWN.iter().chain(&OTHERS) {
        assert!(sent.contains_key(*url), "{url} was not asked for: {sent:?}");
    }
}

#[tokio::test]
async fn secret_headers_go_to_the_origin_of_the_seed_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (server, sent) = proxy().await;
    let secrets = Secrets {
        headers: vec![("Authorization".to_owned(), Secret::new("Bearer t0ken"))],
        ..Secrets::default()
    };
    let settings = settings(&server, directory.path());
    crawl(&settings, secrets, &["http://seed.test/"]).await;
    assert_asked(&sent);
    assert_eq!(got(&sent, "Bearer t0ken"), OWN);
    let written = written(directory.path());
    assert!(written.contains("seed.test:8080") && !written.contains("t0ken"));
}

#[tokio::test]
async fn credentials_of_a_seed_go_to_its_origin_and_are_written_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let (server, sent) = proxy().await;
    let settings = settings(&server, directory.path());
    crawl(
        &settings,
        Secrets::default(),
        &["http://me:hunter2@seed.test/"],
    )
    .await;
    assert_asked(&sent);
    // Of `me:hunter2`.
    assert_eq!(got(&sent, "Basic bWU6aHVudGVyMg=="), OWN);
    let written = written(directory.path());
    assert!(written.contains("http://seed.test/deeper"));
    // The text of the page, and the Location as it came, are in the WARC file.
    for secret in ["hunter2", "bWU6aHVudGVyMg"] {
        assert!(!written.contains(secret), "{secret}");
    }
    let lines = std::fs::read_to_string(directory.path().join("pages.jsonl")).unwrap();
    assert!(!lines.contains('@'), "{lines}");
    let seeds = std::fs::read_to_string(directory.path().join("state/seeds")).unwrap();
    assert_eq!(seeds, "http://seed.test/\n");
}
