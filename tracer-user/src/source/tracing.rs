//! The kernel as a source: its programs, the socket listings, and what is traced as far as it can end.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracer_common::record::CloseRecord;
use tracer_core::input::Input;
use zerocopy::IntoBytes;

use super::{
    End, Wake,
    error::SourceError,
    kernel::{
        Kernel,
        cgroup::{CgroupPaths, ChildCgroup},
        diag::Detail,
    },
    sweep::{self, Passed},
    wakes::{POLL, Wakes},
};
use crate::{
    signals::Heard,
    trace::{
        child::{self, Started},
        clock,
        description::CpuTime,
        intake::Intake,
        namespaces::{Joined, Namespaces},
        resolve,
    },
};

/// Records taken before anything else gets its turn.
const BATCH: usize = 4096;
/// More batches than the ring can hold: its 16 MiB, of records of 40 bytes at least.
const RING_BATCHES: usize = 128;
/// Time that connections which are closing may take to finish after the target has ended.
const SETTLE: Duration = Duration::from_millis(500);

/// Target of the trace, as far as it can end by itself.
pub(crate) enum Target {
    /// Everything the filter admits.
    Anything,
    /// Given processes with their descendants.
    Processes,
    /// The command of `tracer run`, in its cgroup.
    Command {
        /// The command.
        child: Started,
        /// Removed when this is dropped.
        _cgroup: ChildCgroup,
    },
}

/// A trace under way.
pub(crate) struct Tracing {
    /// The programs; they run until this is dropped.
    kernel: Kernel,
    namespaces: Namespaces,
    cgroups: CgroupPaths,
    target: Target,
    /// Somebody looks at open connections one by one: they are asked for at each listing.
    watched: bool,
    wakes: Option<Wakes>,
    /// The last batch was a full one.
    more: bool,
    /// Whoever was to be traced has ended: what is still open is closing.
    is_gone: bool,
    /// True when nothing came for a while: the ring is looked at when the kernel says so.
    rests: bool,
    /// Closes that found the ring full, until what is in the ring before them has been taken.
    late: Vec<CloseRecord>,
}

/// Audience of the trace, as far as the engine needs to know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audience {
    /// True if there is a live screen.
    pub(crate) screen: bool,
    /// True if there is a recording.
    pub(crate) recording: bool,
}

impl Tracing {
    /// Makes a trace of programs that are attached.
    pub(crate) fn new(
        kernel: Kernel,
        namespaces: Namespaces,
        cgroups: CgroupPaths,
        target: Target,
        audience: Audience,
    ) -> Self {
        Self {
            kernel,
            namespaces,
            cgroups,
            target,
            watched: audience.screen || audience.recording,
            wakes: None,
            more: false,
            is_gone: false,
            rests: false,
            late: Vec::new(),
        }
    }

    /// Waits for records, or for the time to look.
    pub(super) async fn ready(&mut self) -> Result<Wake, SourceError> {
        let failed = SourceError::system("polling the ring buffer");
        let wakes = match &mut self.wakes {
            Some(wakes) => wakes,
            none => none.insert(Wakes::of(&self.kernel).map_err(&failed)?),
        };
        tokio::select! {
            biased;
            _ = wakes.listing.tick() => Ok(Wake::Listing),
            _ = wakes.poll.tick(), if !self.rests => Ok(Wake::Inputs),
            () = std::future::ready(()), if self.more => Ok(Wake::Inputs),
            ready = wakes.ring.readable() => {
                // Before reading: a record that comes meanwhile makes it ready again.
                ready.map_err(&failed)?.clear_ready();
                Ok(Wake::Inputs)
            }
        }
    }

    /// Takes what waits in the ring, at most a batch, and rests when there is nothing.
    pub(super) fn take_inputs(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let mut count = self.read_records(intake)?;
        if count == 0 && !self.rests {
            self.set_rest(true)?;
            // What came before the kernel programs knew.
            count = self.read_records(intake)?;
        }
        if count != 0 && self.rests {
            self.set_rest(false)?;
        }
        Ok(())
    }

    /// Takes all that has come by now, then lists: what is found out there may depend on it. A lookup, for one, is
    /// given up when its answer has not come, and not when it has not been read.
    pub(super) fn take_listing(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        self.take_all(intake)?;
        let abandoned = self.namespaces.abandoned()?;
        self.look(intake)?;
        // Right after a listing, so that nothing happened there which was not seen.
        for netns in abandoned {
            if self.namespaces.close(netns) {
                intake.input(&Input::RemovedNamespace { netns });
            }
        }
        Ok(())
    }

    /// Takes all that has come by now, then looks what open connections are doing.
    pub(super) fn look_again(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        self.take_all(intake)?;
        self.watch(intake)
    }

    /// Takes all that waits in the ring; of what comes meanwhile no more than the ring can hold.
    fn take_all(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        self.take_inputs(intake)?;
        for _ in 0..RING_BATCHES {
            if !self.more {
                break;
            }
            self.read_records(intake)?;
        }
        Ok(())
    }

    fn set_rest(&mut self, rests: bool) -> Result<(), SourceError> {
        self.kernel.set_rest(rests)?;
        self.rests = rests;
        if let Some(wakes) = &mut self.wakes {
            wakes.poll.reset();
        }
        Ok(())
    }

    /// Takes what waits in the ring, at most a batch. When that is all, the closes that had found the ring full come behind.
    pub(super) fn read_records(&mut self, intake: &mut Intake) -> Result<usize, SourceError> {
        self.kernel.print_log();
        intake.clock(clock::monotonic_ns());
        // They are fetched first: what a connection has told before its close is in the ring by now.
        self.late.extend(self.kernel.take_late_closes()?);
        let count = self
            .kernel
            .read_records(BATCH, |record| intake.input(&Input::Record(record)));
        if count < BATCH {
            for close in self.late.drain(..) {
                intake.input(&Input::Record(close.as_bytes()));
            }
        }
        resolve::resolve(intake, &mut self.cgroups);
        self.join_namespaces(intake);
        self.more = count == BATCH;
        Ok(count)
    }

    /// Takes all that waits in the ring; what was established before the moment given may be among it, and nothing later, ns.
    pub(super) fn drain(&mut self, intake: &mut Intake) -> Result<u64, SourceError> {
        while self.read_records(intake)? == BATCH {}
        Ok(clock::monotonic_ns())
    }

    /// Connections established before `before_ns` are adopted; of later ones the ring tells, and perhaps of those once more.
    pub(super) fn prime(&mut self, before_ns: u64, intake: &mut Intake) -> Result<(), SourceError> {
        let mut records = self.kernel.last_sweep()?;
        sweep::adopt(&mut records, before_ns);
        intake.input(&Input::Sweep {
            records: &records,
            last: false,
        });
        resolve::resolve(intake, &mut self.cgroups);
        self.join_namespaces(intake);
        self.look(intake)
    }

    fn join_namespaces(&mut self, intake: &mut Intake) {
        for netns in intake.take_namespaces() {
            intake.input(&match self.namespaces.join(netns) {
                Some(Joined {
                    netns,
                    range,
                    time_wait,
                }) => Input::Namespace {
                    netns,
                    range,
                    time_wait,
                },
                None => Input::UnseenNamespace { netns },
            });
        }
    }

    /// Lists sockets, and for who watches them what each connection is doing.
    pub(super) fn look(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        if !self.watched {
            return self.list_sockets(Detail::Plain, intake);
        }
        self.list_sockets(Detail::Activity, intake)?;
        self.watch(intake)
    }

    /// Asks what each open connection is doing.
    fn watch(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let records = self.kernel.watch()?;
        intake.input(&Input::Watch {
            at_ns: clock::monotonic_ns(),
            records: &records,
        });
        Ok(())
    }

    fn list_sockets(&mut self, detail: Detail, intake: &mut Intake) -> Result<(), SourceError> {
        for (key, answer) in self.kernel.take_lost_answers()? {
            intake.input(&Input::LostAnswer {
                time_ns: answer.time_ns,
                cookie: key.cookie,
                id: key.id as u16,
                flags: answer.flags as u16,
            });
        }
        let begun_ns = clock::monotonic_ns();
        intake.clock(begun_ns);
        let sockets = self.namespaces.snapshot(detail)?;
        intake.input(&Input::Sockets {
            begun_ns,
            sockets: sockets.as_slice().into(),
        });
        intake.input(&Input::Sample { now_ns: begun_ns });
        Ok(())
    }

    /// The target has ended by itself?
    pub(super) fn ended(&mut self) -> Result<Option<End>, SourceError> {
        match &mut self.target {
            Target::Anything => Ok(None),
            Target::Processes => {
                self.is_gone = self.kernel.traced_processes()?.is_empty();
                Ok(self.is_gone.then_some(End::Stopped))
            }
            Target::Command { child, .. } => {
                let status = child
                    .try_wait()
                    .map_err(SourceError::system("waiting for the command"))?;
                Ok(status.map(End::Command))
            }
        }
    }

    /// Ends now. A command that did not end when it was told to is ended: nothing would watch it.
    pub(super) fn stop(&mut self) -> Result<End, SourceError> {
        let Target::Command { child, .. } = &mut self.target else {
            return Ok(End::Stopped);
        };
        kill(child.id(), libc::SIGKILL);
        let status = child
            .wait()
            .map_err(SourceError::system("waiting for the command"))?;
        Ok(End::Command(status))
    }

    /// True if there is a command to wait for.
    pub(super) fn has_command(&self) -> bool {
        matches!(self.target, Target::Command { .. })
    }

    /// Passes a signal on to the command, unless the terminal has given it to both; false when there is
    /// no command to wait for.
    pub(super) fn pass_on(&self, signal: Heard) -> bool {
        let Target::Command { child, .. } = &self.target else {
            return false;
        };
        if !signal.is_key() {
            kill(child.id(), signal.for_command());
        }
        true
    }

    /// Connections that are closing may finish: their last segments are still under way.
    pub(super) async fn settle(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let deadline = Instant::now() + SETTLE;
        // A process is off the list before its sockets are closed.
        let is_gone = self.is_gone || matches!(self.target, Target::Command { .. });
        loop {
            while self.read_records(intake)? == BATCH {}
            let closing = if is_gone {
                intake.open_connections()
            } else {
                0
            };
            if closing != 0 || intake.orphans() != 0 {
                self.list_sockets(Detail::Plain, intake)?;
            }
            if (closing == 0 && intake.orphans() == 0) || Instant::now() >= deadline {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    /// The last pass over everything.
    pub(super) fn finish(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        if let Some(recorder) = &mut intake.recorder {
            recorder.be_patient();
        }
        let records = self.kernel.last_sweep()?;
        self.catch_up(&records, intake)?;
        intake.input(&Input::Sweep {
            records: &records,
            last: true,
        });
        if self.watched {
            intake.input(&Input::Watch {
                at_ns: clock::monotonic_ns(),
                records: &records,
            });
        }
        resolve::resolve(intake, &mut self.cgroups);
        self.join_namespaces(intake);
        self.list_sockets(Detail::Plain, intake)?;
        intake.input(&Input::Finish {
            now_ns: clock::monotonic_ns(),
        });
        self.read_counters(intake)
    }

    /// Takes from the ring what was reported before the sweep came by, and leaves what was afterwards: the trace ends
    /// there.
    fn catch_up(&mut self, sweep: &[u8], intake: &mut Intake) -> Result<(), SourceError> {
        let passed = Passed::of(sweep, clock::monotonic_ns());
        self.late.extend(self.kernel.take_late_closes()?);
        loop {
            let mut taken = 0;
            let count = self.kernel.read_records(BATCH, |record| {
                if passed.is_behind(record) {
                    taken += 1;
                    intake.input(&Input::Record(record));
                }
            });
            if count < BATCH || taken == 0 {
                break;
            }
        }
        for close in self.late.drain(..) {
            if passed.is_behind(close.as_bytes()) {
                intake.input(&Input::Record(close.as_bytes()));
            }
        }
        Ok(())
    }

    /// Time that the command has used, once it has ended.
    pub(super) fn command_cpu(&self) -> Option<CpuTime> {
        match self.target {
            Target::Command { .. } => child::cpu(),
            _ => None,
        }
    }

    /// Reads what the kernel counted beside the records.
    pub(super) fn read_counters(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        intake.input(&Input::Counters(self.kernel.counters()));
        if let Some(overflow) = self.kernel.overflow()? {
            intake.input(&Input::Overflow(std::borrow::Cow::Owned(overflow)));
        }
        Ok(())
    }
}

/// The command has not been waited for, so its pid is still its own.
fn kill(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill(2) takes two numbers; the library's own function knows no signals of real time.
        let _ = unsafe { libc::kill(pid, signal) };
    }
}
