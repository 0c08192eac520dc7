//! Log of an origin: JSON lines that go through a bounded queue to a thread that writes them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::mpsc;

use super::OriginError;

/// Most lines that wait for the disk. A full queue makes connections wait.
const QUEUE_LINES: usize = 4096;

/// Owner of the thread that writes the log.
#[derive(Debug)]
pub(super) struct Log {
    sender: Option<LogSender>,
    writer: Option<JoinHandle<()>>,
}

/// Queue that takes the lines of connections.
pub(super) type LogSender = mpsc::Sender<Value>;

impl Log {
    /// Creates or replaces the file and starts the writer. Without a path there is no writer.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, OriginError> {
        let Some(path) = path else {
            return Ok(Self {
                sender: None,
                writer: None,
            });
        };
        let file_error = |source| OriginError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::create(path).map_err(file_error)?;
        let (sender, lines) = mpsc::channel(QUEUE_LINES);
        let thread = std::thread::Builder::new().name("origin-log".into());
        let writer = thread
            .spawn(move || write_lines(lines, BufWriter::new(file)))
            .map_err(file_error)?;
        Ok(Self {
            sender: Some(sender),
            writer: Some(writer),
        })
    }

    pub(super) fn sender(&self) -> Option<LogSender> {
        self.sender.clone()
    }

    /// Waits until every line is written. All other senders must have been dropped.
    pub(super) async fn close(self) {
        drop(self.sender);
        if let Some(writer) = self.writer {
            // An error is a panic of one of the threads, which is already printed.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

/// Writes the lines, and flushes whenever the queue is empty, so that a reader of the file is never far behind.
fn write_lines(mut lines: mpsc::Receiver<Value>, mut file: BufWriter<File>) {
    while let Some(line) = lines.blocking_recv() {
        let mut written = writeln!(file, "{line}");
        while let (Ok(()), Ok(line)) = (&written, lines.try_recv()) {
            written = writeln!(file, "{line}");
        }
        if let Err(error) = written.and_then(|()| file.flush()) {
            let _ = writeln!(
                std::io::stderr(),
                "origin: cannot write the log: {error}; no more lines"
            );
            return;
        }
    }
}
