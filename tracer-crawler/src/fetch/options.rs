//! What a fetcher is told.

use super::body::BodyLimits;
use super::connection::Reuse;
use super::dial::TcpOptions;
use super::pool::Bounds;
use super::proxy::Proxy;
use super::resolver::{CachedOptions, Family};
use super::tls::TlsOptions;
use crate::deadline::Clocks;

/// Who looks names up.
#[derive(Debug, Clone)]
pub enum Dns {
    /// The C library, once per connection.
    System(Family),
    /// Our own, with a cache.
    Cached(CachedOptions),
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
    pub body: BodyLimits,
    pub clocks: Clocks,
    /// Longest head of a response, in bytes; at least 8 KiB.
    pub max_head_bytes: usize,
    /// Cookies are kept and sent.
    pub cookies: bool,
}
