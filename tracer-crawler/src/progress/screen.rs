//! Standard error, shared by the redrawn progress line and by log lines: before a log line the progress line is
//! removed.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Sequence that moves to the first column and clears the line.
const CLEAR: &str = "\r\x1b[K";
/// Width used when the terminal's is unknown.
const WIDTH: usize = 80;

/// Screen for people. Clones write to the same place.
#[derive(Clone)]
pub struct Screen {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    shown: Arc<AtomicBool>,
    terminal: bool,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

impl Screen {
    /// Screen on standard error.
    pub fn stderr() -> Self {
        Self::to(Box::new(io::stderr()), io::stderr().is_terminal())
    }

    /// Screen on another writer.
    pub fn to(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            shown: Arc::default(),
            terminal,
        }
    }

    /// True if a line can be redrawn there.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Replaces the redrawn line by `text`, cut to the terminal's width.
    pub fn renew(&self, text: &str) {
        let cut: String = text.chars().take(width().saturating_sub(1)).collect();
        self.shown.store(true, Ordering::Release);
        self.put(format!("{CLEAR}{cut}").as_bytes());
    }

    /// Writes a line that stays.
    pub fn say(&self, text: &str) {
        self.clear();
        self.put(format!("{text}\n").as_bytes());
    }

    /// Removes the redrawn line.
    pub fn clear(&self) {
        if self.shown.swap(false, Ordering::AcqRel) {
            self.put(CLEAR.as_bytes());
        }
    }

    /// Writes bytes. A failure is ignored, because a reader that went away must not stop the crawl.
    fn put(&self, bytes: &[u8]) {
        let mut writer = self.lock();
        let _ = writer.write_all(bytes).and_then(|()| writer.flush());
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writer for log lines, each written in one piece.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.clear();
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

fn width() -> usize {
    // SAFETY: winsize is plain integers, for which zeroes are a value.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ writes one winsize, which is there.
    let done = unsafe { libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    if done == 0 && size.ws_col > 0 {
        size.ws_col.into()
    } else {
        WIDTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn log_lines_do_not_mix_with_the_line() {
        let paper = Paper::default();
        let screen = Screen::to(Box::new(paper.clone()), true);
        screen.renew("one");
        screen.renew("two");
        screen.clone().write_all(b"log\n").unwrap();
        screen.say("plain");
        screen.renew("three");
        screen.clear();
        screen.clear();
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[Klog\nplain\n\r\x1b[Kthree\r\x1b[K"
        );
    }

    #[test]
    fn long_lines_are_cut() {
        let paper = Paper::default();
        Screen::to(Box::new(paper.clone()), true).renew(&"ü".repeat(10_000));
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert!(text.chars().count() < 9_000, "{}", text.len());
    }
}
