//! Servers and proxies of the matrix, and what they count.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::{Path, Protocol};
use crate::certificate::Certificate;
use crate::server::{Dante, Nginx, NginxOptions, Relay, Seen, Threaded, Tinyproxy, thinking};
use crate::sockets;

/// Number of times that a client begins anew.
const ROUNDS: u32 = 2;
/// Number of pages of a round.
const PAGES: u32 = 5;
/// Fewest requests of a client.
pub(super) const REQUESTS: u64 = (ROUNDS * PAGES) as u64;
/// Time that the site takes for a page.
const THINK_TIME: Duration = Duration::from_millis(2);

/// Running site: for each protocol an nginx with a relay before it, and the two proxies.
pub(super) struct Site {
    certificate: Certificate,
    origins: Vec<Nginx>,
    relays: Vec<Relay>,
    tinyproxy: Tinyproxy,
    dante: Dante,
    _pages: Threaded,
}

/// Arguments of a client.
pub(super) struct Visit {
    proxy: String,
    url: String,
    /// Number of times that the client begins anew.
    pub(super) rounds: u32,
    /// Number of pages of a round.
    pub(super) pages: u32,
    /// File of the certificate to trust.
    pub(super) ca: PathBuf,
}

impl Visit {
    /// Straight to a site, in rounds of so many pages.
    pub(super) fn direct(url: &str, rounds: u32, pages: u32, ca: PathBuf) -> Self {
        Self {
            proxy: "none".into(),
            url: url.to_owned(),
            rounds,
            pages,
            ca,
        }
    }

    /// Arguments as words.
    pub(super) fn words(&self, http: &str) -> [String; 6] {
        [
            self.proxy.clone(),
            self.url.clone(),
            self.rounds.to_string(),
            self.pages.to_string(),
            self.ca.display().to_string(),
            http.to_owned(),
        ]
    }
}

/// Counts before a visit.
pub(super) struct Mark {
    lines: usize,
    by_origin: u64,
    by_first: u64,
    tunnels: u64,
}

/// Counts of a visit.
#[derive(Debug)]
pub(super) struct Truth {
    /// Counts of the access log.
    pub(super) seen: Seen,
    /// Connections that the site accepted, used or not.
    pub(super) accepted: u64,
    /// Connections that the client opened: those to the site or to the proxy.
    pub(super) opened: u64,
    /// Tunnels that the client asked the proxy for.
    pub(super) tunnels: u64,
}

impl Site {
    /// Starts all servers, with small pages.
    pub(super) fn start() -> Result<Self> {
        Self::start_with(page)
    }

    /// Starts all servers; `page` gives the page to a request.
    pub(super) fn start_with(
        page: impl Fn(&[u8]) -> String + Send + Sync + 'static,
    ) -> Result<Self> {
        let certificate = Certificate::small()?;
        let pages = Threaded::start(thinking(THINK_TIME, page))?;
        let origin = |protocol: Protocol| {
            let options = NginxOptions {
                protocols: protocol.setting(),
                http2: protocol.is_tls(),
                upstream: Some(pages.port()),
                ..NginxOptions::default()
            };
            Nginx::start(options, &certificate)
        };
        let origins: Vec<Nginx> = Protocol::ALL
            .into_iter()
            .map(origin)
            .collect::<Result<_>>()?;
        let relays = origins.iter().map(|origin| Relay::start(origin.port));
        Ok(Self {
            relays: relays.collect::<Result<_>>()?,
            tinyproxy: Tinyproxy::start()?,
            dante: Dante::start()?,
            certificate,
            origins,
            _pages: pages,
        })
    }

    fn origin(&self, protocol: Protocol) -> &Nginx {
        &self.origins[protocol as usize]
    }

    fn relay(&self, protocol: Protocol) -> &Relay {
        &self.relays[protocol as usize]
    }

    /// Arguments for a client that takes this way.
    pub(super) fn visit(&self, path: Path, protocol: Protocol) -> Visit {
        let port = match path {
            Path::Local => self.relay(protocol).port(),
            _ => self.origin(protocol).port,
        };
        let scheme = if protocol.is_tls() { "https" } else { "http" };
        Visit {
            proxy: match path {
                Path::Connect => format!("http://127.0.0.1:{}", self.tinyproxy.port),
                Path::Socks => format!("socks5h://127.0.0.1:{}", self.dante.port),
                Path::Direct | Path::Local => "none".into(),
            },
            url: format!("{scheme}://localhost:{port}/"),
            rounds: ROUNDS,
            pages: PAGES,
            ca: self.certificate.path(),
        }
    }

    /// Port that a client on this path connects to.
    pub(super) fn first_port(&self, path: Path, protocol: Protocol) -> u16 {
        match path {
            Path::Direct => self.origin(protocol).port,
            Path::Connect => self.tinyproxy.port,
            Path::Socks => self.dante.port,
            Path::Local => self.relay(protocol).port(),
        }
    }

    /// Number of tunnels that clients on this path have asked for so far.
    pub(super) fn tunnels(&self, path: Path) -> Result<u64> {
        match path {
            Path::Direct | Path::Local => Ok(0),
            Path::Connect => self.tinyproxy.tunnels(),
            Path::Socks => self.dante.tunnels(),
        }
    }

    /// Counts so far.
    pub(super) fn mark(&self, path: Path, protocol: Protocol) -> Result<Mark> {
        let by_origin = self.origin(protocol).accepted()?;
        let by_first = match path {
            Path::Direct => by_origin,
            Path::Connect => self.tinyproxy.accepted()?,
            Path::Socks => self.dante.accepted()?,
            Path::Local => self.relay(protocol).accepted(),
        };
        Ok(Mark {
            lines: self.origin(protocol).logged()?,
            by_origin,
            by_first,
            tunnels: self.tunnels(path)?,
        })
    }

    /// Counts since the mark, once every connection is closed.
    pub(super) fn since(&self, mark: &Mark, path: Path, protocol: Protocol) -> Result<Truth> {
        sockets::settle(self.first_port(path, protocol))?;
        sockets::settle(self.origin(protocol).port)?;
        let now = self.mark(path, protocol)?;
        Ok(Truth {
            seen: self.origin(protocol).seen_since(mark.lines)?,
            accepted: now.by_origin - mark.by_origin,
            opened: now.by_first - mark.by_first,
            tunnels: now.tunnels - mark.tunnels,
        })
    }
}

/// Page with scripts for a browser, which asks for them; a small one for everybody else.
pub(super) fn page(request: &[u8]) -> String {
    let scripts = |count: u32| -> String {
        let script = |number| format!("<script src=\"/{number}.js\"></script>");
        (1..count).map(script).collect()
    };
    if request.starts_with(b"GET /pages ") {
        return format!(
            "<title>pages</title><link rel=\"icon\" href=\"data:,\">{}\n",
            scripts(ROUNDS * PAGES)
        );
    }
    "// a page\n".into()
}
