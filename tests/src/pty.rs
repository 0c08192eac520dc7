//! A pseudo-terminal whose other side is the test, which reads at once, slowly, or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::grid::Grid;
use crate::process::wait_for;

/// A program in a terminal of its own, killed and reaped on drop.
pub struct Pty {
    child: Child,
    /// The program's end, kept open so that the terminal can be examined after the program has ended.
    slave: OwnedFd,
    master: File,
    before: Termios,
    size: (u16, u16),
}

impl Pty {
    /// Starts `command` in a terminal of this width and height.
    pub fn start(command: &mut Command, (width, height): (u16, u16)) -> Result<Self> {
        let size = Winsize {
            ws_row: height,
            ws_col: width,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None)?;
        for own in [&pty.master, &pty.slave] {
            // The program gets its ends below; with the other side in its hands nobody could hang up.
            fcntl(own, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        let before = tcgetattr(&pty.slave)?;
        let end = || pty.slave.try_clone();
        command.stdin(end()?).stdout(end()?).stderr(end()?);
        command
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8");
        // SAFETY: two system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                if libc::ioctl(0, libc::TIOCSCTTY, 0) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().context("starting it in a terminal")?;
        Ok(Self {
            child,
            slave: pty.slave,
            master: pty.master.into(),
            before,
            size: (width, height),
        })
    }

    /// Types the keys.
    pub fn keys(&mut self, keys: &str) -> Result<()> {
        self.master.write_all(keys.as_bytes()).context("typing")
    }

    /// Processor time of the threads whose name begins with `threads`.
    pub fn cpu(&self, threads: &str) -> Result<Duration> {
        // Every kernel reports times to user space in this unit, whatever it uses itself (USER_HZ).
        const TICK: Duration = Duration::from_millis(10);
        let mut ticks = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = std::fs::read_to_string(task?.path().join("stat"))?;
            let (name, rest) = stat.rsplit_once(')').context("no name")?;
            if name
                .split_once('(')
                .is_some_and(|(_, name)| name.starts_with(threads))
            {
                let figures = rest.split_whitespace().skip(11).take(2);
                ticks += figures.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
            }
        }
        Ok(TICK * ticks)
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().cast_signed()), signal)?)
    }

    /// Closes the other side, as a terminal window does: the session is hung up. Nothing is typed or read after it.
    pub fn hang_up(&mut self) -> Result<()> {
        self.master = File::open("/dev/null")?;
        Ok(())
    }

    /// Waits for the end, at most `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        wait_for("the end of the program", limit, || {
            Ok(self.child.try_wait()?)
        })
    }

    /// Waits until the program ends, at most `limit`. The terminal has to be as it was before.
    pub fn finish_within(&mut self, limit: Duration) -> Result<ExitStatus> {
        let status = self.wait(limit)?;
        if tcgetattr(&self.slave)? != self.before {
            bail!("the terminal is not as it was");
        }
        Ok(status)
    }

    /// Reads the available bytes, at most `most`, and gives their number.
    pub fn read(&mut self, most: usize) -> Result<usize> {
        let mut fds = libc::pollfd {
            fd: self.master.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, alive for the call.
        if unsafe { libc::poll(&raw mut fds, 1, 0) } <= 0 {
            return Ok(0);
        }
        Ok(self.master.read(&mut vec![0; most])?)
    }

    /// Reads everything at once from now on, and gives the screen.
    pub fn watch(&self) -> Result<Watched> {
        let mut master = File::from(self.master.as_fd().try_clone_to_owned()?);
        let (send, pieces) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 64 << 10];
            // Reading ends with an error when the program has ended.
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                let piece = bytes.get(..count).unwrap_or_default().to_vec();
                if send.send((Instant::now(), piece)).is_err() {
                    return;
                }
            }
        });
        Ok(Watched {
            pieces,
            grid: Grid::new(self.size),
        })
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Both fail if the program has already ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Screen of a terminal that is read.
pub struct Watched {
    pieces: Receiver<(Instant, Vec<u8>)>,
    grid: Grid,
}

impl Watched {
    /// Lines of the screen at the last look.
    pub fn text(&self) -> String {
        self.grid.text()
    }

    /// Waits until the screen is as wanted, and gives the time of that moment.
    pub fn wait(
        &mut self,
        limit: Duration,
        what: &str,
        is_so: impl Fn(&str) -> bool,
    ) -> Result<Instant> {
        let until = Instant::now() + limit;
        let mut at = Instant::now();
        while !is_so(&self.grid.text()) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((came, piece)) = self.pieces.recv_timeout(left) else {
                bail!(
                    "waited {limit:?} in vain for {what} in\n{}",
                    self.grid.text()
                );
            };
            self.grid.take(&piece);
            at = came;
        }
        Ok(at)
    }
}
