//! Job control: stopping and continuing, whichever process sends the signal.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};

static STOP: AtomicBool = AtomicBool::new(false);
static CONTINUED: AtomicBool = AtomicBool::new(false);

extern "C" fn note(signal: i32) {
    let flag = if signal == Signal::SIGCONT as i32 {
        &CONTINUED
    } else {
        &STOP
    };
    flag.store(true, Ordering::Relaxed);
}

/// Handlers that note the signals while this value lives.
#[derive(Debug)]
pub(super) struct JobControl(());

impl JobControl {
    /// Installs the handlers.
    pub(super) fn listen() -> io::Result<Self> {
        let noted = SigAction::new(
            SigHandler::Handler(note),
            SaFlags::SA_RESTART,
            SigSet::empty(),
        );
        for signal in [Signal::SIGTSTP, Signal::SIGCONT] {
            // SAFETY: the handler only stores into an atomic, which is async-signal-safe.
            unsafe { sigaction(signal, &noted) }?;
        }
        Ok(Self(()))
    }

    /// True if SIGTSTP has come since the last call.
    pub(super) fn take_stop(&self) -> bool {
        STOP.swap(false, Ordering::Relaxed)
    }

    /// True if SIGCONT has come since the last call.
    pub(super) fn take_continued(&self) -> bool {
        CONTINUED.swap(false, Ordering::Relaxed)
    }
}

impl Drop for JobControl {
    fn drop(&mut self) {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        for signal in [Signal::SIGTSTP, Signal::SIGCONT] {
            // SAFETY: the default action replaces our handler; no code of ours runs in it.
            let _ = unsafe { sigaction(signal, &default) };
        }
    }
}

/// Stops the whole process group, as the terminal does on Ctrl-Z: tracer and the command it started. Returns after
/// SIGCONT.
pub(super) fn stop() {
    let group = nix::unistd::Pid::from_raw(0);
    // tracer itself is stopped by SIGSTOP below: its handler only notes SIGTSTP.
    let _ = kill(group, Signal::SIGTSTP);
    let _ = nix::sys::signal::raise(Signal::SIGSTOP);
    STOP.store(false, Ordering::Relaxed);
    CONTINUED.store(false, Ordering::Relaxed);
}
