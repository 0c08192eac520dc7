//! HTTP/1.1 connection. The task that uses it also drives it, which saves a task per connection and the wake-ups
//! between the two.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use http_body_util::Empty;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::pool::Keep;
use crate::outcome::{ConnectionUse, Tls};

/// Byte stream over TCP, encrypted or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Byte stream that counts the bytes received, to know for sure whether any byte of a response has arrived.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    received_bytes: Arc<AtomicU64>,
}

/// Properties that do not change while a connection is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) id: u64,
    pub(crate) remote: SocketAddr,
    pub(crate) tls: Option<Tls>,
    pub(crate) opened: Instant,
}

/// Open connection.
pub(crate) struct Connection {
    facts: Facts,
    requests: u32,
    received_bytes: Arc<AtomicU64>,
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<Wire>, Empty<Bytes>>>>,
    /// True once hyper has ended the connection.
    ended: bool,
    bounds: Reuse,
}

/// Limits on the reuse of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reuse {
    /// Age from which a connection is not used again.
    pub max_age: Option<std::time::Duration>,
    /// Number of requests after which a connection is not used again.
    pub max_requests: Option<u64>,
}

impl Reuse {
    /// True if a connection has reached one of the limits.
    pub(crate) fn are_met(&self, facts: &Facts, requests: u32) -> bool {
        let old = |age| facts.opened.elapsed() >= age;
        let full = |most| u64::from(requests) >= most;
        self.max_age.is_some_and(old) || self.max_requests.is_some_and(full)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.facts).finish()
    }
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            received_bytes: Arc::default(),
        }
    }
}

impl Facts {
    /// Connection data for the exchange of a request that follows `reuses` others.
    pub(crate) fn used(&self, reuses: u32, http2: bool) -> ConnectionUse {
        ConnectionUse {
            id: self.id,
            reuses,
            age_ns: super::exchange::since_ns(self.opened),
            remote: self.remote,
            tls: self.tls,
            http2,
        }
    }
}

impl Connection {
    /// Starts HTTP/1.1 over `stream`.
    pub(crate) async fn open(
        stream: Stream,
        facts: Facts,
        max_head_bytes: usize,
        bounds: Reuse,
    ) -> hyper::Result<Self> {
        let wire = Wire::new(stream);
        let received_bytes = Arc::clone(&wire.received_bytes);
        let (sender, driver) = http1::Builder::new()
            // 8 KiB is the least that hyper accepts.
            .max_buf_size(max_head_bytes.max(8 * 1024))
            .max_header_size(max_head_bytes)
            // As browsers and curl do; what RFC 9112 forbids here, it forbids to servers.
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(wire))
            .await?;
        Ok(Self {
            facts,
            requests: 0,
            received_bytes,
            sender,
            driver: Box::pin(driver),
            ended: false,
            bounds,
        })
    }

    /// Connection data for the exchange of the next request.
    pub(crate) fn used(&self) -> ConnectionUse {
        self.facts.used(self.requests, false)
    }

    /// Bytes received since the connection was opened, after removing TLS.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for the head of its response. The error is `None` if the connection has ended without
    /// an error from hyper.
    pub(crate) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, Option<hyper::Error>> {
        self.requests += 1;
        let mut response = pin!(self.sender.send_request(request));
        let (driver, ended) = (&mut self.driver, &mut self.ended);
        std::future::poll_fn(|context| {
            drive(driver, ended, context);
            match response.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(done.map_err(Some)),
                // The server closed before hyper took the request from its queue, and the request would stay there
                // forever.
                Poll::Pending if *ended => Poll::Ready(Err(None)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Next piece of a body; `None` at its end.
    pub(crate) async fn piece(&mut self, body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
        let (driver, ended) = (&mut self.driver, &mut self.ended);
        std::future::poll_fn(|context| {
            loop {
                // Pieces already received come first. The connection is read only when there is none.
                let mut polled = Pin::new(&mut *body).poll_frame(context);
                if polled.is_pending() && !*ended {
                    drive(driver, ended, context);
                    polled = Pin::new(&mut *body).poll_frame(context);
                }
                match polled {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    // Trailers are not needed.
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                }
            }
        })
        .await
    }
}

impl Keep for Connection {
    /// Checks the socket without waiting, which detects a server that has closed the connection.
    fn is_alive(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        drive(&mut self.driver, &mut self.ended, &mut context);
        !self.ended && self.sender.is_ready() && !self.bounds.are_met(&self.facts, self.requests)
    }
}

fn drive(
    driver: &mut Pin<Box<http1::Connection<TokioIo<Wire>, Empty<Bytes>>>>,
    ended: &mut bool,
    context: &mut Context<'_>,
) {
    // An error also reaches the request through its own future or body.
    if !*ended && driver.as_mut().poll(context).is_ready() {
        *ended = true;
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = match &mut self.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let received = (buffer.filled().len() - before) as u64;
        if received > 0 {
            self.received_bytes.fetch_add(received, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn request(
        connection: &mut Connection,
    ) -> Result<Response<Incoming>, Option<hyper::Error>> {
        let request = Request::builder().header("host", "h");
        let request = request.body(Empty::new()).unwrap();
        let sent = connection.send(request);
        tokio::time::timeout(Duration::from_secs(20), sent)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_server_that_closes_at_the_moment_of_reuse_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = listener.local_addr().unwrap();
        let stream = TcpStream::connect(remote).await.unwrap();
        // A second handle of the socket, to wait until the server's end of stream has arrived.
        let stream = stream.into_std().unwrap();
        let watch = TcpStream::from_std(stream.try_clone().unwrap()).unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let facts = Facts {
            id: 1,
            remote,
            tls: None,
            opened: Instant::now(),
        };
        let stream = Stream::Clear(stream);
        let mut connection = Connection::open(stream, facts, 8192, Reuse::default())
            .await
            .unwrap();
        let answers = async {
            let mut asked = [0; 1024];
            assert!(server.read(&mut asked).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            server.write_all(answer).await.unwrap();
        };
        let (answered, ()) = tokio::join!(request(&mut connection), answers);
        let mut body = answered.unwrap().into_body();
        assert!(connection.piece(&mut body).await.is_none());
        assert!(connection.is_alive());
        drop(server);
        while !watch
            .ready(tokio::io::Interest::READABLE)
            .await
            .unwrap()
            .is_read_closed()
        {
            tokio::task::yield_now().await;
        }
        assert!(matches!(request(&mut connection).await, Err(None)));
        assert!(!connection.is_alive());
    }
}
