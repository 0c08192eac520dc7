//! Signals during a trace or replay: none of them ends tracer at once.
//!
//! Signals are blocked and read from a descriptor instead. So there are no handlers that the command would lose, and
//! the origin of each signal is known, such as a key of the terminal. The command gets the signal mask that tracer was
//! started with.

use std::{io, mem::MaybeUninit};

use nix::{
    errno::Errno,
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction},
        signalfd::{SfdFlags, SignalFd},
    },
};
use tokio::io::unix::AsyncFd;

/// Signals that end a process by default and can be read, without real-time signals. Signals of a crash are not
/// blocked. SIGPIPE and SIGXFSZ come from tracer's own writing, which fails with an error too.
const ENDING: [i32; 16] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGSTKFLT,
    libc::SIGXCPU,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSYS,
];
/// Signals that are read even if they were ignored when tracer was started: a shell ignores Ctrl-C for background
/// commands of a script, and yet scripts end a trace by SIGINT.
const ALWAYS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD];

/// A received signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Number of the signal.
    pub(crate) number: i32,
    /// True if the kernel sent it, as for keys of the terminal: every process in the foreground group got it.
    pub(crate) from_kernel: bool,
}

impl Heard {
    /// A signal that tracer itself makes.
    pub(crate) fn own(signal: Signal) -> Self {
        Self {
            number: signal as i32,
            from_kernel: false,
        }
    }

    /// True if the signal only means that a child has ended.
    pub(crate) fn is_of_child(self) -> bool {
        self.number == libc::SIGCHLD
    }

    /// True if the terminal was closed, or another process sent SIGHUP.
    pub(crate) fn is_hangup(self) -> bool {
        self.number == libc::SIGHUP
    }

    /// True if the signal asks tracer to end; other signals may mean anything to the command.
    pub(crate) fn asks_to_end(self) -> bool {
        self.can_mean_at_once() || self.is_own_limit()
    }

    /// True if a second signal of this kind means "end at once".
    pub(crate) fn can_mean_at_once(self) -> bool {
        [libc::SIGINT, libc::SIGTERM].contains(&self.number)
    }

    /// Number of the signal that the command gets. SIGXCPU becomes SIGTERM: tracer's limit of processor time is not the
    /// command's.
    pub(crate) fn for_command(self) -> i32 {
        match self.is_own_limit() {
            true => libc::SIGTERM,
            false => self.number,
        }
    }

    /// True if tracer has used up its processor time; the kernel repeats this signal every second.
    fn is_own_limit(self) -> bool {
        self.from_kernel && self.number == libc::SIGXCPU
    }

    /// True if a key of the terminal caused the signal, so that the command has got it too.
    pub(crate) fn is_key(self) -> bool {
        self.from_kernel && [libc::SIGINT, libc::SIGQUIT].contains(&self.number)
    }
}

/// Signals that are blocked until they are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    waiting: SigSet,
    before: SigSet,
}

impl Held {
    /// Blocks the signals from now on, in this thread and in those it starts. Call it before other threads are started.
    pub(crate) fn hold() -> io::Result<Self> {
        for signal in ALWAYS {
            set_default(signal)?;
        }
        let waiting = caught()?;
        let before = waiting.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { waiting, before })
    }

    /// Signal mask that this process was started with.
    pub(crate) fn before(&self) -> SigSet {
        self.before
    }

    /// Receiver of pending and future signals; must be called inside a runtime.
    pub(crate) fn listen(&self) -> io::Result<Signals> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let descriptor = SignalFd::with_flags(&self.waiting, flags)?;
        // SAFETY: the descriptor is owned by the AsyncFd and closed with it.
        let descriptor = unsafe { AsyncFd::register(descriptor) };
        Ok(Signals(descriptor.map_err(io::Error::from)?))
    }
}

/// Receiver of signals.
#[derive(Debug)]
pub(crate) struct Signals(AsyncFd<SignalFd>);

impl Signals {
    /// The next signal. Dropping the future before it is ready loses no signal.
    pub(crate) async fn next(&mut self) -> io::Result<Heard> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.get_inner().read_signal() {
                Ok(Some(info)) => {
                    return Ok(Heard {
                        number: info.ssi_signo.cast_signed(),
                        from_kernel: info.ssi_code == libc::SI_KERNEL,
                    });
                }
                Ok(None) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Makes a file that reaches the size limit an error of its writer instead of the end of the process. Programs that
/// this process starts get the default action of the signal.
pub(crate) fn survive_long_files() -> io::Result<()> {
    extern "C" fn nothing(_: i32) {}
    if is_ignored(libc::SIGXFSZ)? {
        return Ok(());
    }
    let handler = SigHandler::Handler(nothing);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGXFSZ, &action) }?;
    Ok(())
}

/// Signals that are read. A signal that was ignored when tracer was started stays ignored, for the command too, as with
/// nohup(1).
fn caught() -> io::Result<SigSet> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset(3) makes a set of the memory it is given, and fails for none.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    for number in ENDING.into_iter().chain(real_time).chain([libc::SIGCHLD]) {
        let always = ALWAYS.iter().any(|signal| *signal as i32 == number);
        if always || !is_ignored(number)? {
            // SAFETY: the set was made above; an invalid number is refused.
            Errno::result(unsafe { libc::sigaddset(&raw mut set, number) })?;
        }
    }
    // SAFETY: sigemptyset(3) made it, and sigaddset(3) added to it.
    Ok(unsafe { SigSet::from_sigset_t_unchecked(set) })
}

fn is_ignored(number: i32) -> io::Result<bool> {
    // SAFETY: without a new action the old one is written into memory made for it, which all zeros are a value of.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        Errno::result(libc::sigaction(number, std::ptr::null(), &raw mut action))?;
        action
    };
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

fn set_default(signal: Signal) -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    unsafe { sigaction(signal, &default) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: i32, from_kernel: bool, asks_to_end: bool, is_key: bool, for_command: i32) {
        let heard = Heard {
            number,
            from_kernel,
        };
        assert_eq!(
            (heard.asks_to_end(), heard.is_key(), heard.for_command()),
            (asks_to_end, is_key, for_command),
            "{heard:?}"
        );
    }

    #[test]
    fn what_a_signal_means() {
        use libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGXCPU};
        check(SIGINT, true, true, true, SIGINT);
        check(SIGINT, false, true, false, SIGINT);
        check(SIGTERM, false, true, false, SIGTERM);
        check(SIGQUIT, true, false, true, SIGQUIT);
        check(SIGQUIT, false, false, false, SIGQUIT);
        check(SIGHUP, true, false, false, SIGHUP);
        check(SIGUSR1, false, false, false, SIGUSR1);
        check(SIGXCPU, false, false, false, SIGXCPU);
        check(SIGXCPU, true, true, false, SIGTERM);
    }
}
