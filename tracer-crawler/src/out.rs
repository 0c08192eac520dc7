//! Outputs of a crawl: JSONL, WARC files, bodies.
//!
//! Each output has a thread of its own, with a bounded queue before it, so the crawl waits only when the disk is slower
//! than the network. An incomplete end, left by a kill, is cut off when the file is opened again.

pub mod body;
pub mod jsonl;
pub mod record;
pub mod warc;

use std::path::Path;
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::mpsc;

/// Limit of items that wait for an output's thread.
const QUEUED: usize = 256;
/// Limit of items written before their senders are notified.
const GROUP: usize = 64;

/// Reasons why an output cannot be written.
#[derive(Debug, Error)]
pub enum OutError {
    /// The operating system refused a file operation.
    #[error("cannot {doing} {path}: {source}; check the free space and the permissions")]
    Io {
        /// Operation that was tried.
        doing: &'static str,
        /// File of the operation.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// An earlier item could not be written; [`Output::close`] returns the reason.
    #[error("the output has failed before; nothing more is written to it")]
    Closed,
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> OutError {
    move |source| OutError::Io {
        doing,
        path: path.display().to_string(),
        source,
    }
}

/// Writer of items, one after the other.
pub trait Encode: Send + 'static {
    /// Type of the items.
    type Item: Send + 'static;

    /// Writes one item; it may stay in a buffer.
    fn write(&mut self, item: &Self::Item) -> Result<(), OutError>;

    /// Passes all buffers to the operating system: the items are safe against a kill when this returns.
    fn flush(&mut self) -> Result<(), OutError>;

    /// Flushes, and makes the items safe against a loss of power.
    fn finish(&mut self) -> Result<(), OutError>;
}

type Written = Box<dyn FnOnce() + Send>;

/// Sender to an output; clones send to the same output.
pub struct Sink<T> {
    sender: mpsc::Sender<(T, Option<Written>)>,
}

impl<T> Clone for Sink<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
        }
    }
}

impl<T: Send + 'static> Sink<T> {
    /// Queues an item; waits if the queue is full.
    pub async fn send(&self, item: T) -> Result<(), OutError> {
        self.sender
            .send((item, None))
            .await
            .map_err(|_| OutError::Closed)
    }

    /// Queues an item like [`Sink::send`]. The output's thread calls `written` when the item is safe against a kill; it
    /// does not if the output fails.
    pub async fn send_then(
        &self,
        item: T,
        written: impl FnOnce() + Send + 'static,
    ) -> Result<(), OutError> {
        self.sender
            .send((item, Some(Box::new(written))))
            .await
            .map_err(|_| OutError::Closed)
    }
}

/// Output with its thread.
pub struct Output<T> {
    sink: Sink<T>,
    thread: JoinHandle<Result<(), OutError>>,
}

impl<T: Send + 'static> Output<T> {
    /// Starts the thread.
    pub fn start(name: &str, encoder: impl Encode<Item = T>) -> Result<Self, OutError> {
        let (sender, inbox) = mpsc::channel(QUEUED);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(encoder, inbox));
        let thread = thread.map_err(failed("start the thread of", Path::new(name)))?;
        Ok(Self {
            sink: Sink { sender },
            thread,
        })
    }

    /// Sender to this output.
    pub fn sink(&self) -> Sink<T> {
        self.sink.clone()
    }

    /// Waits until everything is written; all other senders have to be dropped before. Blocks, so not for async code.
    pub fn close(self) -> Result<(), OutError> {
        drop(self.sink);
        self.thread.join().unwrap_or(Err(OutError::Closed))
    }
}

fn work<E: Encode>(
    mut encoder: E,
    mut inbox: mpsc::Receiver<(E::Item, Option<Written>)>,
) -> Result<(), OutError> {
    let mut group = Vec::with_capacity(GROUP);
    while inbox.blocking_recv_many(&mut group, GROUP) > 0 {
        for (item, _) in &group {
            encoder.write(item)?;
        }
        encoder.flush()?;
        for written in group.drain(..).filter_map(|(_, written)| written) {
            written();
        }
    }
    encoder.finish()
}
