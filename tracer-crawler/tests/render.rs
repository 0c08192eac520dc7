//! Tests of pages whose scripts make their links, in a real browser: `cargo test -p tracer-crawler --features render
//! --test render`, also run by `cargo xtask test`. Without chromium in PATH these tests fail.
#![cfg(feature = "render")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracer_crawler::render::{Document, Renderer};
use tracer_crawler::settings::{Profile, Proxy, Render, Settings};
use url::Url;

const SCRIPTED: &str = "<html><body><img src='http://127.0.0.1:1/x.png'><script>
    setTimeout(() => { document.body.innerHTML += '<a id=late href=/late>late</a>'; }, 200);
    </script></body></html>";

fn settings(change: impl FnOnce(&mut Render)) -> Render {
    let mut settings = Settings::of(Profile::Default).render;
    settings.timeout = Duration::from_secs(60);
    change(&mut settings);
    settings
}

fn no_proxy() -> Proxy {
    Settings::of(Profile::Default).proxy
}

fn browsers(settings: &Render, agent: &str) -> Renderer {
    Renderer::new(settings, &no_proxy(), agent).unwrap()
}

async fn render(renderer: &Renderer, body: &str) -> Result<String, String> {
    let url = Url::parse("http://page.example/a?b").unwrap();
    let document = Document {
        url: &url,
        content_type: "text/html; charset=utf-8",
        body: body.as_bytes(),
    };
    renderer
        .render(document)
        .await
        .map_err(|error| error.to_string())
}

/// Number of processes with this text in their command line.
fn processes(text: &str) -> usize {
    let lines = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = lines.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_have_run_and_the_server_is_not_asked_again() {
    let renderer = browsers(&settings(|_| ()), "agent-scripts/1");
    let html = render(&renderer, SCRIPTED).await.unwrap();
    assert!(html.contains("href=\"/late\""), "{html}");
    // page.example does not exist, so only our own copy can have been shown.
    let html = render(
        &renderer,
        "<script>document.write('<a href=/' + navigator.userAgent + '>' + location)</script>",
    )
    .await
    .unwrap();
    assert!(
        html.contains("href=\"/agent-scripts/1\"") && html.contains("http://page.example/a?b"),
        "{html}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_is_waited_for() {
    let renderer = browsers(
        &settings(|settings| settings.wait_selector = Some("#late".to_owned())),
        "agent/1",
    );
    let html = render(&renderer, &SCRIPTED.replace("200", "1500"))
        .await
        .unwrap();
    assert!(html.contains("href=\"/late\""), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_limited_and_the_browser_still_works() {
    let renderer = browsers(&settings(|_| ()), "agent/1");
    render(&renderer, "warm").await.unwrap();
    let renderer = browsers(
        &settings(|settings| {
            settings.wait_selector = Some("#never".to_owned());
            settings.timeout = Duration::from_secs(5);
        }),
        "agent/1",
    );
    let error = render(&renderer, SCRIPTED).await.unwrap_err();
    assert!(error.contains("render.timeout"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_replaced_and_none_is_left() {
    let agent = format!("agent-left-{}", std::process::id());
    let settings = settings(|settings| settings.pages_per_browser = 1);
    let renderer = browsers(&settings, &agent);
    for _ in 0..3 {
        render(&renderer, "<p>x").await.unwrap();
    }
    assert!(processes(&agent) > 0);
    drop(renderer);
    for _ in 0..300 {
        if processes(&agent) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} processes are left", processes(&agent));
}

#[tokio::test]
async fn a_program_that_is_missing_is_said() {
    for program in ["/no/such/browser", "no-such-browser"] {
        let settings = settings(|settings| settings.program = program.into());
        let made = Renderer::new(&settings, &no_proxy(), "agent/1");
        let error = made.unwrap_err().to_string();
        assert!(
            error.contains(program) && error.contains("render.program"),
            "{error}"
        );
    }
    let settings = settings(|settings| settings.program = "true".into());
    let renderer = browsers(&settings, "agent/1");
    let error = render(&renderer, "x").await.unwrap_err();
    assert!(error.contains("ended"), "{error}");
}

async fn answer(stream: TcpStream, asked: UnboundedSender<String>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    // The test may have ended already.
    let _ = asked.send(head);
    let script = "document.write('<a href=/proxied>x</a>')";
    let length = script.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{script}"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Proxy that answers everything with a script; returns its address and the heads of the requests.
async fn proxy() -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Some connections are opened ahead and stay silent.
            tokio::spawn(answer(stream, sender.clone()));
        }
    });
    (url, heads)
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_come_through_the_proxy() {
    let (url, mut heads) = proxy().await;
    let proxy = Proxy {
        url: Some(url),
        ..no_proxy()
    };
    let renderer = Renderer::new(&settings(|_| ()), &proxy, "agent/1").unwrap();
    for host in ["other.example", "127.0.0.1:8000"] {
        let page = format!("<script src=http://{host}/x.js></script>");
        let html = render(&renderer, &page).await.unwrap();
        assert!(html.contains("href=\"/proxied\""), "{html}");
        let head = heads.recv().await.unwrap();
        let expected = format!("GET http://{host}/x.js ");
        assert!(head.starts_with(&expected), "{head}");
    }
    // There was no request besides those of pages, not even one of the browser itself.
    drop(renderer);
    heads.close();
    assert_eq!(heads.recv().await, None);
}
