//! Small servers in threads of the test, for peers that misbehave.

use std::io::Read;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::write_all;
use crate::port;

/// A listener that gives each connection to a function.
pub struct Threaded {
    /// Address of the listener.
    pub address: SocketAddr,
    accepted: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Threaded {
    /// Listens on an unused port of 127.0.0.1.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, port::unused()?).into(), serve)
    }

    /// Listens on `address`.
    pub fn start_at(
        address: SocketAddr,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Result<Self> {
        Ok(Self::over(TcpListener::bind(address)?, serve)?)
    }

    /// Serves a listener that was made elsewhere, for example in another network namespace.
    pub fn over(
        listener: TcpListener,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let accepted = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, stopped, serve) = (Arc::clone(&accepted), Arc::clone(&stop), Arc::new(serve));
        listener.set_nonblocking(true)?;
        let acceptor = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                wait_readable(&listener);
                let Ok((stream, _)) = listener.accept() else {
                    continue;
                };
                count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || {
                    // A stream that cannot be set to blocking is dropped, and so closed.
                    if stream.set_nonblocking(false).is_ok() {
                        serve(stream);
                    }
                });
            }
        });
        Ok(Self {
            address,
            accepted,
            stop,
            acceptor: Some(acceptor),
        })
    }

    /// Port of the listener.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Number of connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(acceptor) = self.acceptor.take() {
            // A panic of that thread has already been printed.
            let _ = acceptor.join();
        }
    }
}

/// Waits for a connection, but only for a moment, so that `stop` is looked at.
fn wait_readable(listener: &TcpListener) {
    let mut poll = libc::pollfd {
        fd: listener.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd, alive for the call.
    unsafe { libc::poll(&raw mut poll, 1, 20) };
}

/// Answers one HTTP request and closes.
pub fn answer(mut stream: TcpStream) {
    if read_request(&mut stream).is_some() {
        write_all(
            &mut stream,
            b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\npage\n",
        );
    }
}

/// Makes a server that takes some time for each page; `page` gives the page to a request.
pub fn thinking(
    time: Duration,
    page: impl Fn(&[u8]) -> String + Send + Sync + 'static,
) -> impl Fn(TcpStream) + Send + Sync + 'static {
    move |mut stream| {
        let Some(request) = read_request(&mut stream) else {
            return;
        };
        std::thread::sleep(time);
        let body = page(&request);
        let length = body.len();
        let answer = format!(
            "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        write_all(&mut stream, answer.as_bytes());
    }
}

/// Reads a request without a body; `None` if the stream ends before it does.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => request.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            _ => return None,
        }
    }
    Some(request)
}

/// Closes the connection with RST.
pub fn reset(stream: TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: pointer and length describe one linger, which the kernel only reads.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            std::mem::size_of::<libc::linger>() as libc::socklen_t,
        )
    };
}

/// Reads one whole TLS record, the ClientHello.
pub fn read_client_hello(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record)?;
    ensure!(
        record.first() == Some(&22),
        "not a handshake record: {record:?}"
    );
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    stream.read_exact(record.get_mut(5..).unwrap_or_default())?;
    Ok(record)
}

/// Makes a proxy that passes the server's first `budget` bytes on in segments of 1, 2, … 7 bytes.
pub fn chunked(upstream: SocketAddr, budget: usize) -> impl Fn(TcpStream) + Send + Sync + 'static {
    move |mut client| {
        let Ok(mut server) = TcpStream::connect(upstream) else {
            return;
        };
        let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone())
        else {
            return;
        };
        let _ = client.set_nodelay(true);
        let forward = std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        trickle(&mut server, &mut client, budget);
        let _ = client.shutdown(Shutdown::Write);
        let _ = forward.join();
    }
}

fn trickle(server: &mut TcpStream, client: &mut TcpStream, budget: usize) {
    let mut buffer = [0; 16 << 10];
    let mut passed = 0;
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        let mut rest = buffer.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            let chunk = if passed < budget {
                1 + passed % 7
            } else {
                rest.len()
            };
            let (now, later) = rest.split_at(chunk.min(rest.len()));
            write_all(client, now);
            (passed, rest) = (passed + now.len(), later);
        }
    }
}
