//! Small HTTP servers for metrics and control, with limits on connections, time and bytes.

use std::{
    convert::Infallible,
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt, Full, Limited};
pub use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{self, HeaderMap},
};
use hyper::{
    Request, Response, body::Incoming, header::HeaderValue, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use crate::settings::Listen;

/// Limit of open connections; further ones wait in the listen queue.
const MAX_CONNECTIONS: usize = 32;
/// Timeout for the header of a request.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// Time after which a connection takes no further request.
const CONNECTION_TIME: Duration = Duration::from_secs(60);
/// Timeout for the response under way when a connection ends.
const LAST_TIME: Duration = Duration::from_secs(10);
/// Timeout for the responses under way when the server ends.
const END_TIME: Duration = Duration::from_secs(1);
/// Limit of the body of a request, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Reason why a server could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct EndpointError {
    /// Address that was to be used.
    pub address: String,
    /// The system's error.
    pub source: io::Error,
}

/// Request that has been read completely.
#[derive(Debug)]
pub struct Call {
    /// Method of the request.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// Header fields of the request.
    pub headers: HeaderMap,
    /// Body of the request.
    pub body: Bytes,
    /// True if the request came through a Unix socket, which file permissions protect.
    pub local_file: bool,
}

/// Reply to a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status of the answer.
    pub status: StatusCode,
    /// Content-Type of the answer.
    pub content_type: &'static str,
    /// Body of the answer.
    pub body: Bytes,
}

impl Reply {
    /// Reply with one line of text.
    pub fn text(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{text}\n").into(),
        }
    }

    /// Reply with a JSON value.
    pub fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: format!("{value:#}\n").into(),
        }
    }
}

/// Handler of requests. It has to be quick, because the runtime's thread waits for it.
pub trait Handler: Send + Sync + 'static {
    /// Reply to one request.
    fn answer(&self, call: &Call) -> Reply;

    /// Wait before a request is answered, for what the reply is made of. By default there is none.
    fn prepare<'a>(&'a self, _call: &'a Call) -> Preparation<'a> {
        Box::pin(std::future::ready(()))
    }
}

/// Future of [`Handler::prepare`].
pub type Preparation<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Server that listens but does not answer yet.
#[derive(Debug)]
pub struct Endpoint(Bound);

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    /// Unix socket; its file is removed with the server.
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
}

/// Path of a socket that is removed when this value is dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Endpoint {
    /// Starts to listen. Needs a tokio runtime.
    pub fn bind(listen: &Listen) -> Result<Self, EndpointError> {
        let bound = match listen {
            Listen::Tcp(address) => tcp(*address).map(Bound::Tcp),
            Listen::Unix(path) => unix(path).map(|listener| Bound::Unix {
                listener,
                _file: SocketFile(path.clone()),
            }),
        };
        bound.map(Self).map_err(|source| EndpointError {
            address: listen.to_string(),
            source,
        })
    }

    /// Takes a listener that was bound before. Needs a tokio runtime.
    pub fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        from_std(listener).map(Bound::Tcp).map(Self)
    }

    /// Address in use, for TCP; the port 0 asks for any free one.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            Bound::Unix { .. } => None,
        }
    }

    /// Answers requests until `stop`; responses under way then get a moment to be completed.
    pub async fn serve(self, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        stop.run_until_cancelled(self.accept(handler, &places, &stop))
            .await;
        let all_ended = places.acquire_many(MAX_CONNECTIONS as u32);
        let _ = tokio::time::timeout(END_TIME, all_ended).await;
    }

    async fn accept(
        &self,
        handler: Arc<dyn Handler>,
        places: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) {
        loop {
            let Ok(place) = Arc::clone(places).acquire_owned().await else {
                return;
            };
            let (handler, stop) = (Arc::clone(&handler), stop.clone());
            let accepted = match &self.0 {
                Bound::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(async move {
                        connection(stream, handler, false, stop).await;
                        drop(place);
                    });
                }),
                Bound::Unix { listener, .. } => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(async move {
                        connection(stream, handler, true, stop).await;
                        drop(place);
                    });
                }),
            };
            if accepted.is_err() {
                // Most likely there are no free descriptors, and the crawl needs them more.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    from_std(std::net::TcpListener::bind(address)?)
}

fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Listens on a Unix socket that only this user may connect to. A socket without a listener is replaced; any other file
/// is kept.
fn unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

async fn connection<S>(
    stream: S,
    handler: Arc<dyn Handler>,
    local_file: bool,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(respond(request, &*handler, local_file).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let until_stop = stop.run_until_cancelled(serving.as_mut());
    if let Ok(Some(_)) = tokio::time::timeout(CONNECTION_TIME, until_stop).await {
        return;
    }
    serving.as_mut().graceful_shutdown();
    // A client that is too slow loses its answer.
    let _ = tokio::time::timeout(LAST_TIME, serving).await;
}

async fn respond(
    request: Request<Incoming>,
    handler: &dyn Handler,
    local_file: bool,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let answer = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Err(_) => Reply::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body not readable, or above 64 KiB",
        ),
        Ok(body) => {
            let call = Call {
                method: parts.method,
                path: parts.uri.path().to_owned(),
                headers: parts.headers,
                body: body.to_bytes(),
                local_file,
            };
            handler.prepare(&call).await;
            handler.answer(&call)
        }
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(answer.content_type),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
pub(crate) mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Echo;

    impl Handler for Echo {
        fn answer(&self, call: &Call) -> Reply {
            Reply::text(
                StatusCode::OK,
                &format!("{} {} {}", call.method, call.path, call.body.len()),
            )
        }
    }

    /// Sends bytes and returns everything received until the end.
    pub(crate) async fn talk(
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        request: &[u8],
    ) -> String {
        // The server may have answered and closed before reading everything.
        let _ = stream.write_all(request).await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8(text).unwrap()
    }

    pub(crate) fn start(handler: Arc<dyn Handler>) -> (SocketAddr, CancellationToken) {
        let endpoint = Endpoint::bind(&Listen::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let (address, stop) = (endpoint.address().unwrap(), CancellationToken::new());
        tokio::spawn(endpoint.serve(handler, stop.clone()));
        (address, stop)
    }

    #[tokio::test]
    async fn answers_over_tcp() {
        let (address, stop) = start(Arc::new(Echo));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let text = talk(
            stream,
            b"POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
        )
        .await;
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nPOST /x 3\n"),
            "{text}"
        );
        stop.cancel();
    }

    #[tokio::test]
    async fn a_body_without_end_is_refused() {
        let (address, _stop) = start(Arc::new(Echo));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut request =
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n"
                .to_vec();
        request.extend(vec![b'x'; MAX_BODY_BYTES + 1]);
        let text = talk(stream, &request).await;
        assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    }

    #[tokio::test]
    async fn what_is_not_http_is_refused() {
        let (address, _stop) = start(Arc::new(Echo));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let text = talk(stream, b"\x16\x03\x01\x00\x00\r\n\r\n").await;
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 400 "),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_socket_file_is_for_its_owner_and_goes_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let listen = Listen::Unix(path.clone());
        let endpoint = Endpoint::bind(&listen).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(Endpoint::bind(&listen).is_err(), "somebody listens there");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(endpoint.serve(Arc::new(Echo), stop.clone()));
        let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        let text = talk(
            stream,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert!(text.ends_with("GET / 0\n"), "{text}");
        stop.cancel();
        serving.await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_file_left_behind_is_replaced_another_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(Endpoint::bind(&Listen::Unix(path.clone())).unwrap());
        fs::write(&path, "mine").unwrap();
        let error = Endpoint::bind(&Listen::Unix(path.clone()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot listen on unix:"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
