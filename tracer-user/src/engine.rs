//! The one select loop: records in, snapshots out, until the target or the user ends it.

mod screen;

use std::{
    future::pending,
    process::{Child, ExitStatus},
    time::Duration,
};

use tokio::{
    io::unix::AsyncFd,
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tracer_core::tracker::Tracker;

use crate::{
    capture::Captured,
    child, clock,
    failure::{Failure, code},
    live::{Command, Live, Stage},
    namespaces::{Joined, Namespaces},
    resolve,
    sink::Sinks,
    source::kernel::{
        Kernel,
        cgroup::{CgroupPaths, ChildCgroup},
        diag::Detail,
    },
};

/// Records taken before anything else gets its turn.
const BATCH: usize = 4096;
/// How often the ring is looked at when the kernel does not ask for it.
const POLL: Duration = Duration::from_millis(25);
/// How often sockets are listed.
const LISTING: Duration = Duration::from_secs(1);
/// How long connections that are closing may take to finish after the target has ended.
const SETTLE: Duration = Duration::from_millis(500);
/// How long the command may take to end after a signal was passed on.
const GRACE: Duration = Duration::from_secs(5);

/// What is traced, as far as it can end by itself.
pub(crate) enum Target {
    /// Everything the filter admits.
    Anything,
    /// Given processes with their descendants.
    Processes,
    /// The command of `tracer run`, in its cgroup.
    Command {
        /// The command.
        child: Child,
        /// Removed when this is dropped.
        _cgroup: ChildCgroup,
    },
}

/// A running trace.
pub(crate) struct Engine {
    /// The programs; they run until this is dropped.
    pub(crate) kernel: Kernel,
    /// The state.
    pub(crate) tracker: Tracker,
    /// Socket listings.
    pub(crate) namespaces: Namespaces,
    /// Names of cgroups.
    pub(crate) cgroups: CgroupPaths,
    /// Where results go.
    pub(crate) sinks: Sinks,
    /// What may end.
    pub(crate) target: Target,
    /// The live screen, when there is one.
    pub(crate) live: Option<Live>,
    /// The command's output, when the live screen shows it.
    pub(crate) captured: Option<Captured>,
}

/// Why the loop ended.
enum End {
    Stopped,
    Command(ExitStatus),
}

/// Signals that end tracer or tell of the command. Caught from before the target runs, so that none of them
/// can end tracer without results.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    child: Signal,
}

impl Signals {
    /// From now on; inside a runtime.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// The next signal that asks tracer to end; None when a child has ended.
    async fn next(&mut self) -> Option<i32> {
        tokio::select! {
            _ = self.interrupt.recv() => Some(libc::SIGINT),
            _ = self.terminate.recv() => Some(libc::SIGTERM),
            _ = self.hangup.recv() => Some(libc::SIGHUP),
            _ = self.child.recv() => None,
        }
    }
}

impl Engine {
    /// Runs to the end and writes the results; the exit code.
    pub(crate) async fn run(mut self, mut signals: Signals) -> Result<u8, Failure> {
        let (end, by_itself) = self.follow(&mut signals).await?;
        self.settle().await?;
        self.finish()?;
        if by_itself {
            self.linger(&end, &mut signals).await?;
        }
        self.close()?;
        Ok(match end {
            End::Stopped => code::OK,
            End::Command(status) => child::exit_code(status),
        })
    }

    /// Closes the live screen, then says what there is to say.
    fn close(mut self) -> Result<(), Failure> {
        let logged = self.captured.take().map_or(Ok(()), |output| output.drain());
        let closed = self.live.take().map_or(Ok(()), Live::close);
        self.sinks.say(&self.tracker.snapshot())?;
        logged.map_err(Failure::internal(
            "writing the command's output to --child-log",
        ))?;
        closed.map_err(Failure::internal("drawing"))
    }

    /// The loop. Says whether the end came without anybody asking for it.
    async fn follow(&mut self, signals: &mut Signals) -> Result<(End, bool), Failure> {
        // SAFETY: the descriptor is owned by the AsyncFd and closed with it.
        let ring = self
            .kernel
            .records_fd()
            .and_then(|fd| unsafe { AsyncFd::register(fd) }.map_err(std::io::Error::from));
        let ring = ring.map_err(Failure::internal("polling the ring buffer"))?;
        let (mut poll, mut listing) = (interval(POLL), interval(LISTING));
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        listing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut export = self.sinks.output.interval.map(interval);
        let mut stop_at = self
            .sinks
            .output
            .duration
            .map(|duration| Instant::now() + duration);
        let mut give_up_at = None;
        loop {
            let due = self.live.as_ref().map(|live| live.due().into());
            tokio::select! {
                biased;
                signal = signals.next() => if let Some(signal) = signal {
                    if give_up_at.is_some() || !self.pass_on(signal) {
                        return self.stop();
                    }
                    give_up_at = Some(Instant::now() + GRACE);
                },
                command = next_command(&mut self.live) => {
                    let quit = !self.obey(command);
                    if quit && (give_up_at.is_some() || !self.pass_on(libc::SIGTERM)) {
                        return self.stop();
                    }
                    if quit {
                        give_up_at = Some(Instant::now() + GRACE);
                    }
                }
                () = until(stop_at) => {
                    if !self.pass_on(libc::SIGTERM) {
                        return self.stop();
                    }
                    (stop_at, give_up_at) = (None, Some(Instant::now() + GRACE));
                }
                () = until(give_up_at) => return self.stop(),
                _ = listing.tick() => self.look()?,
                () = next_tick(&mut export) => self.export()?,
                () = until(due) => self.publish()?,
                _ = poll.tick() => { self.read_all(); }
                ready = ring.readable() => {
                    self.read_all();
                    ready.map_err(Failure::internal("polling the ring buffer"))?.clear_ready();
                }
            }
            if let Some(end) = self.target_end()? {
                return Ok((end, give_up_at.is_none()));
            }
        }
    }

    /// Takes what waits in the ring, at most a batch.
    fn read_all(&mut self) -> usize {
        self.kernel.print_log();
        let tracker = &mut self.tracker;
        let count = self
            .kernel
            .read_records(BATCH, |record| tracker.take(record));
        resolve::resolve(&mut self.tracker, &mut self.cgroups);
        self.join_namespaces();
        count
    }

    fn join_namespaces(&mut self) {
        for netns in self.tracker.take_namespaces() {
            match self.namespaces.join(netns) {
                Some(Joined {
                    netns,
                    range,
                    time_wait,
                }) => {
                    self.tracker.add_namespace(netns, range, time_wait);
                }
                None => self.tracker.add_unseen_namespace(netns),
            }
        }
    }

    /// Lists sockets, and for who watches them what each connection is doing.
    fn look(&mut self) -> Result<(), Failure> {
        if self.live.is_none() {
            return self.list_sockets(Detail::Plain);
        }
        self.list_sockets(Detail::Activity)?;
        let sweep = self.kernel.watch()?;
        self.tracker.watch(clock::monotonic_ns(), &sweep);
        Ok(())
    }

    fn list_sockets(&mut self, detail: Detail) -> Result<(), Failure> {
        for (key, answer) in self.kernel.take_lost_answers()? {
            let (id, flags) = (key.id as u16, answer.flags as u16);
            self.tracker
                .answer_lost(answer.time_ns, key.cookie, id, flags);
        }
        let begun_ns = clock::monotonic_ns();
        let sockets = self.namespaces.snapshot(detail)?;
        self.tracker.take_sockets(begun_ns, &sockets);
        self.tracker.sample(begun_ns);
        Ok(())
    }

    /// The target has ended by itself?
    fn target_end(&mut self) -> Result<Option<End>, Failure> {
        match &mut self.target {
            Target::Anything => Ok(None),
            Target::Processes => Ok(self
                .kernel
                .traced_processes()?
                .is_empty()
                .then_some(End::Stopped)),
            Target::Command { child, .. } => {
                let status = child
                    .try_wait()
                    .map_err(Failure::internal("waiting for the command"))?;
                Ok(status.map(End::Command))
            }
        }
    }

    /// Ends now. A command that did not end when it was told to is ended: nothing would watch it.
    fn stop(&mut self) -> Result<(End, bool), Failure> {
        self.set_stage(Stage::Ending);
        let Target::Command { child, .. } = &mut self.target else {
            return Ok((End::Stopped, false));
        };
        kill(child.id(), libc::SIGKILL);
        let status = child
            .wait()
            .map_err(Failure::internal("waiting for the command"))?;
        Ok((End::Command(status), false))
    }

    /// Passes a signal on to the command, unless the terminal has given it to both; false when there is
    /// no command to wait for.
    fn pass_on(&mut self, signal: i32) -> bool {
        let Target::Command { child, .. } = &self.target else {
            return false;
        };
        if signal != libc::SIGINT || self.live.is_some() || !terminal_signals_both() {
            kill(child.id(), signal);
        }
        true
    }

    /// Connections that are closing may finish: their last segments are still under way.
    async fn settle(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + SETTLE;
        loop {
            while self.read_all() == BATCH {}
            let closing = match self.target {
                Target::Command { .. } => self.tracker.open_connections(),
                _ => 0,
            };
            if closing != 0 || self.tracker.orphans() != 0 {
                self.list_sockets(Detail::Plain)?;
            }
            if (closing == 0 && self.tracker.orphans() == 0) || Instant::now() >= deadline {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let sweep = self.kernel.sweep()?;
        self.tracker.take_sweep(&sweep, true);
        if self.live.is_some() {
            self.tracker.watch(clock::monotonic_ns(), &sweep);
        }
        resolve::resolve(&mut self.tracker, &mut self.cgroups);
        self.list_sockets(Detail::Plain)?;
        self.tracker.finish(clock::monotonic_ns());
        self.read_counters()?;
        self.sinks.description.ended_ns = Some(clock::monotonic_ns());
        self.sinks.export(&self.tracker.snapshot())
    }

    /// What the kernel counted beside the records.
    fn read_counters(&mut self) -> Result<(), Failure> {
        self.tracker.set_kernel_counters(self.kernel.counters());
        if let Some(overflow) = self.kernel.overflow()? {
            self.tracker.set_overflow(overflow);
        }
        Ok(())
    }

    fn export(&mut self) -> Result<(), Failure> {
        self.read_counters()?;
        self.sinks.export(&self.tracker.snapshot())
    }
}

async fn next_command(live: &mut Option<Live>) -> Command {
    match live {
        Some(live) => live.command().await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

async fn next_tick(interval: &mut Option<tokio::time::Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}

/// The command has not been waited for, so its pid is still its own.
fn kill(pid: u32, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal);
    if let (Ok(signal), Ok(pid)) = (signal, i32::try_from(pid)) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
    }
}

/// tracer is in the foreground of a terminal: Ctrl-C reaches the command by itself.
fn terminal_signals_both() -> bool {
    let stdin = std::io::stdin();
    nix::unistd::tcgetpgrp(&stdin).is_ok_and(|foreground| foreground == nix::unistd::getpgrp())
}
