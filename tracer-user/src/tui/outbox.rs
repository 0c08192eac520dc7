//! Thread that writes to the terminal. So a slow or blocked terminal keeps neither keys from being answered nor tracer
//! from ending.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

/// Writer of frames; each flush hands what was written since the last one to the thread.
#[derive(Debug)]
pub(super) struct Outbox {
    frame: Vec<u8>,
    frames: Sender<Vec<u8>>,
    underway: Arc<AtomicUsize>,
}

/// Results of writing the frames.
#[derive(Debug)]
pub(super) struct Receipts {
    done: Receiver<io::Result<()>>,
    underway: Arc<AtomicUsize>,
}

/// Starts the thread that writes to `terminal`. The thread ends when the outbox is dropped.
pub(super) fn open(terminal: OwnedFd) -> io::Result<(Outbox, Receipts)> {
    let (frames, waiting) = channel::<Vec<u8>>();
    let (said, done) = channel();
    let mut terminal = File::from(terminal);
    std::thread::Builder::new()
        .name("tracer-terminal".into())
        .spawn(move || {
            for frame in waiting {
                // The receiver is gone when the screen has given up.
                let _ = said.send(terminal.write_all(&frame));
            }
        })?;
    let underway = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox {
        frame: Vec::new(),
        frames,
        underway: Arc::clone(&underway),
    };
    Ok((outbox, Receipts { done, underway }))
}

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.underway.fetch_add(1, Ordering::Relaxed);
        let frame = std::mem::take(&mut self.frame);
        self.frames
            .send(frame)
            .map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

impl Receipts {
    /// True if the terminal has taken all frames.
    pub(super) fn is_free(&self) -> io::Result<bool> {
        for result in self.done.try_iter() {
            self.underway.fetch_sub(1, Ordering::Relaxed);
            result?;
        }
        Ok(self.underway.load(Ordering::Relaxed) == 0)
    }

    /// Waits for the terminal to take all frames, `limit` at most; true if it has. A terminal that fails takes no more.
    pub(super) fn is_free_within(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.underway.load(Ordering::Relaxed) != 0 {
            let left = until.saturating_duration_since(Instant::now());
            match self.done.recv_timeout(left) {
                Ok(_) => {
                    self.underway.fetch_sub(1, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read() {
        const FRAME: usize = 1 << 20;
        let (mut reader, writer) = io::pipe().unwrap();
        let (mut outbox, receipts) = open(writer.into()).unwrap();
        assert!(receipts.is_free().unwrap(), "nothing was written yet");
        outbox.write_all(&[b'x'; FRAME]).unwrap();
        outbox.flush().unwrap();
        outbox.flush().unwrap();
        assert!(!receipts.is_free_within(Duration::from_millis(5)));
        assert!(!receipts.is_free().unwrap());
        reader.read_exact(&mut vec![0; FRAME]).unwrap();
        assert!(receipts.is_free_within(Duration::from_secs(60)));
        assert!(receipts.is_free().unwrap());
    }

    #[test]
    fn a_terminal_that_fails_is_said() {
        let (reader, writer) = io::pipe().unwrap();
        let (mut outbox, receipts) = open(writer.into()).unwrap();
        drop(reader);
        outbox.write_all(b"frame").unwrap();
        outbox.flush().unwrap();
        let error = loop {
            match receipts.is_free() {
                Ok(free) => assert!(!free),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
