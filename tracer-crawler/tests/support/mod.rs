//! Server with scripted answers, byte by byte, that counts connections and requests.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every test file uses all of it"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracer_crawler::deadline::{Guard, Task};
use tracer_crawler::fetch::pool::Bounds;
use tracer_crawler::fetch::{
    Collect, Dns, Exchange, Fetcher, Options, Request, Reuse, TcpOptions, Terms, TlsOptions,
    resolver::{Family, System},
};
use tracer_crawler::outcome::Failure;

/// Reaction of the server to one request.
#[derive(Clone)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub then: Then,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Then {
    Keep,
    Close,
    Hang,
    Reset,
}

/// Request as the server sees it.
pub struct Asked<'a> {
    pub path: &'a str,
    pub head: &'a str,
    /// Number of the connection, counted from 1.
    pub connection: usize,
    /// Number of the request on its connection, counted from 1.
    pub request: usize,
}

pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn page(body: impl AsRef<[u8]>) -> Reply {
    with("", body)
}

pub fn with(fields: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    raw([head.as_bytes(), body].concat(), Then::Keep)
}

pub fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Reply {
    Reply {
        bytes: bytes.into(),
        then,
    }
}

pub type Handler = Arc<dyn Fn(&Asked<'_>) -> Reply + Send + Sync>;

impl Server {
    pub async fn start(handler: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(handler, None).await
    }

    pub async fn start_tls(
        tls: Arc<rustls::ServerConfig>,
        handler: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(handler, Some(tls)).await
    }

    async fn start_with(
        handler: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let handler: Handler = Arc::new(handler);
        let counts = (Arc::clone(&connections), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let number = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
                let (handler, requests) = (Arc::clone(&handler), Arc::clone(&counts.1));
                let tls = tls.clone();
                open.spawn(async move {
                    match tls {
                        None => {
                            let linger = answer(stream, number, &handler, &requests).await;
                            if let Some((stream, true)) = linger {
                                reset(stream);
                            }
                        }
                        Some(tls) => {
                            let accepted =
                                tokio_rustls::TlsAcceptor::from(tls).accept(stream).await;
                            if let Ok(stream) = accepted {
                                answer(stream, number, &handler, &requests).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            connections,
            requests,
            task,
        }
    }

    pub fn url(&self, path: &str) -> url::Url {
        url::Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub fn opened(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Serves one connection; returns whether it is to be reset.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: usize,
    handler: &Handler,
    requests: &AtomicUsize,
) -> Option<(S, bool)> {
    for request in 1.. {
        let head = read_head(&mut stream).await?;
        requests.fetch_add(1, Ordering::SeqCst);
        let path = head.split(' ').nth(1).unwrap_or("").to_owned();
        let reply = handler(&Asked {
            path: &path,
            head: &head,
            connection,
            request,
        });
        if stream.write_all(&reply.bytes).await.is_err() || stream.flush().await.is_err() {
            return None;
        }
        match reply.then {
            Then::Keep => {}
            Then::Close => {
                let _ = stream.shutdown().await;
                return None;
            }
            Then::Reset => return Some((stream, true)),
            Then::Hang => std::future::pending().await,
        }
    }
    None
}

pub async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

pub fn options() -> Options {
    Options {
        dns: Dns::System(System {
            family: Family::V4,
            timeout: Duration::from_secs(10),
        }),
        tcp: TcpOptions::default(),
        tls: TlsOptions::default(),
        pool: Bounds {
            per_host: 4,
            idle_per_host: 4,
            idle_total: 100,
            idle_timeout: Duration::from_secs(60),
        },
        reuse: Reuse::default(),
        proxy: None,
        max_head_bytes: 64 * 1024,
        admit: None,
        cookies: false,
        http2_streams: 100,
    }
}

/// Result of one fetch.
pub struct Got {
    pub done: Result<(), Failure>,
    pub exchange: Exchange,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> &str {
        self.done.as_ref().unwrap();
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn failure(&self) -> &Failure {
        self.done.as_ref().unwrap_err()
    }
}

pub struct Client {
    pub fetcher: Fetcher,
    pub terms: Terms,
    pub cancel: CancellationToken,
}

impl Client {
    pub fn new(options: Options) -> Self {
        Self {
            terms: Terms::default(),
            fetcher: Fetcher::new(options).unwrap(),
            cancel: CancellationToken::new(),
        }
    }

    pub async fn get(&self, url: &url::Url) -> Got {
        let mut guard = Guard::new(self.cancel.clone());
        let task = Task::start(1, 0, &self.terms.clocks);
        let mut exchange = Exchange::default();
        let mut sink = Collect::new(100 << 20);
        let headers = hyper::HeaderMap::new();
        let request = Request {
            method: &hyper::Method::GET,
            url,
            headers: &headers,
        };
        let done = self
            .fetcher
            .fetch(
                &mut guard,
                &task,
                &self.terms,
                request,
                &mut exchange,
                &mut sink,
            )
            .await;
        Got {
            done,
            exchange,
            body: sink.body,
        }
    }
}

/// Server configuration with a certificate for `names`, and its authority as PEM.
pub fn certificate(names: &[&str]) -> (Arc<rustls::ServerConfig>, String) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), made.cert.pem())
}
