//! Real clients by path and protocol: tracer's figures are those of nginx, the proxy and the client.

use anyhow::{Result, ensure};
use tracer_tests::machine::workspace;
use tracer_tests::matrix::{CRAWLERS, Wrong, check, page};

/// Cells that tracer has wrong. A cell that becomes right has to leave the table.
const WRONG: &[Wrong] = &[];

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
