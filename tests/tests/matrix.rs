//! Real clients by path and protocol: tracer's figures are those of nginx, the proxy and the client.

use anyhow::{Result, ensure};
use tracer_tests::machine::workspace;
use tracer_tests::matrix::{CRAWLERS, Path, Protocol, Wrong, check, page};

/// Cells that tracer has wrong. A cell that becomes right has to leave the table.
const WRONG: &[Wrong] = &[
    Wrong {
        path: Path::Connect,
        clients: HTTP1_AND_SOCKS,
        protocols: TLS,
        what: "The tunnel by CONNECT and the records of the handshake in it count as requests, some of them as failed ones. The handshake in the tunnel is not seen.",
        by_chance: false,
    },
    Wrong {
        path: Path::Connect,
        clients: HTTP1_ONLY,
        protocols: TLS,
        what: "The same, for clients that know no SOCKS.",
        by_chance: false,
    },
    Wrong {
        path: Path::Connect,
        clients: HTTP2,
        protocols: TLS,
        what: "HTTP/2 in a tunnel counts as requests of HTTP/1.",
        by_chance: false,
    },
    Wrong {
        path: Path::Connect,
        clients: ALL,
        protocols: &[Protocol::Clear],
        what: "Some forwarded requests are followed by a failed one that never was. Clients that ask for a tunnel in clear too have that tunnel counted as a request.",
        by_chance: true,
    },
    Wrong {
        path: Path::Socks,
        clients: HTTP1_AND_SOCKS,
        protocols: EVERY,
        what: "The greeting and the demand of SOCKS count as requests, and the handshake in the tunnel is not seen.",
        by_chance: false,
    },
    Wrong {
        path: Path::Socks,
        clients: HTTP2,
        protocols: EVERY,
        what: "The greeting and the demand of SOCKS and the frames of HTTP/2 count as requests of HTTP/1, and the handshake in the tunnel is not seen.",
        by_chance: false,
    },
    Wrong {
        path: Path::Direct,
        clients: FALSE_START,
        protocols: &[Protocol::Tls12],
        what: "The client sends its first request before the handshake is over (False Start), and that request is not counted.",
        by_chance: true,
    },
    Wrong {
        path: Path::Local,
        clients: FALSE_START,
        protocols: &[Protocol::Tls12],
        what: "The client sends its first request before the handshake is over (False Start), and that request is not counted.",
        by_chance: true,
    },
];

const TLS: &[Protocol] = &[Protocol::Tls12, Protocol::Tls13];
const EVERY: &[Protocol] = &Protocol::ALL;
/// Clients of HTTP/1.1 that know SOCKS.
const HTTP1_AND_SOCKS: &[&str] = &[
    "curl",
    "Go tuned",
    "requests",
    "aiohttp",
    "httpx",
    "reqwest",
    "curl_cffi",
    "Chromium",
];
/// Clients of HTTP/1.1 that know no SOCKS.
const HTTP1_ONLY: &[&str] = &["wget", "Scrapy", "Node fetch", "undici", "JDK"];
const HTTP2: &[&str] = &[
    "curl, HTTP/2",
    "Go default, HTTP/2",
    "httpx, HTTP/2",
    "JDK, HTTP/2",
];
const FALSE_START: &[&str] = &["wget2", "curl_cffi", "Chromium"];
const ALL: &[&str] = TESTED;

/// A test for each client, and the list of their names.
macro_rules! clients {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            check($name, WRONG)
        })*

        const TESTED: &[&str] = &[$($name),*];
    };
}

clients! {
    curl: "curl",
    curl_over_http2: "curl, HTTP/2",
    wget: "wget",
    wget2: "wget2",
    go_tuned: "Go tuned",
    go_default: "Go default, HTTP/2",
    requests: "requests",
    aiohttp: "aiohttp",
    httpx: "httpx",
    httpx_over_http2: "httpx, HTTP/2",
    scrapy: "Scrapy",
    node_fetch: "Node fetch",
    undici: "undici",
    jdk: "JDK",
    jdk_over_http2: "JDK, HTTP/2",
    reqwest: "reqwest",
    curl_cffi: "curl_cffi",
    chromium: "Chromium",
}

#[test]
fn every_client_has_a_test() {
    let names: Vec<&str> = CRAWLERS.iter().map(|crawler| crawler.name).collect();
    assert_eq!(TESTED, names);
}

/// The page of the documents is made from the table that the tests above hold to be true.
#[test]
fn the_page_of_the_documents_is_as_generated() -> Result<()> {
    let path = workspace().join("docs/user/clients.md");
    let expected = page(WRONG);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &expected)?;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    ensure!(
        found == expected,
        "{}: not as generated; update with: UPDATE_GENERATED=1 cargo test -p tracer-tests --test matrix documents",
        path.display()
    );
    Ok(())
}
