//! Tests of proxies, HTTP/2 and cookies against minimal servers.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Client, Server, Then, certificate, options, page, raw, read_head};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tracer_crawler::fetch::proxy::Proxy;
use tracer_crawler::fetch::{Options, TlsOptions};
use tracer_crawler::outcome::Class;
use tracer_text::glob::Globs;

/// Requests that a proxy received.
type Seen = Arc<Mutex<Vec<String>>>;

/// HTTP proxy that answers CONNECT with `status`, and all other requests with the body `proxy`.
async fn http_proxy(status: u16) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            tokio::spawn(async move {
                let head = read_head(&mut stream).await.unwrap();
                notes.lock().unwrap().push(head.clone());
                let mut words = head.split(' ');
                let (method, target) = (words.next().unwrap(), words.next().unwrap());
                if method != "CONNECT" {
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
                        .await
                        .unwrap();
                    return;
                }
                stream
                    .write_all(format!("HTTP/1.1 {status} So\r\n\r\n").as_bytes())
                    .await
                    .unwrap();
                if status == 200 {
                    let port = target.rsplit(':').next().unwrap();
                    let mut server = TcpStream::connect(format!("127.0.0.1:{port}"))
                        .await
                        .unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut server).await;
                }
            });
        }
    });
    (format!("http://user:pass@{address}"), seen)
}

/// SOCKS 5 proxy that asks for user and password, and answers with `reply`.
async fn socks_proxy(reply: u8) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            tokio::spawn(async move {
                let mut greeting = [0; 4];
                stream.read_exact(&mut greeting).await.unwrap();
                assert_eq!(greeting, [5, 2, 0, 2]);
                stream.write_all(&[5, 2]).await.unwrap();
                let mut login = [0; 11];
                stream.read_exact(&mut login).await.unwrap();
                assert_eq!(&login, b"\x01\x04user\x04pass");
                stream.write_all(&[1, 0]).await.unwrap();
                let mut start = [0; 5];
                stream.read_exact(&mut start).await.unwrap();
                assert_eq!(start[..4], [5, 1, 0, 3]);
                let mut name = vec![0; usize::from(start[4]) + 2];
                stream.read_exact(&mut name).await.unwrap();
                let port = u16::from_be_bytes([name[name.len() - 2], name[name.len() - 1]]);
                name.truncate(name.len() - 2);
                notes.lock().unwrap().push(String::from_utf8(name).unwrap());
                stream
                    .write_all(&[5, reply, 0, 1, 127, 0, 0, 1, 0, 80])
                    .await
                    .unwrap();
                if reply == 0 {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut server).await;
                }
            });
        }
    });
    (format!("socks5://user:pass@{address}"), seen)
}

fn through(proxy: &str, tls: TlsOptions) -> Client {
    let mut options = options();
    options.proxy = Some(Proxy::parse(proxy, None).unwrap());
    options.tls = tls;
    Client::new(options)
}

fn insecure() -> TlsOptions {
    TlsOptions {
        insecure: true,
        ..TlsOptions::default()
    }
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_http_in_the_absolute_form() {
    let (config, _) = certificate(&["origin.example"]);
    let server = Server::start_tls(config, |_| page("inside")).await;
    let (proxy, seen) = http_proxy(200).await;
    let client = through(&proxy, insecure());
    let url = format!("https://origin.example:{}/x", server.address.port())
        .parse()
        .unwrap();
    for _ in 0..2 {
        assert_eq!(client.get(&url).await.text(), "inside");
    }
    let clear = "http://origin.example/a?b".parse().unwrap();
    assert_eq!(client.get(&clear).await.text(), "proxy");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "the tunnel was used twice");
    assert!(seen[0].starts_with(&format!(
        "CONNECT origin.example:{} HTTP/1.1\r\n",
        server.address.port()
    )));
    assert!(seen[0].contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"));
    assert!(seen[1].starts_with("GET http://origin.example/a?b HTTP/1.1\r\n"));
    assert!(seen[1].contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let (proxy, _) = http_proxy(407).await;
    let url = "https://origin.example/".parse().unwrap();
    let got = through(&proxy, insecure()).get(&url).await;
    assert_eq!(got.failure().class(), Class::Proxy);
    let message = got.failure().to_string();
    assert!(
        message.contains("407") && !message.contains("pass"),
        "{message}"
    );
}

#[tokio::test]
async fn socks_carries_names_and_both_schemes() {
    let server = Server::start(|asked| page(asked.path)).await;
    let (proxy, seen) = socks_proxy(0).await;
    let client = through(&proxy, TlsOptions::default());
    let url = format!("http://only.the.proxy.knows:{}/s", server.address.port())
        .parse()
        .unwrap();
    assert_eq!(client.get(&url).await.text(), "/s");
    assert_eq!(*seen.lock().unwrap(), ["only.the.proxy.knows"]);
    let (proxy, _) = socks_proxy(5).await;
    let got = through(&proxy, TlsOptions::default()).get(&url).await;
    assert_eq!(got.failure().class(), Class::Proxy);
    assert!(got.failure().to_string().contains("connection refused"));
}

#[tokio::test]
async fn hosts_of_the_bypass_are_reached_directly() {
    let server = Server::start(|_| page("direct")).await;
    let (proxy, seen) = http_proxy(200).await;
    let mut options = options();
    let mut parsed = Proxy::parse(&proxy, None).unwrap();
    parsed.bypass = Globs::new(["127.*"]);
    options.proxy = Some(parsed);
    assert_eq!(
        Client::new(options).get(&server.url("/")).await.text(),
        "direct"
    );
    assert!(seen.lock().unwrap().is_empty());
}

/// HTTP/2 server that allows a number of requests at once and holds each for a moment.
struct Http2Server {
    port: u16,
    opened: Arc<AtomicUsize>,
    /// Number of requests under way, and the highest number so far.
    at_once: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Http2Server {
    async fn start(streams: Option<u32>) -> Self {
        let (config, _) = certificate(&["localhost"]);
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            opened: Arc::default(),
            at_once: Arc::default(),
        };
        let (opened, at_once) = (Arc::clone(&server.opened), Arc::clone(&server.at_once));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (acceptor, at_once) = (acceptor.clone(), Arc::clone(&at_once));
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.unwrap();
                    serve_http2(stream, streams, at_once).await;
                });
            }
        });
        server
    }

    fn most_at_once(&self) -> usize {
        self.at_once.1.load(Ordering::SeqCst)
    }
}

async fn serve_http2(
    stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    streams: Option<u32>,
    at_once: Arc<(AtomicUsize, AtomicUsize)>,
) {
    let service = hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let at_once = Arc::clone(&at_once);
        async move {
            let now = at_once.0.fetch_add(1, Ordering::SeqCst) + 1;
            at_once.1.fetch_max(now, Ordering::SeqCst);
            // The wait is long enough for all requests that may come at once to arrive.
            tokio::time::sleep(Duration::from_millis(50)).await;
            at_once.0.fetch_sub(1, Ordering::SeqCst);
            let text = format!("{} {:?}", request.uri().path(), request.version());
            Ok::<_, hyper::Error>(hyper::Response::new(Full::new(Bytes::from(text))))
        }
    });
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(streams)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn http2_client(change: impl FnOnce(&mut Options)) -> Arc<Client> {
    let mut options = options();
    options.tls = TlsOptions {
        http2: true,
        ..insecure()
    };
    change(&mut options);
    Arc::new(Client::new(options))
}

/// Sends requests at once; returns for each the number of its connection and of earlier requests on it.
async fn ask_at_once(client: &Arc<Client>, port: u16, requests: u64) -> Vec<(u64, u32)> {
    let mut all = tokio::task::JoinSet::new();
    for number in 0..requests {
        let client = Arc::clone(client);
        let url = format!("https://localhost:{port}/{number}");
        all.spawn(async move {
            let got = client.get(&url.parse().unwrap()).await;
            assert_eq!(got.text(), format!("/{number} HTTP/2.0"));
            let used = got.exchange.connection.unwrap();
            assert!(used.http2);
            (used.id, used.reuses)
        });
    }
    let mut used = all.join_all().await;
    used.sort_unstable();
    used
}

/// Sends 50 requests at once over one connection; returns the highest number that the server had under way.
async fn ask_over_http2(own: usize, of_server: Option<u32>) -> usize {
    let server = Http2Server::start(of_server).await;
    let client = http2_client(|options| options.http2_streams = own);
    ask_at_once(&client, server.port, 50).await;
    assert_eq!(server.opened.load(Ordering::SeqCst), 1);
    assert_eq!(client.fetcher.pool_figures().opened, 1);
    server.most_at_once()
}

#[tokio::test]
async fn one_http2_connection_carries_requests_at_once() {
    assert!(ask_over_http2(100, None).await > 10);
}

#[tokio::test]
async fn no_more_http2_requests_at_once_than_both_sides_allow() {
    assert_eq!(ask_over_http2(4, None).await, 4);
    assert_eq!(ask_over_http2(100, Some(3)).await, 3);
    assert_eq!(ask_over_http2(2, Some(3)).await, 2);
}

/// With one slot, the next connection is opened after the last request on the previous one has ended.
#[tokio::test]
async fn an_http2_connection_carries_as_many_requests_as_it_may() {
    let server = Http2Server::start(None).await;
    let client = http2_client(|options| {
        options.pool.per_host = 1;
        options.reuse.max_requests = Some(4);
    });
    let used = ask_at_once(&client, server.port, 10).await;
    let expected = (0..10).map(|number| (number / 4 + 1, (number % 4) as u32));
    assert_eq!(used, expected.collect::<Vec<_>>());
    assert_eq!(server.opened.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_http2_connection_that_is_too_old_is_not_used_again() {
    for (max_age, opened) in [(Duration::ZERO, 3), (Duration::from_secs(3600), 1)] {
        let server = Http2Server::start(None).await;
        let client = http2_client(|options| {
            options.pool.per_host = 1;
            options.reuse.max_age = Some(max_age);
        });
        for _ in 0..3 {
            ask_at_once(&client, server.port, 1).await;
        }
        assert_eq!(server.opened.load(Ordering::SeqCst), opened);
    }
}

#[tokio::test]
async fn a_server_without_http2_is_spoken_to_as_before() {
    let (config, _) = certificate(&["localhost"]);
    let server = Server::start_tls(config, |asked| page(asked.path)).await;
    let client = http2_client(|_| ());
    for number in 0..5 {
        let url = format!("https://localhost:{}/{number}", server.address.port())
            .parse()
            .unwrap();
        let got = client.get(&url).await;
        assert_eq!(got.text(), format!("/{number}"));
        assert!(!got.exchange.connection.unwrap().http2);
    }
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn cookies_are_off_unless_asked_for() {
    for cookies in [false, true] {
        let server = Server::start(|asked| match asked.path {
            "/set" => raw(
                "HTTP/1.1 200 OK\r\nSet-Cookie: id=7; Path=/\r\nContent-Length: 0\r\n\r\n",
                Then::Keep,
            ),
            _ => page(asked.head),
        })
        .await;
        let mut options = options();
        options.cookies = cookies;
        let client = Client::new(options);
        client.get(&server.url("/set")).await;
        assert_eq!(
            client
                .get(&server.url("/"))
                .await
                .text()
                .contains("cookie: id=7\r\n"),
            cookies
        );
    }
}
