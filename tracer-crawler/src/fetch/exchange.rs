//! One request and what came back.

use std::time::Instant;

use hyper::header::HeaderMap;
use hyper::{Method, StatusCode, Version};
use url::Url;

use crate::outcome::{ConnectionUse, Phases};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// GET or HEAD: both may be sent again (RFC 9110 section 9.2.2).
    pub method: &'a Method,
    /// http or https.
    pub url: &'a Url,
    /// Without Host, which comes from the URL.
    pub headers: &'a HeaderMap,
}

/// The first part of a response.
#[derive(Debug, Clone)]
pub struct Head {
    /// As sent; any of 200 to 999.
    pub status: StatusCode,
    /// HTTP/1.0, 1.1 or 2.
    pub version: Version,
    /// As sent, field names in lower case.
    pub headers: HeaderMap,
}

impl Head {
    /// A field's first value as text, if it is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What was seen of a request, as far as it came: filled in while it runs, so that a timeout leaves what was known.
#[derive(Debug, Default)]
pub struct Exchange {
    /// `None`: no response.
    pub head: Option<Head>,
    /// `None`: no connection.
    pub connection: Option<ConnectionUse>,
    /// Times of what happened.
    pub phases: Phases,
    /// Body bytes as they came, chunk framing not counted.
    pub wire_bytes: u64,
    /// Body bytes after decoding, as handed to the sink.
    pub decoded_bytes: u64,
    /// The body ended in the middle of its content coding.
    pub is_cut: bool,
    /// Connections found closed by the server when the request was sent; it was sent again on a fresh one.
    pub stale: u32,
}

/// What a sink wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The body, or more of it.
    Body,
    /// Nothing more. A short rest is read so that the connection can be used again; with a long one it is closed.
    Nothing,
}

/// Takes a response as it comes in.
pub trait Sink: Send {
    /// The head is there; what follows is its body.
    fn head(&mut self, head: &Head) -> Want;
    /// Body bytes as they came, before decoding.
    fn wire(&mut self, _bytes: &[u8]) {}
    /// A piece of the decoded body.
    fn body(&mut self, bytes: &[u8]) -> Want;
}

/// Keeps a body up to a length: for robots.txt, sitemaps and tests.
#[derive(Debug)]
pub struct Collect {
    /// What came.
    pub body: Vec<u8>,
    /// What is kept at most.
    pub limit_bytes: usize,
}

impl Collect {
    /// Keeps up to `limit_bytes`.
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
