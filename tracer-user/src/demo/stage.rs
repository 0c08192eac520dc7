//! Surroundings of the crawls: the servers, and the link, or loopback where no link can be made.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::runtime::Runtime;
use tracer_testbed::dns::{DnsFault, DnsOptions, DnsServer};
use tracer_testbed::link::{Link, LinkError, LinkOptions, Side};
use tracer_testbed::origin::{Options, Origin, TlsOptions, TlsVersions};

use super::{DemoError, DemoSettings, MemoryFile};

/// Hosts of the site.
const HOSTS: u32 = 10;
/// Domain of all hosts.
const DOMAIN: &str = "site.test";
/// Median size of a page.
const PAGE_BYTES: usize = 6 * 1024;
/// Number of pages of the site, more than any crawl fetches.
const PAGES: u64 = 1_000_000;
/// Links of a page to further pages.
const LINKS: u64 = 2;
/// Time that DNS answers may be cached.
const TTL: Duration = Duration::from_secs(300);
/// Threads of the servers, which are not measured.
const SERVER_THREADS: usize = 2;

/// Link and runtime of the servers, used for both crawls.
#[derive(Debug)]
pub(super) struct Stage {
    /// Dropped before the link, because the servers' sockets are in its namespace.
    servers: Runtime,
    link: Result<Link, LinkError>,
}

/// Servers of one crawl.
#[derive(Debug)]
pub(super) struct Servers {
    /// The site.
    pub(super) origin: Origin,
    dns: Option<DnsServer>,
    /// PEM of the authority that signed the origin's certificate.
    pub(super) authority: MemoryFile,
    /// URLs to begin with, one a line.
    pub(super) seeds: MemoryFile,
}

/// Counts of the servers of one crawl.
#[derive(Debug)]
pub(super) struct Counted {
    /// The origin's counts.
    pub(super) origin: serde_json::Value,
    /// Queries that reached the DNS server; `None` without one.
    pub(super) lookups: Option<u64>,
}

impl Stage {
    /// Sets up link and runtime. Without rights or TUN there is no link, and [`Stage::no_link`] returns the reason;
    /// other errors are returned.
    pub(super) fn new(settings: &DemoSettings) -> Result<Self, DemoError> {
        let link = Link::new(LinkOptions {
            rtt: settings.rtt,
            netem: settings.netem,
            ..LinkOptions::default()
        });
        if let Err(error @ LinkError::Netem { .. }) = link {
            return Err(error.into());
        }
        let servers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(SERVER_THREADS)
            .enable_all()
            .build()
            .map_err(DemoError::system("starting the servers' runtime"))?;
        Ok(Self { servers, link })
    }

    /// The link, if there is one.
    pub(super) fn link(&self) -> Option<&Link> {
        self.link.as_ref().ok()
    }

    /// Reason why there is no link.
    pub(super) fn no_link(&self) -> Option<&LinkError> {
        self.link.as_ref().err()
    }

    /// Starts new servers, which count from zero.
    pub(super) fn serve(&self, settings: &DemoSettings) -> Result<Servers, DemoError> {
        let memory = DemoError::system("making a file in memory");
        let authority = MemoryFile::new().map_err(&memory)?;
        let hosts = self.hosts();
        let options = Options {
            listen: self.address(443),
            tls: Some(TlsOptions {
                names: self.names(),
                tickets: 2,
                resumption: true,
                versions: TlsVersions::Both,
                ca_file: Some(authority.path()),
            }),
            body_bytes: PAGE_BYTES,
            vary_sizes: true,
            pages: PAGES,
            links: LINKS,
            hosts: hosts.clone(),
            gzip: true,
            ..Options::default()
        };
        let (origin, dns) = match self.link() {
            Some(link) => link.run_in(Side::Server, || self.start(options))??,
            None => self.start(options)?,
        };
        let seeds = seeds(&hosts, origin.address(), settings.concurrency);
        Ok(Servers {
            origin,
            dns,
            authority,
            seeds: MemoryFile::with(&seeds).map_err(&memory)?,
        })
    }

    /// Starts the servers in the network namespace of the calling thread.
    fn start(&self, options: Options) -> Result<(Origin, Option<DnsServer>), DemoError> {
        let dns = self.link().map(|_| DnsOptions {
            listen: self.address(53),
            names: vec![format!("*.{DOMAIN}")],
            addresses: vec![Side::Server.ipv4().into()],
            ttl: TTL,
            fault: DnsFault::None,
        });
        self.servers.block_on(async {
            let origin = Origin::start(options).await?;
            Ok(match dns {
                Some(dns) => (origin, Some(DnsServer::start(dns).await?)),
                None => (origin, None),
            })
        })
    }

    /// Ends the servers and returns their final counts. Their ports are then free for the servers of the next crawl.
    pub(super) fn stop(&self, servers: Servers) -> Counted {
        self.servers.block_on(async {
            let origin = servers.origin.stop().await;
            let lookups = match servers.dns {
                Some(dns) => Some(dns.stop().await.queries()),
                None => None,
            };
            Counted { origin, lookups }
        })
    }

    /// Host names of the site; on loopback there is no DNS server, so there is only one.
    pub(super) fn hosts(&self) -> Vec<String> {
        match self.link() {
            Some(_) => (0..HOSTS).map(|n| format!("h{n}.{DOMAIN}")).collect(),
            None => vec!["localhost".into()],
        }
    }

    fn names(&self) -> Vec<String> {
        match self.link() {
            Some(_) => vec![format!("*.{DOMAIN}")],
            None => vec!["localhost".into()],
        }
    }

    /// Address for a server: in the link's namespace every port is free; on loopback the kernel chooses one.
    fn address(&self, port: u16) -> SocketAddr {
        match self.link() {
            Some(_) => (Side::Server.ipv4(), port).into(),
            None => (IpAddr::from(Ipv4Addr::LOCALHOST), 0).into(),
        }
    }

    /// Content of resolv.conf for the C library in the client's namespace.
    pub(super) fn resolver() -> String {
        format!("nameserver {}\n", Side::Server.ipv4())
    }
}

/// Seeds, as many as there are requests at once, so that the crawl runs at full width from the start.
fn seeds(hosts: &[String], address: SocketAddr, concurrency: u32) -> String {
    let port = match address.port() {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let line = |(page, host): (u32, &String)| format!("https://{host}{port}/page/{page}\n");
    (0..concurrency)
        .zip(hosts.iter().cycle())
        .map(line)
        .collect()
}
