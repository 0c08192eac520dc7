//! Comparison of the origin's counts and log with the actions of a client.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracer_testbed::origin::{Options, Origin, TlsOptions, TlsVersions};

fn options(tls: Option<TlsOptions>) -> Options {
    Options {
        tls,
        body_bytes: 100,
        pages: 10,
        max_connections: 100,
        ..Options::default()
    }
}

fn tls(versions: TlsVersions, resumption: bool) -> TlsOptions {
    TlsOptions {
        names: vec!["origin.example".into()],
        tickets: 2,
        resumption,
        versions,
        ca_file: None,
    }
}

fn connector(ca_file: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca_file).unwrap())
        .unwrap();
    TlsConnector::from(Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    ))
}

/// Requests `count` pages on one connection and reads the whole responses.
async fn get(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), count: usize) {
    for _ in 0..count {
        stream
            .write_all(b"GET /x HTTP/1.1\r\nhost: origin.example\r\n\r\n")
            .await
            .unwrap();
        let mut response = Vec::new();
        while !response.ends_with(&[b'x'; 100]) {
            assert_ne!(
                stream.read_buf(&mut response).await.unwrap(),
                0,
                "closed early"
            );
        }
    }
}

async fn get_tls(origin: &Origin, connector: &TlsConnector, requests: usize) {
    let stream = TcpStream::connect(origin.address()).await.unwrap();
    let name = ServerName::try_from("origin.example").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    get(&mut stream, requests).await;
    stream.shutdown().await.unwrap();
    // Reads the server's close_notify and FIN, after which both sides have ended the connection.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn closed(origin: &Origin, count: u64) {
    while origin
        .counts()
        .closed
        .load(std::sync::atomic::Ordering::Relaxed)
        < count
    {
        tokio::task::yield_now().await;
    }
}

/// Makes three connections one after the other; the later ones try to resume.
async fn check_tls(settings: TlsOptions, expected: Value) {
    let origin = Origin::start(options(Some(settings))).await.unwrap();
    let ca_file = origin.ca_file().unwrap().to_owned();
    let connector = connector(&ca_file);
    for done in 1..=3 {
        get_tls(&origin, &connector, 2).await;
        closed(&origin, done).await;
    }
    let counts = origin.stop().await;
    assert_eq!(counts["tls"], expected);
    assert_eq!(
        (&counts["connections"], &counts["requests"]),
        (&json!(3), &json!(6))
    );
    assert_eq!(counts["closed_by"]["reset"], 0);
    assert!(!ca_file.exists());
}

fn handshakes(full: u64, resumed: u64, versions: Value) -> Value {
    json!({"full": full, "resumed": resumed, "hello_retry_requests": 0, "failed": 0, "versions": versions})
}

#[tokio::test]
async fn handshakes_are_counted_by_kind_and_version() {
    check_tls(
        tls(TlsVersions::Both, true),
        handshakes(1, 2, json!({"1.2": 0, "1.3": 3})),
    )
    .await;
    check_tls(
        tls(TlsVersions::Only12, true),
        handshakes(1, 2, json!({"1.2": 3, "1.3": 0})),
    )
    .await;
    check_tls(
        tls(TlsVersions::Both, false),
        handshakes(3, 0, json!({"1.2": 0, "1.3": 3})),
    )
    .await;
}

#[tokio::test]
async fn clear_text_connections_are_logged_with_who_closed() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let origin = Origin::start(Options {
        log: Some(log.path().into()),
        ..options(None)
    })
    .await
    .unwrap();
    let mut stream = TcpStream::connect(origin.address()).await.unwrap();
    get(&mut stream, 3).await;
    stream.shutdown().await.unwrap();
    closed(&origin, 1).await;
    let counts = origin.stop().await;
    assert_eq!(
        counts["closed_by"],
        json!({"client": 1, "server": 0, "reset": 0})
    );
    let lines = std::fs::read_to_string(log.path()).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3]["peer"], json!(stream.local_addr().unwrap()));
    assert_eq!(
        (&lines[3]["requests"], &lines[3]["closed_by"]),
        (&json!(3), &json!("client"))
    );
}

/// Checks an origin that closes by itself after one request.
async fn check_server_closes(options: Options) {
    let origin = Origin::start(options).await.unwrap();
    let mut stream = TcpStream::connect(origin.address()).await.unwrap();
    get(&mut stream, 1).await;
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    closed(&origin, 1).await;
    assert_eq!(origin.stop().await["closed_by"]["server"], 1);
}

#[tokio::test]
async fn the_server_closes_when_told() {
    check_server_closes(Options {
        keep_alive: false,
        ..options(None)
    })
    .await;
    check_server_closes(Options {
        idle_timeout: Some(Duration::from_millis(50)),
        ..options(None)
    })
    .await;
}

#[tokio::test]
async fn stop_ends_idle_connections() {
    let origin = Origin::start(options(None)).await.unwrap();
    let mut stream = TcpStream::connect(origin.address()).await.unwrap();
    get(&mut stream, 1).await;
    assert_eq!(origin.stop().await["closed_by"]["server"], 1);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}
