//! What a fetcher is told.

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

/// Who looks names up.
#[derive(Debug, Clone)]
pub enum Dns {
    /// The C library, once per connection.
    System(System),
    /// Our own, with a cache.
    Cached(CachedOptions),
}

/// Whether the crawl may connect to an address of a host.
#[derive(Clone)]
pub struct Admit(pub Arc<Judge>);

/// Of a host and one of its addresses.
pub type Judge = dyn Fn(&str, IpAddr) -> bool + Send + Sync;

impl std::fmt::Debug for Admit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admit(..)")
    }
}

/// Everything a [`super::Fetcher`] is told.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the types say it")]
pub struct Options {
    pub dns: Dns,
    pub tcp: TcpOptions,
    pub tls: TlsOptions,
    pub pool: Bounds,
    pub reuse: Reuse,
    pub proxy: Option<Proxy>,
    /// Longest head of a response, in bytes; at least 8 KiB.
    pub max_head_bytes: usize,
    /// Asked about each address before it is connected to; none admits all.
    pub admit: Option<Admit>,
    /// Cookies are kept and sent.
    pub cookies: bool,
    /// Requests under way at once on one HTTP/2 connection.
    pub http2_streams: usize,
}

/// What may change from one request to the next.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the types say it")]
pub struct Terms {
    pub clocks: Clocks,
    pub body: BodyLimits,
}
