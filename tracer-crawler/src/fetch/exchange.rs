//! Request and response of one URL.

use std::time::Instant;

use hyper::header::HeaderMap;
use hyper::{Method, StatusCode, Version};
use url::Url;

use crate::outcome::{ConnectionUse, Phases};

/// Request to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// GET or HEAD, both of which may be sent again (RFC 9110 section 9.2.2).
    pub method: &'a Method,
    /// URL with the scheme http or https.
    pub url: &'a Url,
    /// Headers without Host, which is derived from the URL.
    pub headers: &'a HeaderMap,
}

/// Status line and headers of a response.
#[derive(Debug, Clone)]
pub struct Head {
    /// Status as sent, from 200 to 999.
    pub status: StatusCode,
    /// Version: HTTP/1.0, 1.1 or 2.
    pub version: Version,
    /// Headers as sent, with names in lower case.
    pub headers: HeaderMap,
}

impl Head {
    /// First value of a header, if it is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Record of a request, filled in while it runs, so that after a timeout everything known until then is there.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Head of the response; `None` without a response.
    pub head: Option<Head>,
    /// Connection used; `None` without a connection.
    pub connection: Option<ConnectionUse>,
    /// Durations of the phases.
    pub phases: Phases,
    /// Body bytes as they came, without chunk framing.
    pub wire_bytes: u64,
    /// Body bytes after decoding, as passed to the sink.
    pub decoded_bytes: u64,
    /// The body ended in the middle of its content coding.
    pub is_cut: bool,
    /// Number of reused connections that the server had already closed, after which the request was sent again on a new
    /// one.
    pub stale: u32,
}

/// Demand of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The body, or more of it.
    Body,
    /// No more of the body. A short rest is read so that the connection can be used again; for a long one it is closed.
    Nothing,
}

/// Receiver of a response as it comes in.
pub trait Sink: Send {
    /// Takes the head, before its body.
    fn head(&mut self, head: &Head) -> Want;
    /// Takes body bytes as they came, before decoding.
    fn wire(&mut self, _bytes: &[u8]) {}
    /// Takes a piece of the decoded body.
    fn body(&mut self, bytes: &[u8]) -> Want;
}

/// Sink that keeps a body up to a limit, for robots.txt, sitemaps and tests.
#[derive(Debug)]
pub struct Collect {
    /// Bytes received.
    pub body: Vec<u8>,
    /// Limit of bytes kept.
    pub limit_bytes: usize,
}

impl Collect {
    /// Makes a sink that keeps up to `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            body: Vec::new(),
            limit_bytes,
        }
    }
}

impl Sink for Collect {
    fn head(&mut self, _: &Head) -> Want {
        self.body.clear();
        Want::Body
    }

    fn body(&mut self, bytes: &[u8]) -> Want {
        let room = self.limit_bytes - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.body.len() == self.limit_bytes {
            Want::Nothing
        } else {
            Want::Body
        }
    }
}

/// Nanoseconds since `start`.
pub(crate) fn since_ns(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
