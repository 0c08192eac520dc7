//! TCP stream below TLS and HTTP that notes which side closes it.

use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Closer;

/// Socket states of the kernel (include/net/tcp_states.h).
const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE: u8 = 7;
const TCP_CLOSE_WAIT: u8 = 8;

/// Closer of a connection, set once when the connection ends.
pub(super) type CloserCell = Arc<OnceLock<Closer>>;

/// Switch that makes the connection end with a reset instead of a FIN.
pub(super) type ResetSwitch = Arc<AtomicBool>;

/// Stream that notes the state of the other side right before our side closes.
#[derive(Debug)]
pub(super) struct Transport {
    stream: TcpStream,
    closer: CloserCell,
    reset: ResetSwitch,
}

impl Transport {
    pub(super) fn new(stream: TcpStream, closer: CloserCell, reset: ResetSwitch) -> Self {
        Self {
            stream,
            closer,
            reset,
        }
    }

    /// Notes a FIN of the client before a reset can answer anything we write; true if there is a FIN.
    fn note_fin(&self) -> bool {
        let gone = socket_state(&self.stream) == Some(TCP_CLOSE_WAIT);
        if gone {
            self.closer.get_or_init(|| Closer::Client);
        }
        gone
    }

    fn note_close(&self) {
        self.closer
            .get_or_init(|| match socket_state(&self.stream) {
                Some(TCP_ESTABLISHED) => Closer::Server,
                Some(TCP_CLOSE) | None => Closer::Reset,
                Some(_) => Closer::Client,
            });
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if self.reset.load(Relaxed) {
            self.closer.get_or_init(|| Closer::Reset);
            // If this failed, a FIN would go out and the log would still say reset. It does not fail for a TCP socket.
            let _ = self.stream.set_zero_linger();
        }
        self.note_close();
    }
}

/// State of a socket from TCP_INFO; `None` if the kernel does not give it.
fn socket_state(stream: &TcpStream) -> Option<u8> {
    let mut state = [0_u8; 1];
    let mut length: libc::socklen_t = 1;
    // SAFETY: the descriptor is open while `stream` lives; the kernel writes at most `length` = 1 bytes,
    // tcpi_state being the first of struct tcp_info (linux/tcp.h), and `state` holds one.
    let result = unsafe {
        let buffer = state.as_mut_ptr().cast();
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            buffer,
            &raw mut length,
        )
    };
    (result == 0 && length == 1).then_some(state[0])
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(result, Poll::Ready(Ok(()))) && buf.filled().len() == before {
            let _ = self.note_fin();
        }
        result
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Data to a client that has closed (a close_notify in answer to its own) is answered by a reset, which
        // ends the client's TIME_WAIT. So nothing is sent then, as nginx does.
        if self.note_fin() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.note_fin() {
            return Poll::Ready(Ok(bufs.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_close();
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
