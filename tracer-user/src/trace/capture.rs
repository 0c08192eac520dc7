//! The command's output while the live screen has the terminal: read from pipes by a thread of its own,
//! kept as a bounded list of lines, and written to `--child-log` as it is.

use std::{
    collections::VecDeque,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::AsFd,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tokio::sync::watch;

/// Lines kept.
pub(crate) const MAX_LINES: usize = 10_000;
/// Lines of standard error that are kept, however many lines of standard output follow.
const LAST_ERRORS: usize = 5;
/// Bytes of a line; a longer one is cut into several.
const MAX_LINE_BYTES: usize = 4096;
/// Time between two publications of new lines.
const PUBLISH: Duration = Duration::from_millis(100);
/// Time limit for the rest of the output after the command has ended; its descendants may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(300);

/// Stream that a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Line of output without its line end. Bytes that are not UTF-8 are replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Stream that the line came from.
    pub(crate) stream: Stream,
    /// Text of the line, not escaped yet.
    pub(crate) text: String,
}

/// The last lines of the command's output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scrollback {
    /// Lines, oldest first.
    pub(crate) lines: VecDeque<Arc<Line>>,
    /// Number of earlier lines that were dropped.
    pub(crate) dropped: u64,
    /// The last lines of standard error, oldest first.
    pub(crate) errors: VecDeque<Arc<Line>>,
}

impl Scrollback {
    fn push(&mut self, line: Line) {
        let line = Arc::new(line);
        if line.stream == Stream::Err {
            if self.errors.len() == LAST_ERRORS {
                self.errors.pop_front();
            }
            self.errors.push_back(Arc::clone(&line));
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }
}

/// Pipes for the command's output, open before the command starts.
#[derive(Debug)]
pub(crate) struct Pipes {
    ends: [(Stream, PipeReader); 2],
    /// Write ends for the command's standard output and standard error.
    pub(crate) writers: Option<(PipeWriter, PipeWriter)>,
}

impl Pipes {
    /// Opens new pipes.
    pub(crate) fn open() -> io::Result<Self> {
        let ((out, to_out), (err, to_err)) = (io::pipe()?, io::pipe()?);
        Ok(Self {
            ends: [(Stream::Out, out), (Stream::Err, err)],
            writers: Some((to_out, to_err)),
        })
    }

    /// Starts a thread that reads the pipes; it also writes what it reads to `log`.
    pub(crate) fn read(self, log: Option<std::fs::File>) -> io::Result<Captured> {
        let (publish, lines) = watch::channel(Arc::default());
        let (done, ended) = mpsc::channel();
        let mut reader = Reader {
            open: Vec::from(
                self.ends
                    .map(|(stream, pipe)| (pipe, Assembly::new(stream))),
            ),
            log,
            scrollback: Scrollback::default(),
            publish,
            changed: None,
        };
        std::thread::Builder::new()
            .name("tracer-output".into())
            .spawn(move || {
                let result = reader.run();
                // The receiver may be gone already.
                let _ = done.send(result);
            })?;
        Ok(Captured { lines, ended })
    }
}

/// Output of the command while the thread reads it.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Lines read so far.
    pub(crate) lines: watch::Receiver<Arc<Scrollback>>,
    ended: mpsc::Receiver<io::Result<()>>,
}

impl Captured {
    /// Waits a moment for the rest of the output after the command has ended. Returns all lines and the result of
    /// writing the log.
    pub(crate) fn drain(self) -> (Arc<Scrollback>, io::Result<()>) {
        let logged = self.ended.recv_timeout(DRAIN).unwrap_or(Ok(()));
        let lines = Arc::clone(&self.lines.borrow());
        (lines, logged)
    }
}

#[derive(Debug)]
struct Reader {
    open: Vec<(PipeReader, Assembly)>,
    log: Option<std::fs::File>,
    scrollback: Scrollback,
    publish: watch::Sender<Arc<Scrollback>>,
    /// Time when the first line that is not published yet was read.
    changed: Option<Instant>,
}

impl Reader {
    /// Reads the pipes to their end, then publishes the last lines, even after an error.
    fn run(&mut self) -> io::Result<()> {
        let read = self.read_all();
        self.publish();
        read
    }

    fn read_all(&mut self) -> io::Result<()> {
        let mut failed = Ok(());
        while !self.open.is_empty() {
            let ready = self.wait()?;
            // In reverse order, so that removing a pipe does not move those still to be read.
            for at in ready.into_iter().rev() {
                if let Err(error) = self.read_from(at) {
                    failed = Err(error);
                    self.log = None;
                }
            }
            self.publish_due();
        }
        failed
    }

    /// Indices of the pipes that have something to read or have ended.
    fn wait(&self) -> io::Result<Vec<usize>> {
        let mut fds: Vec<PollFd<'_>> = self
            .open
            .iter()
            .map(|(pipe, _)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
            .collect();
        let timeout = match self.changed {
            Some(_) => PollTimeout::from(PUBLISH.as_millis() as u16),
            None => PollTimeout::NONE,
        };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = fds
            .iter()
            .enumerate()
            .filter(|(_, fd)| fd.any().unwrap_or(false));
        Ok(ready.map(|(at, _)| at).collect())
    }

    fn read_from(&mut self, at: usize) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        let (pipe, assembly) = &mut self.open[at];
        let count = match pipe.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        let lines = &mut self.scrollback;
        if count == 0 {
            assembly.finish(lines);
            self.open.remove(at);
        } else {
            assembly.take(&bytes[..count], lines);
        }
        self.changed.get_or_insert_with(Instant::now);
        match &mut self.log {
            Some(log) => log.write_all(&bytes[..count]),
            None => Ok(()),
        }
    }

    fn publish_due(&mut self) {
        if self.changed.is_some_and(|since| since.elapsed() >= PUBLISH) {
            self.publish();
        }
    }

    /// Publishes the lines read so far, unfinished lines included: a prompt has no line end, nor may the last line of a
    /// command whose descendants hold the pipe open.
    fn publish(&mut self) {
        let mut lines = self.scrollback.clone();
        for (_, assembly) in &self.open {
            assembly.show_partial(&mut lines);
        }
        self.publish.send_replace(Arc::new(lines));
        self.changed = None;
    }
}

/// Assembles the bytes of one stream into lines.
#[derive(Debug)]
struct Assembly {
    stream: Stream,
    partial: Vec<u8>,
    /// True if the last byte was a carriage return: unless a line feed follows, the next text overwrites the line.
    returned: bool,
}

impl Assembly {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            partial: Vec::new(),
            returned: false,
        }
    }

    fn take(&mut self, bytes: &[u8], lines: &mut Scrollback) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end(lines),
                b'\r' => self.returned = true,
                _ => self.add(byte, lines),
            }
        }
    }

    fn add(&mut self, byte: u8, lines: &mut Scrollback) {
        if std::mem::take(&mut self.returned) {
            self.partial.clear();
        } else if self.partial.len() >= MAX_LINE_BYTES {
            self.end(lines);
        }
        self.partial.push(byte);
    }

    fn end(&mut self, lines: &mut Scrollback) {
        self.returned = false;
        lines.push(self.line());
        self.partial.clear();
    }

    /// Line made of the text since the last line end.
    fn line(&self) -> Line {
        Line {
            stream: self.stream,
            text: String::from_utf8_lossy(&self.partial).into_owned(),
        }
    }

    fn show_partial(&self, lines: &mut Scrollback) {
        if !self.partial.is_empty() {
            lines.push(self.line());
        }
    }

    fn finish(&mut self, lines: &mut Scrollback) {
        self.show_partial(lines);
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &Scrollback) -> Vec<&str> {
        lines.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &[&str]) {
        for cut in 0..=bytes.len() {
            let mut lines = Scrollback::default();
            let mut assembly = Assembly::new(Stream::Out);
            assembly.take(&bytes[..cut], &mut lines);
            assembly.take(&bytes[cut..], &mut lines);
            assembly.finish(&mut lines);
            assert_eq!(texts(&lines), expected, "cut at {cut}");
        }
    }

    #[test]
    fn lines_however_they_are_cut() {
        check(b"", &[]);
        check(b"a\nb", &["a", "b"]);
        check(b"a\r\nb\r\n", &["a", "b"]);
        check(b"10 %\r20 %\r30 %\n", &["30 %"]);
        check(b"\xff\n\n", &["\u{fffd}", ""]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut lines = Scrollback::default();
        let mut assembly = Assembly::new(Stream::Err);
        assembly.take(&vec![b'x'; MAX_LINE_BYTES + 1], &mut lines);
        assert_eq!(lines.lines.len(), 1);
        for _ in 0..MAX_LINES + 5 {
            assembly.take(b"\n", &mut lines);
        }
        assert_eq!((lines.lines.len(), lines.dropped), (MAX_LINES, 6));
    }

    #[test]
    fn both_streams_and_the_log() {
        let mut pipes = Pipes::open().unwrap();
        let (mut out, mut err) = pipes.writers.take().unwrap();
        let log = tempfile::tempfile().unwrap();
        let captured = pipes.read(Some(log.try_clone().unwrap())).unwrap();
        out.write_all(b"one\ntwo").unwrap();
        err.write_all(b"bad\n").unwrap();
        drop((out, err));
        // Both write ends are closed, so this waits for the end of the thread and no longer.
        captured.ended.recv().unwrap().unwrap();
        let (lines, logged) = captured.drain();
        logged.unwrap();
        let mut seen = texts(&lines);
        seen.sort_unstable();
        assert_eq!(seen, ["bad", "one", "two"]);
        assert_eq!(log.metadata().unwrap().len(), 11);
        let errors: Vec<_> = lines.errors.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(errors, ["bad"]);
    }

    #[test]
    fn the_last_errors_stay_however_much_output_follows() {
        let mut lines = Scrollback::default();
        let mut push = |stream, count: usize| {
            for number in 1..=count {
                let text = number.to_string();
                lines.push(Line { stream, text });
            }
        };
        push(Stream::Err, LAST_ERRORS + 2);
        push(Stream::Out, MAX_LINES);
        assert!(lines.lines.iter().all(|line| line.stream == Stream::Out));
        let errors: Vec<_> = lines.errors.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(errors, ["3", "4", "5", "6", "7"]);
    }

    #[test]
    fn a_line_without_its_end_is_published_while_the_pipe_is_open() {
        let mut pipes = Pipes::open().unwrap();
        let (mut out, err) = pipes.writers.take().unwrap();
        let mut captured = pipes.read(None).unwrap();
        out.write_all(b"name? ").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let changed = runtime.unwrap().block_on(captured.lines.changed());
        changed.unwrap();
        assert_eq!(texts(&captured.lines.borrow()), ["name? "]);
        out.write_all(b"x\n").unwrap();
        drop((out, err));
        captured.ended.recv().unwrap().unwrap();
        assert_eq!(texts(&captured.lines.borrow()), ["name? x"]);
    }
}
