//! Bodies of responses, sent at once or in pieces with pauses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Number of pieces of a slow body, if it has that many bytes.
const PIECES: u32 = 8;

/// Rest of a body that is sent in equal pieces.
pub(super) struct PacedBody {
    left: Bytes,
    piece_bytes: usize,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    /// Makes a body that takes `extra` longer than it needs. With zero it is sent at once.
    pub(super) fn new(bytes: Bytes, extra: Duration) -> Self {
        let pieces = if extra.is_zero() { 1 } else { PIECES };
        Self {
            piece_bytes: bytes.len().div_ceil(pieces as usize).max(1),
            left: bytes,
            pause: extra / pieces,
            waiting: (!extra.is_zero()).then(|| Box::pin(sleep(extra / pieces))),
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(waiting) = &mut self.waiting {
            std::task::ready!(waiting.as_mut().poll(cx));
            self.waiting = Some(Box::pin(sleep(self.pause)));
        }
        let length = self.piece_bytes.min(self.left.len());
        let piece = self.left.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
