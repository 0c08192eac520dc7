//! Sends a request over an open connection and receives the response.

use std::error::Error as _;
use std::time::Instant;

use http_body_util::Empty;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Method, StatusCode};
use url::{Position, Url};

use super::body::{Flow, Next};
use super::connection::Connection;
use super::exchange::{Exchange, Head, Request, Sink, since_ns};
use super::pool::Lease;
use super::proxy::Kind;
use super::{Inner, Job, Origin};
use crate::credentials::Credentials;
use crate::outcome::{Failure, Stage};

/// Response with its head received.
pub(crate) struct Answered {
    body: Incoming,
    at: Instant,
}

impl Inner {
    /// Sends a request and waits for the head. [`Failure::Closed`] means that the connection ended before any byte of a
    /// response.
    pub(crate) async fn send(
        &self,
        lease: &mut Lease<Connection>,
        job: Job<'_>,
        exchange: &mut Exchange,
    ) -> Result<Answered, Failure> {
        job.task.at(Stage::Response);
        let message = self.message(job.request)?;
        let connection = &mut lease.connection;
        exchange.connection = Some(connection.used());
        let received_bytes = connection.received_bytes();
        let start = Instant::now();
        let response = match connection.send(message).await {
            Ok(response) => response,
            Err(error)
                if connection.received_bytes() == received_bytes
                    && !error.as_ref().is_some_and(hyper::Error::is_parse) =>
            {
                return Err(Failure::Closed);
            }
            Err(Some(error)) => return Err(failure(&error, Stage::Response)),
            Err(None) => {
                return Err(Failure::Lost {
                    stage: Stage::Response,
                    detail: "it ended".into(),
                });
            }
        };
        exchange.phases.ttfb_ns = Some(since_ns(start));
        let (parts, body) = response.into_parts();
        let head = Head {
            status: parts.status,
            version: parts.version,
            headers: parts.headers,
        };
        self.learn_cookies(job.request.url, &head);
        exchange.head = Some(head);
        Ok(Answered {
            body,
            at: Instant::now(),
        })
    }

    /// Reads the body to its end, or closes the connection when the rest is not wanted.
    pub(crate) async fn receive(
        &self,
        mut lease: Lease<Connection>,
        answered: Answered,
        job: Job<'_>,
        exchange: &mut Exchange,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        job.task.at(Stage::Body);
        let Answered { mut body, at } = answered;
        let Some(head) = exchange.head.take() else {
            return Ok(());
        };
        let flow = Flow::begin(&head, sink, job.terms.body);
        let length_bytes = announced(&body, job.request.method, head.status);
        exchange.head = Some(head);
        let mut flow = flow?;
        if flow.announced(length_bytes)? == Next::Close {
            return Ok(());
        }
        while let Some(piece) = lease.connection.piece(&mut body).await {
            let piece = piece.map_err(|error| failure(&error, Stage::Body))?;
            if flow.piece(&piece, exchange)? == Next::Close {
                return Ok(());
            }
        }
        exchange.phases.transfer_ns = Some(since_ns(at));
        drop(body);
        flow.end(exchange);
        if pool_alive(&mut lease) {
            lease.keep();
        }
        Ok(())
    }

    pub(crate) fn message(
        &self,
        request: Request<'_>,
    ) -> Result<hyper::Request<Empty<Bytes>>, Failure> {
        let unsupported = || Failure::Unsupported(request.url.as_str().into());
        let mut message = hyper::Request::new(Empty::new());
        *message.method_mut() = request.method.clone();
        *message.headers_mut() = request.headers.clone();
        if let Some(jar) = &self.jar {
            jar.give(request.url, message.headers_mut());
        }
        let url = request.url;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let host = HeaderValue::from_str(host).map_err(|_| unsupported())?;
        message.headers_mut().insert(HOST, host);
        let uri = match self.proxied_in_clear(url)? {
            None => url[Position::BeforePath..Position::AfterQuery].parse(),
            Some(authorization) => {
                if let Some(value) = authorization {
                    message.headers_mut().insert(PROXY_AUTHORIZATION, value);
                }
                absolute(url).parse()
            }
        };
        *message.uri_mut() = uri.map_err(|_| unsupported())?;
        Ok(message)
    }

    pub(crate) fn learn_cookies(&self, url: &Url, head: &Head) {
        if let Some(jar) = &self.jar {
            jar.learn(url, head);
        }
    }

    /// Decides whether a request is sent to an HTTP proxy in absolute form (RFC 9112 section 3.2.2), and with which
    /// `Proxy-Authorization`.
    fn proxied_in_clear(&self, url: &Url) -> Result<Option<Option<HeaderValue>>, Failure> {
        let Some(proxy) = &self.options.proxy else {
            return Ok(None);
        };
        let origin = Origin::of(url)?;
        if proxy.kind != Kind::Http || origin.https || !proxy.serves(origin.bare_host()) {
            return Ok(None);
        }
        let credentials = proxy.credentials.as_ref();
        Ok(Some(credentials.and_then(Credentials::header)))
    }
}

/// The URL as a request names it: without credentials and fragment.
pub(crate) fn absolute(url: &Url) -> String {
    let rest = &url[Position::BeforeHost..Position::AfterQuery];
    format!("{}://{rest}", url.scheme())
}

fn pool_alive(lease: &mut Lease<Connection>) -> bool {
    super::pool::Keep::is_alive(&mut lease.connection)
}

/// Length that a response announces; `None` without a length or without a body.
pub(crate) fn announced(body: &Incoming, method: &Method, status: StatusCode) -> Option<u64> {
    if *method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    body.size_hint().exact()
}

/// Failure for an error from hyper during a response.
pub(crate) fn failure(error: &hyper::Error, stage: Stage) -> Failure {
    let mut detail = error.to_string();
    if let Some(source) = error.source() {
        detail = format!("{detail}: {source}");
    }
    if error.is_parse() {
        return Failure::Malformed(detail.into());
    }
    // A broken chunk is reported as an input error of the body.
    let broken = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == std::io::ErrorKind::InvalidInput);
    if broken {
        return Failure::Malformed(detail.into());
    }
    Failure::Lost {
        stage,
        detail: detail.into(),
    }
}
