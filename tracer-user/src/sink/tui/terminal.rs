//! The terminal, taken and given back. It is given back on every way out: the end, an error, a panic.

use std::{
    io::{self, Stdout, Write, stdout},
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

/// Reports of buttons and the wheel, but of no movement, in the form without limits (xterm, SGR 1006).
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Takes it.
    pub(super) fn enter() -> io::Result<Self> {
        restore_on_panic();
        take()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()));
        match terminal {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.0.size()?;
        Ok((size.width, size.height))
    }

    /// Waits for input, so long at most. A terminal whose other side has gone is an error: crossterm would
    /// read its end over and over.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<()> {
        match has_gone(stdout().as_fd(), timeout)? {
            true => Err(io::Error::other("the terminal has gone")),
            false => Ok(()),
        }
    }

    /// Draws a frame; only what changed is sent.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(drop)
    }

    /// Gives it back for a while.
    pub(super) fn leave(&mut self) -> io::Result<()> {
        give_back();
        Ok(())
    }

    /// Takes it again; whatever it shows is not ours.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        take()?;
        self.0.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// The other side of a terminal was closed; waits until it is, or there is input, or the time is over.
fn has_gone(terminal: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(terminal, PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    match poll(&mut fds, timeout) {
        Ok(_) => Ok(fds[0].revents().is_some_and(|seen| seen.intersects(gone))),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
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

/// Once for each time it was taken. Nothing can be done about errors: the terminal may be gone.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), Show, Print(MOUSE_OFF), LeaveAlternateScreen);
        let _ = stdout().flush();
        let _ = disable_raw_mode();
    }
}

/// What a panic says should be readable, and the shell usable after it.
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
    use std::{fs::File, io::Read, process::Command};

    use nix::{
        pty::openpty,
        sys::termios::{LocalFlags, Termios, tcgetattr},
    };

    use super::*;

    const SCENE: &str = "TRACER_TERMINAL_SCENE";

    /// Played by a process of its own, in a terminal of its own; nothing otherwise.
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

    /// Modes of a terminal before a scene was played in it, and after; and what was written.
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
        let mut written = vec![0; 64 * 1024];
        let count = File::from(pty.master).read(&mut written).unwrap();
        let text = String::from_utf8_lossy(&written[..count]).into_owned();
        (before, after, text)
    }

    #[test]
    fn a_terminal_that_goes_is_noticed() {
        let pty = openpty(None, None).unwrap();
        assert!(!has_gone(pty.slave.as_fd(), Duration::ZERO).unwrap());
        drop(pty.master);
        assert!(has_gone(pty.slave.as_fd(), Duration::ZERO).unwrap());
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
