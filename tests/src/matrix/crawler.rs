//! Clients of the matrix. Each takes `PROXY URL ROUNDS COUNT CA HTTP`, keeps its connections within a round, and ends
//! its output with a line of JSON.

use anyhow::{Context, Result};

use super::site::Visit;
use super::{Path, Protocol};
use crate::build;
use crate::client::Client;
use crate::machine::{fixture, program, venv_python};

/// Client of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Crawler {
    /// Name in the tables.
    pub name: &'static str,
    /// Version of HTTP that it is told to speak over TLS: `1.1` or `2`.
    pub(super) http: &'static str,
    /// True if it can use a SOCKS proxy.
    pub(super) socks: bool,
    /// True if it can use an HTTP proxy.
    pub(super) http_proxy: bool,
    /// True if it can do without TLS.
    clear: bool,
    program: Program,
}

/// Kind of program below `tests/clients/matrix`.
#[derive(Debug, Clone, Copy)]
enum Program {
    Shell(&'static str),
    Python(&'static str),
    Node(&'static str),
    Go,
    Java,
    Reqwest,
}

const fn crawler(name: &'static str, program: Program) -> Crawler {
    Crawler {
        name,
        http: "1.1",
        socks: true,
        http_proxy: true,
        clear: true,
        program,
    }
}

impl Crawler {
    const fn without_socks(self) -> Self {
        Self {
            socks: false,
            ..self
        }
    }

    const fn without_http_proxy(self) -> Self {
        Self {
            http_proxy: false,
            ..self
        }
    }

    const fn without_clear(self) -> Self {
        Self {
            clear: false,
            ..self
        }
    }

    const fn over_http2(self) -> Self {
        Self { http: "2", ..self }
    }
}

/// All clients.
pub const CRAWLERS: [Crawler; 18] = [
    crawler("curl", Program::Shell("curl.sh")),
    crawler("curl, HTTP/2", Program::Shell("curl.sh")).over_http2(),
    crawler("wget", Program::Shell("wget.sh")).without_socks(),
    // Debian 12's wget2 waits for ever for the consent to its tunnel, and no request in clear gets through tinyproxy.
    crawler("wget2", Program::Shell("wget2.sh"))
        .without_socks()
        .without_http_proxy(),
    crawler("Go tuned", Program::Go),
    crawler("Go default, HTTP/2", Program::Go).over_http2(),
    crawler("requests", Program::Python("with_requests.py")),
    crawler("aiohttp", Program::Python("with_aiohttp.py")),
    crawler("httpx", Program::Python("with_httpx.py")),
    crawler("httpx, HTTP/2", Program::Python("with_httpx.py")).over_http2(),
    crawler("Scrapy", Program::Python("with_scrapy.py")).without_socks(),
    crawler("Node fetch", Program::Node("with_fetch.mjs")).without_socks(),
    crawler("undici", Program::Node("with_undici.mjs")).without_socks(),
    crawler("JDK", Program::Java).without_socks(),
    crawler("JDK, HTTP/2", Program::Java)
        .without_socks()
        .over_http2(),
    crawler("reqwest", Program::Reqwest),
    crawler("curl_cffi", Program::Python("with_curl_cffi.py")),
    crawler("Chromium", Program::Shell("chromium.sh")),
];

/// OpenSSL's own client, which resumes sessions. It is for captures only: nobody crawls with it.
pub(super) const S_CLIENT: Crawler =
    crawler("openssl s_client", Program::Python("with_openssl.py"))
        .without_socks()
        .without_clear();

/// Client with this name.
pub(super) fn named(name: &str) -> Result<&'static Crawler> {
    let mut crawlers = CRAWLERS.iter();
    crawlers
        .find(|crawler| crawler.name == name)
        .with_context(|| format!("no client {name}"))
}

impl Crawler {
    /// Cells that the client can be in.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Path, Protocol)> {
        let paths = Path::ALL
            .into_iter()
            .filter(|path| self.socks || *path != Path::Socks);
        paths
            .flat_map(|path| Protocol::ALL.map(|protocol| (path, protocol)))
            .filter(|(path, _)| self.http_proxy || *path != Path::Connect)
            .filter(|(_, protocol)| self.clear || protocol.is_tls())
    }

    /// Tells whether it speaks HTTP/2 over this protocol.
    pub(super) fn is_http2(&self, protocol: Protocol) -> bool {
        self.http == "2" && protocol.is_tls()
    }

    /// Command that visits the site.
    pub(super) fn command(&self, visit: &Visit) -> Result<Client> {
        let words = visit.words(self.http);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let place = |file: &str| fixture("clients/matrix").join(file).display().to_string();
        let client = match self.program {
            Program::Shell(file) => with_words("sh", vec!["-e".into(), place(file)], &words),
            Program::Python(file) => with_words(
                &venv_python()?.display().to_string(),
                vec![place(file)],
                &words,
            ),
            Program::Node(file) => {
                let node = program("node", "nodejs")?.display().to_string();
                with_words(&node, vec![place(file)], &words)
            }
            Program::Go => {
                let binary = build::go("clients/matrix/main.go")?;
                with_words(&binary.display().to_string(), Vec::new(), &words)
            }
            Program::Java => {
                let classes = build::java("clients/matrix/Pages.java")?;
                let classes = classes.display().to_string();
                let java = program("java", "default-jdk-headless")?
                    .display()
                    .to_string();
                with_words(&java, vec!["-cp".into(), classes, "Pages".into()], &words)
            }
            Program::Reqwest => {
                let binary = build::sibling("reqwest_client")?;
                with_words(&binary.display().to_string(), Vec::new(), &words)
            }
        };
        // Debian's undici finds the other modules of Debian there.
        let client = client.with("NODE_PATH", "/usr/share/nodejs");
        Ok(client.with("NODE_EXTRA_CA_CERTS", &visit.ca))
    }
}

fn with_words(program: &str, first: Vec<String>, words: &[&str]) -> Client {
    let rest = first
        .into_iter()
        .chain(words.iter().map(|word| (*word).to_owned()));
    Client::new("", [program.to_owned()].into_iter().chain(rest))
}
