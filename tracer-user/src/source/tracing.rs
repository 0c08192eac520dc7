//! The kernel as a source: its programs, the listings of sockets, and the target of the trace.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracer_common::{config::Filter, record::ClosedRecord};
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
    probes::{Probes, choice::Choice, remark::remark},
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

/// Records taken before other events are handled.
const BATCH: usize = 4096;
/// Number of batches that is larger than the ring: it holds 16 MiB, and a record has at least 40 bytes.
const RING_BATCHES: usize = 128;
/// Time limit for closing connections to finish after the target has ended.
const SETTLE: Duration = Duration::from_millis(500);

/// Target of the trace, which decides when the trace ends by itself.
pub(crate) enum Target {
    /// Everything the filter admits.
    Anything,
    /// Given processes with their descendants.
    Processes,
    /// The command of `tracer run`, in its cgroup.
    Command {
        /// The command.
        child: Started,
        /// Cgroup of the command, removed when this value is dropped.
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
    /// True if the screen or the recording needs the state of each open connection: each listing then includes it.
    watched: bool,
    wakes: Option<Wakes>,
    /// True if the last batch was a full one.
    more: bool,
    /// True once the target has ended: open connections are closing then.
    is_gone: bool,
    /// True if no record came for a while: the ring is then read only when the kernel programs wake the reader.
    rests: bool,
    /// Closes that found the ring full, kept until the records before them have been taken from the ring.
    late: Vec<ClosedRecord>,
    http2: Http2,
    /// True if the user gets remarks.
    is_told: bool,
    /// Remark on HTTP/2 for the end of the trace.
    remark: Option<String>,
}

/// Reading of HTTP/2.
pub(crate) struct Http2 {
    /// Way in which it is read.
    pub(crate) choice: Choice,
    /// The thread that places probes, if frames are read.
    pub(crate) probes: Option<Probes>,
}

/// Consumers of the trace that the source must know of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audience {
    /// True if there is a live screen.
    pub(crate) screen: bool,
    /// True if there is a recording.
    pub(crate) recording: bool,
    /// True if there is a text summary.
    pub(crate) summary: bool,
}

impl Tracing {
    /// Makes a source of attached programs.
    pub(crate) fn new(
        kernel: Kernel,
        namespaces: Namespaces,
        cgroups: CgroupPaths,
        target: Target,
        audience: Audience,
        http2: Http2,
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
            http2,
            is_told: audience.summary,
            remark: None,
        }
    }

    /// Waits for records, for the next read of the ring, or for the next listing.
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
                // Cleared before reading: a record that comes meanwhile makes it ready again.
                ready.map_err(&failed)?.clear_ready();
                Ok(Wake::Inputs)
            }
        }
    }

    /// Takes the records that wait in the ring, at most a batch. An empty ring makes the reader rest.
    pub(super) fn take_inputs(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let mut count = self.read_records(intake)?;
        if count == 0 && !self.rests {
            self.set_rest(true)?;
            // Records written before the kernel programs saw that the reader rests.
            count = self.read_records(intake)?;
        }
        if count != 0 && self.rests {
            self.set_rest(false)?;
        }
        Ok(())
    }

    /// Takes all records that have come, then lists sockets: the result may depend on those records. A DNS lookup, for
    /// example, is given up when its answer has not come, not when its answer has not been read.
    pub(super) fn take_listing(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        self.take_all(intake)?;
        let abandoned = self.namespaces.abandoned()?;
        self.look(intake)?;
        // Closed right after a listing, so that no event in the namespace is missed.
        for netns in abandoned {
            if self.namespaces.close(netns) {
                intake.input(&Input::RemovedNamespace { netns });
            }
        }
        Ok(())
    }

    /// Takes all records that have come, then the state of open connections.
    pub(super) fn look_again(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        self.take_all(intake)?;
        self.watch(intake)
    }

    /// Takes all records that wait in the ring, and of those that come meanwhile no more than the ring can hold.
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

    /// Takes the records that wait in the ring, at most a batch. Once the ring is empty, the late closes follow.
    pub(super) fn read_records(&mut self, intake: &mut Intake) -> Result<usize, SourceError> {
        self.kernel.print_log();
        intake.clock(clock::monotonic_ns());
        // Late closes are fetched first: all earlier records of their connections are then in the ring.
        self.late.extend(self.kernel.take_late_closes()?);
        let count = self.kernel.read_records(BATCH, |record| {
            if let Some(probes) = &mut self.http2.probes {
                probes.see(record);
            }
            intake.input(&Input::Record(record));
        });
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

    /// Takes all records that wait in the ring. Returns a time, ns: connections established later are not among them.
    pub(super) fn drain(&mut self, intake: &mut Intake) -> Result<u64, SourceError> {
        while self.read_records(intake)? == BATCH {}
        Ok(clock::monotonic_ns())
    }

    /// Adopts the connections established before `before_ns`. Later ones are reported in the ring, and some of the
    /// earlier ones may be reported there again.
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

    /// Replaces the filter, then adopts the open connections that it admits. Those that it does not admit any more are
    /// traced until they are closed.
    pub(super) fn set_filter(
        &mut self,
        filter: &Filter,
        intake: &mut Intake,
    ) -> Result<(), SourceError> {
        for (netns, ports) in self.namespaces.listening() {
            self.kernel.add_listeners(netns, &ports)?;
        }
        self.kernel.set_filter(filter)?;
        let records = self.kernel.sweep()?;
        self.take_all(intake)?;
        intake.input(&Input::Sweep {
            records: &records,
            last: false,
        });
        resolve::resolve(intake, &mut self.cgroups);
        self.join_namespaces(intake);
        Ok(())
    }

    fn join_namespaces(&mut self, intake: &mut Intake) {
        for netns in intake.take_namespaces() {
            intake.input(&match self.namespaces.join(netns) {
                Some(Joined {
                    netns,
                    range,
                    reserved,
                    time_wait,
                }) => Input::Namespace {
                    netns,
                    range,
                    reserved,
                    time_wait,
                },
                None => Input::UnseenNamespace { netns },
            });
        }
    }

    /// Lists sockets, with the state of each connection when the screen or the recording needs it.
    pub(super) fn look(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        if !self.watched {
            return self.list_sockets(Detail::Plain, intake);
        }
        self.list_sockets(Detail::Activity, intake)?;
        self.watch(intake)
    }

    /// Reads the state of each open connection.
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

    /// End of the source, if the target has ended by itself.
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

    /// Ends the trace now. A command that still runs is killed: no one would trace it any more.
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

    /// Passes a signal on to the command, unless it came from a key of the terminal, which the command has got too.
    /// False when there is no command to wait for.
    pub(super) fn pass_on(&self, signal: Heard) -> bool {
        let Target::Command { child, .. } = &self.target else {
            return false;
        };
        if !signal.is_key() {
            kill(child.id(), signal.for_command());
        }
        true
    }

    /// Waits for closing connections to finish: their last segments may still be under way.
    pub(super) async fn settle(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        let deadline = Instant::now() + SETTLE;
        // The kernel removes a process from the list before it closes the sockets.
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

    /// Takes the last records and figures, and ends the trace for the tracker.
    pub(super) fn finish(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        if let Some(recorder) = &mut intake.recorder {
            recorder.be_patient();
        }
        self.end_probes(intake);
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

    /// Removes the probes: processes that go on are not slowed down any longer.
    fn end_probes(&mut self, intake: &Intake) {
        let verdicts = self.http2.probes.take().map(Probes::end);
        if self.is_told && intake.snapshot().totals.connections.http2 != 0 {
            self.remark = remark(&self.http2.choice, &verdicts.unwrap_or_default());
        }
    }

    /// Remark on HTTP/2, after [`Self::finish`].
    pub(super) fn remark(&self) -> Option<String> {
        self.remark.clone()
    }

    /// Takes the records that were written before the sweep passed their socket, and leaves later ones: the trace ends
    /// with the sweep.
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

    /// Processor time that the command has used, once it has ended.
    pub(super) fn command_cpu(&self) -> Option<CpuTime> {
        match self.target {
            Target::Command { .. } => child::cpu(),
            _ => None,
        }
    }

    /// Reads the counters that the kernel programs keep beside the records.
    pub(super) fn read_counters(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        intake.input(&Input::Counters(self.kernel.counters()));
        if let Some(overflow) = self.kernel.overflow()? {
            intake.input(&Input::Overflow(std::borrow::Cow::Owned(overflow)));
        }
        Ok(())
    }
}

/// Sends a signal to the command. It has not been waited for, so the kernel cannot have reused its pid.
fn kill(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill(2) takes two numbers; the function of nix does not accept real-time signals.
        let _ = unsafe { libc::kill(pid, signal) };
    }
}
