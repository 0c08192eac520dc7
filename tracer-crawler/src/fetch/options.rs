//! Options of a fetcher.

use std::net::IpAddr;
use std::sync::Arc;

use super::body::BodyLimits;
use super::connection::Reuse;
use super::dial::TcpOptions;
use super::pool::Bounds;
use super::proxy::Proxy;
use super::resolver::{CachedOptions, System};
use super::tls::TlsOptions;
use crate::deadline::Clocks;

/// Resolver to use.
#[derive(Debug, Clone)]
pub enum Dns {
    /// The C library, asked once per connection.
    System(System),
    /// The crawler's own resolver, with a cache.
    Cached(CachedOptions),
}

/// Decides whether the crawl may connect to an address of a host.
#[derive(Clone)]
pub struct Admit(pub Arc<Judge>);

/// Function of a host and one of its addresses.
pub type Judge = dyn Fn(&str, IpAddr) -> bool + Send + Sync;

impl std::fmt::Debug for Admit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admit(..)")
    }
}

/// Options of a [`super::Fetcher`].
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the types say it")]
pub struct Options {
    pub dns: Dns,
    pub tcp: TcpOptions,
    pub tls: TlsOptions,
    pub pool: Bounds,
    pub reuse: Reuse,
    pub proxy: Option<Proxy>,
    /// Limit of the head of a response, in bytes; at least 8 KiB.
    pub max_head_bytes: usize,
    /// Check made before connecting to an address; `None` allows all.
    pub admit: Option<Admit>,
    /// Keeps cookies and sends them.
    pub cookies: bool,
    /// Limit of requests under way on one HTTP/2 connection.
    pub http2_streams: usize,
}

/// Terms of a request that may change from one request to the next.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the types say it")]
pub struct Terms {
    pub clocks: Clocks,
    pub body: BodyLimits,
}
