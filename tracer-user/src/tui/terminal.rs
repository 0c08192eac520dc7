//! The terminal, taken for the screen and restored on every way out: end, error, panic.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write, stdin, stdout},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{FlushArg, tcflush},
};
use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::{Hide, Show},
        execute,
        style::Print,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

use super::{
    clipboard,
    outbox::{self, Outbox, Receipts},
};

/// Time limit for the terminal to take the last frames.
const TAKES: Duration = Duration::from_millis(300);

/// Mouse reports of buttons and the wheel, not of movements, in the form without a limit of columns (xterm, SGR 1006).
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// True while the terminal is in the screen's modes.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while the screen uses it.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Outbox>>,
    receipts: Receipts,
    input: File,
    bytes: [u8; 1024],
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        restore_on_panic();
        let input = input()?;
        let (outbox, receipts) = outbox::open(stdout().as_fd().try_clone_to_owned()?)?;
        take()?;
        match Terminal::new(CrosstermBackend::new(outbox)) {
            Ok(terminal) => Ok(Self {
                terminal,
                receipts,
                input,
                bytes: [0; 1024],
            }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Columns and rows of the terminal.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Waits for input until the timeout and reads it; None when none has come.
    ///
    /// Does not use crossterm for this: its reader keeps keys that come with a change of size until the next key comes.
    pub(super) fn read(&mut self, timeout: Duration) -> io::Result<Option<&[u8]>> {
        match state(self.input.as_fd(), timeout)? {
            State::Quiet => Ok(None),
            State::Gone => Err(gone()),
            State::Input => match self.input.read(&mut self.bytes) {
                Ok(0) => Err(gone()),
                Ok(count) => Ok(self.bytes.get(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// The terminal has taken the last frame.
    pub(super) fn is_free(&self) -> io::Result<bool> {
        self.receipts.is_free()
    }

    /// Draws a frame; only changed cells are sent.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Hands a text to the terminal's clipboard.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        clipboard::copy(self.terminal.backend_mut(), text)
    }

    /// Restores the terminal for a while.
    pub(super) fn leave(&mut self) {
        self.let_go();
    }

    /// Takes the terminal again and clears it: other programs may have written to it.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        take()?;
        self.terminal.clear()
    }

    /// Restores the terminal. Frames that it does not take are discarded.
    fn let_go(&self) {
        if !self.receipts.is_free_within(TAKES) {
            discard();
            if !self.receipts.is_free_within(TAKES) {
                abandon();
                return;
            }
        }
        if !takes_more() {
            discard();
        }
        give_back();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// True if a write to the terminal would not block now.
fn takes_more() -> bool {
    let stdout = stdout();
    let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready != 0)
}

/// Discards output that the terminal has not read.
fn discard() {
    // A terminal that is gone has discarded it already.
    let _ = tcflush(stdout(), FlushArg::TCOFLUSH);
}

/// Restores what can be restored without writing: the line discipline.
pub(super) fn abandon() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        discard();
        let _ = disable_raw_mode();
    }
}

/// State of the terminal's input.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Input,
    /// The other end of the terminal was closed.
    Gone,
}

/// Waits until input has come or the timeout is over.
fn state(terminal: BorrowedFd<'_>, timeout: Duration) -> io::Result<State> {
    let mut fds = [PollFd::new(terminal, PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    match poll(&mut fds, timeout) {
        Ok(_) => Ok(match fds[0].revents() {
            Some(seen) if seen.intersects(gone) => State::Gone,
            Some(seen) if seen.contains(PollFlags::POLLIN) => State::Input,
            _ => State::Quiet,
        }),
        Err(Errno::EINTR) => Ok(State::Quiet),
        Err(error) => Err(error.into()),
    }
}

fn gone() -> io::Error {
    io::Error::other("the terminal has gone")
}

/// File that keys are read from: standard input if it is a terminal, else /dev/tty.
fn input() -> io::Result<File> {
    let stdin = stdin();
    if stdin.is_terminal() {
        return Ok(File::from(stdin.as_fd().try_clone_to_owned()?));
    }
    File::open("/dev/tty")
}

fn take() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    let taken = enable_raw_mode()
        .and_then(|()| execute!(stdout(), EnterAlternateScreen, Print(MOUSE_ON), Hide));
    if taken.is_err() {
        give_back();
    }
    taken
}

/// Restores the terminal, once for each time it was taken. Errors are ignored: the terminal may be gone.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), Show, Print(MOUSE_OFF), LeaveAlternateScreen);
        let _ = stdout().flush();
        let _ = disable_raw_mode();
    }
}

/// Restores the terminal before a panic prints its message, so that the message is readable and the shell works after
/// it.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::{
        pty::openpty,
        sys::termios::{LocalFlags, Termios, tcgetattr},
    };

    use super::*;

    const SCENE: &str = "TRACER_TERMINAL_SCENE";

    /// Plays a scene, in a process and a terminal of its own; without a scene in the environment it does nothing.
    #[test]
    fn scene() {
        match std::env::var(SCENE).as_deref() {
            Ok("end") => drop(Screen::enter().unwrap()),
            Ok("panic") => {
                let _screen = Screen::enter().unwrap();
                panic!("on purpose");
            }
            Ok("panic elsewhere") => {
                let screen = Screen::enter().unwrap();
                let _ = std::thread::spawn(|| panic!("on purpose")).join();
                std::mem::forget(screen);
            }
            _ => {}
        }
    }

    /// Plays a scene. Returns the terminal's modes before and after, and what was written.
    fn play(scene: &str) -> (Termios, Termios, String) {
        let pty = openpty(None, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || pty.slave.try_clone().unwrap();
        let name = format!("{}::scene", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([name.as_str(), "--exact", "--nocapture", "--test-threads=1"])
            .env(SCENE, scene)
            .env("RUST_BACKTRACE", "0")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        command.status().unwrap();
        let after = tcgetattr(&pty.slave).unwrap();
        drop((command, pty.slave));
        let mut written = Vec::new();
        // Ends with an error when all was read and the other end is closed everywhere.
        let _ = File::from(pty.master).read_to_end(&mut written);
        let text = String::from_utf8_lossy(&written).into_owned();
        (before, after, text)
    }

    #[test]
    fn a_terminal_that_goes_is_noticed() {
        let pty = openpty(None, None).unwrap();
        let now = || state(pty.slave.as_fd(), Duration::ZERO).unwrap();
        assert_eq!(now(), State::Quiet);
        drop(pty.master);
        assert_eq!(now(), State::Gone);
    }

    #[test]
    fn given_back_on_every_way_out() {
        for scene in ["end", "panic", "panic elsewhere"] {
            let (before, after, written) = play(scene);
            assert_eq!(before, after, "{scene}");
            let cooked = LocalFlags::ICANON | LocalFlags::ECHO;
            assert!(after.local_flags.contains(cooked), "{scene}");
            for (on, off) in [
                ("\x1b[?1049h", "\x1b[?1049l"),
                ("\x1b[?1000h", "\x1b[?1000l"),
                ("\x1b[?25l", "\x1b[?25h"),
            ] {
                let (on, off) = (written.rfind(on), written.rfind(off));
                assert!(on.is_some() && on < off, "{scene}: {written:?}");
            }
            let left = written.rfind("\x1b[?1049l");
            let said = written.rfind("on purpose");
            assert!(
                scene == "end" || left < said,
                "on the plain screen: {written:?}"
            );
        }
    }
}
