//! Server of a plan. It writes HTTP/1.1 by hand, so that it can make every mistake.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracer_testbed::dns::{DnsFault, DnsOptions, DnsServer};

use super::answer::{Answer, Manner};
use super::certificates;
use super::limits;
use super::log::Log;
use super::plan::Plan;
use super::sockets::Sockets;

/// Longest head of a request in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// A running server of a site, ended on drop.
pub struct Server {
    shared: Arc<Shared>,
    authority: NamedTempFile,
    dns: DnsServer,
    _dead: TcpSocket,
    _runtime: Runtime,
}

struct Shared {
    plan: Plan,
    log: Log,
}

impl Server {
    /// Serves the plan in threads of its own.
    pub fn start(sockets: Sockets, plan: Plan) -> Result<Self> {
        let (config, pem) = certificates::make()?;
        let authority = NamedTempFile::new()?;
        std::fs::write(authority.path(), pem)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let dns = DnsOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            names: plan.names(),
            addresses: vec![Ipv4Addr::LOCALHOST.into()],
            ttl: Duration::from_secs(300),
            fault: DnsFault::None,
        };
        let dns = runtime.block_on(DnsServer::start(dns))?;
        let shared = Arc::new(Shared {
            plan,
            log: Log::default(),
        });
        let _inside = runtime.enter();
        let clear = TcpListener::from_std(sockets.clear)?;
        let tls = TcpListener::from_std(sockets.tls)?;
        runtime.spawn(accept(clear, None, Arc::clone(&shared)));
        runtime.spawn(accept(tls, Some(config), Arc::clone(&shared)));
        drop(_inside);
        Ok(Self {
            shared,
            authority,
            dns,
            _dead: sockets.dead,
            _runtime: runtime,
        })
    }

    /// Plan that is served.
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// Log of the requests.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Flags of a crawl that finds the site: name server, authority, hosts, and seed.
    pub fn reach(&self) -> Vec<String> {
        vec![
            "--scope=host".to_owned(),
            "--allow-host=*.site.test".to_owned(),
            format!("--dns={}", self.dns.address()),
            format!("--ca-file={}", self.authority.path().display()),
            self.plan().seed(),
        ]
    }

    /// Flags of [`Self::reach`], and the limits that the whole site was made for.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = limits::flags();
        flags.extend(self.reach());
        flags
    }
}

async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // An error is caused by the client or wanted by the plan.
            let _ = match acceptor {
                None => serve(stream, "http", &shared).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream, "https", &shared).await,
                    Err(_) => Ok(()),
                },
            };
        });
    }
}

/// A connection that can be reset.
trait Reset {
    fn reset(&self) -> io::Result<()>;
}

impl Reset for TcpStream {
    fn reset(&self) -> io::Result<()> {
        self.set_nodelay(true)?;
        self.set_zero_linger()
    }
}

impl Reset for TlsStream<TcpStream> {
    fn reset(&self) -> io::Result<()> {
        self.get_ref().0.reset()
    }
}

async fn serve<S>(mut stream: S, scheme: &str, shared: &Shared) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Reset + Unpin,
{
    let mut buffer = Vec::new();
    loop {
        let Some(length) = head(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let url = url_of(scheme, &buffer[..length]).context("a request that is none")?;
        buffer.drain(..length);
        let before = shared.log.note(&url);
        let answer = shared.answer(&url, before);
        if !send(&mut stream, &answer).await? {
            return Ok(());
        }
    }
}

/// Reads until the end of a head, and gives its length.
async fn head<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Result<Option<usize>> {
    loop {
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(at) = end {
            return Ok(Some(at + 4));
        }
        anyhow::ensure!(buffer.len() < MAX_HEAD_BYTES, "a head without an end");
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn url_of(scheme: &str, head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    let host = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then_some(value.trim())
    })?;
    Some(format!("{scheme}://{host}{target}"))
}

impl Shared {
    fn answer(&self, url: &str, before: u32) -> std::borrow::Cow<'_, Answer> {
        use std::borrow::Cow;
        if let Some(answers) = self.plan.answers.get(url) {
            let at = (before as usize).min(answers.len().saturating_sub(1));
            if let Some(answer) = answers.get(at) {
                return Cow::Borrowed(answer);
            }
        }
        let path_at = url
            .match_indices('/')
            .nth(2)
            .map_or(url.len(), |(at, _)| at);
        let (base, path) = url.split_at(path_at);
        let endless = self.plan.endless.get(base).and_then(|make| make(path));
        Cow::Owned(endless.unwrap_or_else(|| Answer::new(404, "not of this site")))
    }
}

/// Sends an answer; false when the connection has ended.
async fn send<S>(stream: &mut S, answer: &Answer) -> Result<bool>
where
    S: AsyncRead + AsyncWrite + Reset + Unpin,
{
    let (head, body) = (answer.head(), &answer.body[..]);
    match answer.manner {
        Manner::Reset => stream.reset()?,
        Manner::Close => stream.shutdown().await?,
        Manner::Raw => {
            stream.write_all(body).await?;
            end(stream).await?;
        }
        Manner::Cut(missing) => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body[..body.len() - missing]).await?;
            end(stream).await?;
        }
        Manner::CutByReset => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body[..body.len() / 2]).await?;
            stream.flush().await?;
            stream.reset()?;
        }
        Manner::Pieces(pause) => {
            for piece in [head.as_bytes(), &body[..body.len() / 2]] {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(pause).await;
            }
            stream.write_all(&body[body.len() / 2..]).await?;
            stream.flush().await?;
            return Ok(true);
        }
        Manner::Chunked => {
            stream.write_all(head.as_bytes()).await?;
            for piece in body.chunks(100) {
                chunk(stream, piece).await?;
            }
            chunk(stream, b"").await?;
            return Ok(true);
        }
        Manner::Flood(bytes) => {
            stream.write_all(head.as_bytes()).await?;
            for _ in 0..bytes / body.len() as u64 {
                chunk(stream, body).await?;
            }
        }
        Manner::Whole | Manner::Last | Manner::After(_) => {
            if let Manner::After(pause) = answer.manner {
                tokio::time::sleep(pause).await;
            }
            let mut all = head.into_bytes();
            all.extend_from_slice(body);
            stream.write_all(&all).await?;
            stream.flush().await?;
            if answer.manner == Manner::Last {
                end(stream).await?;
            }
            return Ok(answer.manner != Manner::Last);
        }
    }
    Ok(false)
}

async fn chunk<S: AsyncWrite + Unpin>(stream: &mut S, piece: &[u8]) -> io::Result<()> {
    let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
    framed.extend_from_slice(piece);
    framed.extend_from_slice(b"\r\n");
    stream.write_all(&framed).await?;
    stream.flush().await
}

/// Ends the connection so that everything sent arrives: it waits until the client has ended it too, but not for long.
async fn end<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    let drain = async { while matches!(stream.read(&mut rest).await, Ok(1..)) {} };
    // A client that has not ended by then is left alone.
    let _ = tokio::time::timeout(Duration::from_secs(5), drain).await;
    Ok(())
}
