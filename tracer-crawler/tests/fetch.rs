//! Tests of single fetches against a server with scripted answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Client, Reply, Server, Then, certificate, options, page, raw, with};
use tracer_crawler::fetch::TlsOptions;
use tracer_crawler::outcome::{Class, Clock, Failure, Remedy, Stage};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = Server::start(|asked| page(format!("{} of {}", asked.path, asked.request))).await;
    let client = Client::new(options());
    for number in 1..=20 {
        let got = client.get(&server.url(&format!("/{number}?q"))).await;
        assert_eq!(got.text(), format!("/{number}?q of {number}"));
        let used = got.exchange.connection.unwrap();
        assert_eq!((used.id, used.reuses), (1, number - 1));
        assert_eq!(got.exchange.phases.connect_ns.is_some(), number == 1);
        assert!(got.exchange.phases.ttfb_ns.is_some() && got.exchange.phases.transfer_ns.is_some());
    }
    assert_eq!(server.opened(), 1);
    let figures = client.fetcher.pool_figures();
    assert_eq!((figures.opened, figures.reused, figures.idle), (1, 19, 1));
}

#[tokio::test]
async fn many_at_once_open_exactly_the_limit() {
    let server = Server::start(|asked| page(asked.path)).await;
    let client = Arc::new(Client::new(options()));
    let mut all = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (client, url) = (Arc::clone(&client), server.url(&format!("/{number}")));
        all.spawn(async move { client.get(&url).await.text().to_owned() });
    }
    let texts = all.join_all().await;
    assert_eq!(texts.len(), 200);
    assert_eq!(server.opened(), 4);
    assert_eq!(client.fetcher.pool_figures().reused, 196);
}

#[tokio::test]
async fn the_host_field_names_host_and_port() {
    let server = Server::start(|asked| page(asked.head)).await;
    let got = Client::new(options()).get(&server.url("/")).await;
    let expected = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    assert_eq!(got.text(), expected);
}

#[tokio::test]
async fn a_server_that_closes_is_not_asked_again_on_that_connection() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let server = Server::start(move |_| raw(close, Then::Close)).await;
    let client = Client::new(options());
    for _ in 0..3 {
        let got = client.get(&server.url("/")).await;
        assert_eq!((got.text(), got.exchange.stale), ("ok", 0));
    }
    assert_eq!(server.opened(), 3);
    assert_eq!(client.fetcher.pool_figures().idle, 0);
}

#[tokio::test]
async fn a_stale_connection_costs_one_more_try() {
    // The second request of each connection finds it closed.
    let server = Server::start(|asked| match asked.request {
        1 => page("ok"),
        _ => raw("", Then::Reset),
    })
    .await;
    let client = Client::new(options());
    for number in 1..=3 {
        let got = client.get(&server.url("/")).await;
        assert_eq!(got.text(), "ok");
        assert_eq!(got.exchange.stale, u32::from(number > 1));
        assert_eq!(got.exchange.connection.unwrap().reuses, 0);
    }
    assert_eq!(server.opened(), 3);
}

#[tokio::test]
async fn half_an_answer_is_not_asked_for_again() {
    let server = Server::start(|asked| match asked.request {
        1 => page("ok"),
        _ => raw("HTTP/1.1 200 O", Then::Close),
    })
    .await;
    let client = Client::new(options());
    assert_eq!(client.get(&server.url("/")).await.text(), "ok");
    let got = client.get(&server.url("/")).await;
    assert_eq!(got.failure().class(), Class::Lost, "{}", got.failure());
    assert_eq!((got.exchange.stale, server.opened()), (0, 1));
}

#[tokio::test]
async fn a_fresh_connection_that_closes_is_not_tried_again_here() {
    let server = Server::start(|_| raw("", Then::Close)).await;
    let got = Client::new(options()).get(&server.url("/")).await;
    assert_eq!(got.failure().class(), Class::Closed);
    assert_eq!(got.failure().remedy(), Remedy::Transient);
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn broken_answers_have_their_classes() {
    let cases = [
        (
            "/nonsense",
            raw("SSH-2.0-OpenSSH\r\n\r\n", Then::Close),
            Class::Malformed,
        ),
        (
            "/truncated",
            raw(
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                Then::Close,
            ),
            Class::Truncated,
        ),
        (
            "/reset",
            raw(
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                Then::Reset,
            ),
            Class::Truncated,
        ),
        (
            "/chunk",
            raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                Then::Hang,
            ),
            Class::Malformed,
        ),
        (
            "/cut",
            raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
                Then::Close,
            ),
            Class::Truncated,
        ),
        (
            "/head",
            raw(
                format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000)),
                Then::Hang,
            ),
            Class::Malformed,
        ),
        (
            "/coding",
            with("Content-Encoding: compress\r\n", "\x1f\u{9d}"),
            Class::Decode,
        ),
    ];
    let replies: std::collections::HashMap<_, _> = cases
        .iter()
        .map(|(path, reply, _)| (*path, reply.clone()))
        .collect();
    let server = Server::start(move |asked| replies[asked.path].clone()).await;
    for (path, _, class) in &cases {
        let got = Client::new(options()).get(&server.url(path)).await;
        assert_eq!(got.failure().class(), *class, "{path}: {}", got.failure());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_coded_body_is_decoded_and_its_connection_kept() {
    let text = "text ".repeat(10_000);
    let body = gzip(text.as_bytes());
    let wire_bytes = body.len() as u64;
    let server = Server::start(move |_| with("Content-Encoding: gzip\r\n", &body)).await;
    let client = Client::new(options());
    for _ in 0..3 {
        let got = client.get(&server.url("/")).await;
        assert!(got.text() == text);
        assert_eq!(
            (got.exchange.wire_bytes, got.exchange.decoded_bytes),
            (wire_bytes, text.len() as u64)
        );
    }
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let bomb = gzip(&vec![0; 5_000_000]);
    assert!(bomb.len() < 10_000);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        20_000,
        "x".repeat(20_000)
    );
    let server = Server::start(move |asked| match asked.path {
        "/bomb" => with("Content-Encoding: gzip\r\n", &bomb),
        "/announced" => page("x".repeat(10_001)),
        "/chunked" => raw(chunked.clone(), Then::Keep),
        _ => page("x".repeat(10_000)),
    })
    .await;
    let mut client = Client::new(options());
    client.terms.body.wire_bytes = 10_000;
    client.terms.body.decoded_bytes = 50_000;
    for (path, class, bytes) in [
        ("/bomb", Class::Bomb, 50_000),
        ("/announced", Class::BodyTooLong, 0),
    ] {
        let got = client.get(&server.url(path)).await;
        assert_eq!(got.failure().class(), class);
        assert_eq!(got.exchange.decoded_bytes, bytes, "{path}");
        assert_eq!(
            got.exchange.head.unwrap().status,
            200,
            "the head is known all the same"
        );
    }
    assert_eq!(
        client.get(&server.url("/chunked")).await.failure().class(),
        Class::BodyTooLong
    );
    assert_eq!(client.get(&server.url("/fits")).await.text().len(), 10_000);
    assert_eq!(
        client.fetcher.pool_figures().idle,
        1,
        "connections with a rest on them are closed"
    );
}

#[tokio::test]
async fn chunks_trailers_and_a_body_without_length() {
    let server = Server::start(|asked| match asked.path {
        "/chunked" => raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4;x=y\r\n two\r\n0\r\nTrailer: t\r\n\r\n", Then::Keep),
        "/none" => raw("HTTP/1.1 204 No Content\r\n\r\n", Then::Keep),
        _ => raw("HTTP/1.0 200 OK\r\n\r\nuntil the end", Then::Close),
    })
    .await;
    let client = Client::new(options());
    assert_eq!(client.get(&server.url("/chunked")).await.text(), "one two");
    assert_eq!(client.get(&server.url("/none")).await.text(), "");
    assert_eq!(
        client.get(&server.url("/closed")).await.text(),
        "until the end"
    );
    assert_eq!(
        (server.opened(), client.fetcher.pool_figures().idle),
        (1, 0)
    );
}

#[tokio::test]
async fn idle_connections_are_closed_in_time() {
    let server = Server::start(|_| page("ok")).await;
    let mut options = options();
    options.pool.idle_timeout = Duration::from_millis(1);
    let client = Client::new(options);
    client.get(&server.url("/")).await;
    while client.fetcher.pool_figures().idle > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.fetcher.pool_figures().expired, 1);
}

#[tokio::test]
async fn the_default_profile_throws_most_connections_away() {
    let server = Server::start(|_| page("ok")).await;
    let mut options = options();
    options.pool.per_host = 10;
    options.pool.idle_per_host = 2;
    let client = Arc::new(Client::new(options));
    for _ in 0..2 {
        let mut all = tokio::task::JoinSet::new();
        let barrier = Arc::new(tokio::sync::Barrier::new(10));
        for _ in 0..10 {
            let (client, url, barrier) =
                (Arc::clone(&client), server.url("/"), Arc::clone(&barrier));
            all.spawn(async move {
                barrier.wait().await;
                client.get(&url).await;
            });
        }
        all.join_all().await;
        assert!(client.fetcher.pool_figures().idle <= 2);
    }
}

#[tokio::test]
async fn worn_connections_are_not_used_again() {
    let server = Server::start(|_| page("ok")).await;
    let mut options = options();
    options.reuse.max_requests = Some(2);
    let client = Client::new(options);
    for _ in 0..5 {
        client.get(&server.url("/")).await;
    }
    assert_eq!(server.opened(), 3);
}

#[tokio::test]
async fn each_clock_runs_for_itself() {
    let server = Server::start(|asked| match asked.path {
        "/body" => raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            Then::Hang,
        ),
        _ => raw("", Then::Hang),
    })
    .await;
    let mut client = Client::new(options());
    client.terms.clocks.request = Duration::from_millis(50);
    for (path, expected) in [("/silent", Stage::Response), ("/body", Stage::Body)] {
        let got = client.get(&server.url(path)).await;
        assert!(
            matches!(got.failure(), Failure::Timeout { clock: Clock::Request, stage } if *stage == expected),
            "{path}: {}",
            got.failure()
        );
        assert!(got.exchange.phases.total_ns >= 50_000_000);
    }
    client.terms.clocks.request = 60 * SECOND;
    client.terms.clocks.task = Duration::from_millis(50);
    let got = client.get(&server.url("/silent")).await;
    assert_eq!(got.failure().class(), Class::TimeoutTask);
    // A TLS handshake with a server that never answers.
    client.terms.clocks.task = 60 * SECOND;
    client.terms.clocks.tls = Duration::from_millis(50);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    let got = client.get(&url).await;
    assert_eq!(got.failure().class(), Class::TimeoutTls);
    assert_eq!(client.fetcher.pool_figures().idle, 0);
}

#[tokio::test]
async fn a_connect_that_hangs_runs_out_of_its_own_clock() {
    // A full accept queue drops SYNs.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let full: Vec<_> = (0..4)
        .map(|_| tokio::spawn(tokio::net::TcpStream::connect(address)))
        .collect();
    let mut client = Client::new(options());
    client.terms.clocks.connect = Duration::from_millis(100);
    client.terms.clocks.request = Duration::from_millis(200);
    let url = format!("http://{address}/").parse().unwrap();
    let last = loop {
        let got = client.get(&url).await;
        if got.failure().class() != Class::TimeoutRequest {
            break got;
        }
    };
    assert!(
        matches!(
            last.failure(),
            Failure::Timeout {
                clock: Clock::Connect,
                stage: Stage::Connect
            }
        ),
        "{}",
        last.failure()
    );
    full.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_cancel_reaches_every_stage_and_leaves_nothing_open() {
    let reached = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&reached);
    let server = Server::start(move |asked| {
        seen.store(true, Ordering::SeqCst);
        match asked.path {
            "/body" => raw(
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                Then::Hang,
            ),
            _ => raw("", Then::Hang),
        }
    })
    .await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = format!("https://{}/", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    for (url, stage) in [
        (server.url("/silent"), Stage::Response),
        (server.url("/body"), Stage::Body),
        (tls, Stage::Tls),
    ] {
        let client = Client::new(options());
        reached.store(stage == Stage::Tls, Ordering::SeqCst);
        let cancel = async {
            while !reached.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.cancel.cancel();
        };
        let (got, ()) = tokio::join!(client.get(&url), cancel);
        assert!(
            matches!(got.failure(), Failure::Cancelled(at) if *at == stage),
            "{}",
            got.failure()
        );
        assert_eq!(client.fetcher.pool_figures().idle, 0);
    }
}

#[tokio::test]
async fn a_cancel_reaches_those_who_wait_for_a_connection() {
    let server = Server::start(|_| raw("", Then::Hang)).await;
    let mut options = options();
    options.pool.per_host = 1;
    let client = Client::new(options);
    let url = server.url("/");
    let (first, second, ()) = tokio::join!(client.get(&url), client.get(&url), async {
        while server.requests.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        client.cancel.cancel();
    });
    assert!(matches!(
        first.failure(),
        Failure::Cancelled(Stage::Response)
    ));
    // The slot of the first request may have come to the second in the same moment.
    assert_eq!(second.failure().class(), Class::Cancelled);
    assert!(second.exchange.connection.is_none());
}

fn tls_client(authority: &str, sessions: usize) -> (Client, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.as_bytes()).unwrap();
    let mut options = options();
    options.tls = TlsOptions {
        sessions,
        ca_file: Some(file.path().to_owned()),
        ..TlsOptions::default()
    };
    (Client::new(options), file)
}

fn closing(_: &support::Asked<'_>) -> Reply {
    raw(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        Then::Close,
    )
}

#[tokio::test]
async fn sessions_are_taken_up_again_when_asked() {
    let (config, authority) = certificate(&["localhost", "127.0.0.1"]);
    let server = Server::start_tls(config, closing).await;
    let url = format!("https://localhost:{}/", server.address.port())
        .parse()
        .unwrap();
    for (sessions, expected) in [(0, [false, false, false]), (100, [false, true, true])] {
        let (client, _file) = tls_client(&authority, sessions);
        let mut resumed = Vec::new();
        for _ in 0..3 {
            let got = client.get(&url).await;
            assert_eq!(got.text(), "ok");
            let tls = got.exchange.connection.unwrap().tls.unwrap();
            assert_eq!(tls.version, "1.3");
            assert!(got.exchange.phases.tls_ns.is_some());
            resumed.push(tls.resumed);
        }
        assert_eq!(resumed, expected);
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let (config, authority) = certificate(&["other.example"]);
    let server = Server::start_tls(config, closing).await;
    let url = format!("https://localhost:{}/", server.address.port())
        .parse()
        .unwrap();
    for client in [Client::new(options()), tls_client(&authority, 0).0] {
        let got = client.get(&url).await;
        assert_eq!(
            got.failure().class(),
            Class::TlsCertificate,
            "{}",
            got.failure()
        );
        assert_eq!(got.failure().remedy(), Remedy::Permanent);
    }
    let mut insecure = options();
    insecure.tls.insecure = true;
    assert_eq!(Client::new(insecure).get(&url).await.text(), "ok");
}

#[tokio::test]
async fn clear_text_where_tls_is_expected() {
    let server = Server::start(|_| page("")).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let got = Client::new(options()).get(&url).await;
    assert_eq!(
        got.failure().class(),
        Class::TlsHandshake,
        "{}",
        got.failure()
    );
    drop(server);
}
